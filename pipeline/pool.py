"""Worker processes with a hard time limit, usable from any event loop: a hung task costs its limit and its worker."""

from __future__ import annotations

import asyncio
import multiprocessing
import resource
import signal
from collections.abc import Callable
from typing import TypeVar
from weakref import WeakKeyDictionary

from pebble import ProcessExpired, ProcessPool

T = TypeVar("T")
MEMORY = 4 * 2**30
"""Bytes of address space that a worker may have; a task that wants more fails alone."""
QUEUED = 8
"""Tasks per worker and event loop that are handed to the pool at once; further ones wait outside."""


def _start_worker() -> None:
    """Ctrl-C is for the parent, which ends its workers itself; memory is bounded."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))


class WorkerPool:
    """A pool whose tasks are killed at their limit. Close it, or use it as a context manager."""

    def __init__(self, workers: int) -> None:
        context = multiprocessing.get_context("spawn")  # a forked copy of a process with threads may hang
        self._slots: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Semaphore] = WeakKeyDictionary()
        self._queued = QUEUED * workers
        self._pool = ProcessPool(max_workers=workers, context=context, initializer=_start_worker)

    async def run(self, function: Callable[..., T], *args: object, limit: float) -> T:
        """Run in a worker. Raises TimeoutError at `limit` seconds, RuntimeError when the worker died.

        Whoever finds the queue full waits; the limit counts from when the worker begins.
        """
        slots = self._slots.setdefault(asyncio.get_running_loop(), asyncio.Semaphore(self._queued))
        async with slots:
            future = self._pool.schedule(function, args=list(args), timeout=limit)
            try:
                result: T = await asyncio.wrap_future(future)
            except ProcessExpired as error:
                raise RuntimeError(f"the worker process died (exit code {error.exitcode})") from error
        return result

    def close(self) -> None:
        """End all workers at once."""
        self._pool.stop()
        self._pool.join()
