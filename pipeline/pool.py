"""Worker processes with a hard time limit, usable from any event loop: a hung task costs its limit and its worker.

Every worker has a pipe of its own, so one that dies holds nothing that the others need, and limits are kept by a
monotonic clock. A task whose worker died is given to a new one: whoever kills processes, such as a kernel short of
memory, need not have meant this task. One under which several die is told.
"""

from __future__ import annotations

import asyncio
import contextlib
import multiprocessing
import os
import resource
import signal
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.connection import Connection
from typing import TypeVar
from weakref import WeakKeyDictionary

T = TypeVar("T")
MEMORY = 4 * 2**30
"""Bytes of address space that a worker may have; a task that wants more fails alone."""
QUEUED = 8
"""Tasks per worker and event loop that are handed to the pool at once; further ones wait outside."""
GRACE = 5.0
"""Seconds of processor time beyond its limit after which a task ends its worker by itself."""
TRIES = 3
"""Workers that may die under one task."""


def _work(tasks: Connection) -> None:
    """A worker's life: Ctrl-C is for the parent, memory is bounded, and nobody outlives the parent.

    A thread looks after that; a task that lets no other thread run, as a long call of a C library, ends by itself.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    threading.Thread(target=_end_with_parent, daemon=True).start()
    while True:
        try:
            function, args, limit = tasks.recv()  # imports the function's module
            tasks.send("begun")
            signal.setitimer(signal.ITIMER_PROF, limit + GRACE)  # ends us, whatever runs, if the parent is gone by then
            made = (True, function(*args))
        except EOFError:
            return
        except Exception as error:  # it is the caller's
            made = (False, error)
        signal.setitimer(signal.ITIMER_PROF, 0)
        try:
            tasks.send(made)
        except Exception as error:  # what cannot be pickled
            tasks.send((False, RuntimeError(f"{type(error).__name__}: {error}")))


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)


class Worker:
    """One process and our end of its pipe."""

    def __init__(self) -> None:
        context = multiprocessing.get_context("spawn")  # a forked copy of a process with threads may hang
        self._tasks, theirs = context.Pipe()
        self._process = context.Process(target=_work, args=(theirs,), daemon=True)
        self._process.start()
        theirs.close()

    def do(self, function: Callable[..., T], args: tuple[object, ...], limit: float) -> T:
        """Raises what the task raises, TimeoutError at the limit, EOFError or OSError where the process has died."""
        self._tasks.send((function, args, limit))
        told = self._tasks.recv()
        if told == "begun":
            if not self._tasks.poll(limit):
                raise TimeoutError(f"the task took more than {limit:g} s")
            told = self._tasks.recv()
        went_well, result = told
        if went_well:
            made: T = result
            return made
        raise TaskFailed(result)

    def end(self) -> int | None:
        """Kill it; returns its exit code."""
        self._process.kill()
        self._process.join()
        return self._process.exitcode


class TaskFailed(Exception):
    """The task `raised` something."""

    def __init__(self, raised: Exception) -> None:
        self.raised = raised
        super().__init__(str(raised))


class WorkerPool:
    """A pool whose tasks are killed at their limit. Close it."""

    def __init__(self, workers: int) -> None:
        self._slots: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Semaphore] = WeakKeyDictionary()
        self._queued = QUEUED * workers
        self._threads = ThreadPoolExecutor(workers, thread_name_prefix="pool")
        self._own = threading.local()
        """The worker of each thread."""
        self._workers: set[Worker] = set()
        self._lock = threading.Lock()
        self._closed = False

    async def run(self, function: Callable[..., T], *args: object, limit: float) -> T:
        """Run in a worker. Raises TimeoutError at `limit` seconds, RuntimeError when worker after worker died.

        Whoever finds the queue full waits; the limit counts from when the worker begins.
        """
        loop = asyncio.get_running_loop()
        async with self._slots.setdefault(loop, asyncio.Semaphore(self._queued)):
            return await loop.run_in_executor(self._threads, self._run, function, args, limit)

    def _run(self, function: Callable[..., T], args: tuple[object, ...], limit: float) -> T:
        code: int | None = None
        for _ in range(TRIES):
            worker = self._worker()
            try:
                return worker.do(function, args, limit)
            except TaskFailed as error:
                raise error.raised from None
            except TimeoutError:
                self._end(worker)
                raise
            except (EOFError, OSError):
                code = self._end(worker)
        raise RuntimeError(f"the worker process died (exit code {code}), {TRIES} times")

    def _worker(self) -> Worker:
        """This thread's worker, a new one where it has none."""
        with self._lock:
            if self._closed:
                raise RuntimeError("the pool is closed")
            if getattr(self._own, "worker", None) is None:
                self._own.worker = Worker()
                self._workers.add(self._own.worker)
            worker: Worker = self._own.worker
            return worker

    def _end(self, worker: Worker) -> int | None:
        with self._lock:
            self._own.worker = None
            self._workers.discard(worker)
        return worker.end()

    def close(self) -> None:
        """End all workers at once."""
        with self._lock:
            self._closed = True
            for worker in self._workers:
                with contextlib.suppress(OSError):
                    worker.end()
        self._threads.shutdown(cancel_futures=True)
