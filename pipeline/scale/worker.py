"""One actor of Ray Data: a workshop in an event loop of its own; Ray's threads only hand tickets in and wait.

Of a ticket comes one row, whatever happens: an error is told in it and not raised, which Ray would repeat for ever.
"""

from __future__ import annotations

import asyncio
import os
import socket
import threading
from collections.abc import Coroutine, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import psutil

from pipeline.config import RunSettings
from pipeline.errors import ErrataError, StoppedEarly
from pipeline.scale.cluster import difference, versions
from pipeline.scale.idle import TurnedDown
from pipeline.scale.keeper import Who
from pipeline.scale.remote_cache import Call
from pipeline.scale.report import Mismatch, Report, Trouble
from pipeline.scale.workshop import Bench, Workshop

T = TypeVar("T")
TRIES = (0.5, 1.0, 2.0, 4.0, 8.0)
"""Seconds before a call of the keeper is tried again that did not get through."""
CLOSING = 60.0
"""Seconds that closing may take once Ray ends the actor."""
GONE = "the process with the completion cache has ended; what was done is kept, and the same command goes on from there"


@dataclass(frozen=True)
class Job:
    """What every worker is told."""

    settings: RunSettings
    directory: str
    """The driver's working directory, which relative paths are relative to."""
    folder: str
    """The run's."""
    parts: str
    part_size: int
    workers: int
    versions: dict[str, str]


class Worker:
    """Takes batches of one ticket each."""

    def __init__(self, job: Job, keeper: Any) -> None:
        self._loop = asyncio.new_event_loop()
        threading.Thread(target=self._loop.run_forever, daemon=True, name="errata").start()
        who, call = who_is_here(), calls_of(keeper)
        self._opened: Workshop | TurnedDown
        try:
            workshop = Workshop(set_up(job, who), call)
            self._run(workshop.open())
            self._opened = workshop
        except Exception as error:
            self._opened = TurnedDown(who, Trouble.of(error, who.host), call)

    def __call__(self, batch: dict[str, Any]) -> Iterator[dict[str, Any]]:
        for ticket in batch["ticket"]:
            yield {"report": [self._report(int(ticket)).to_json()]}

    def _report(self, ticket: int) -> Report:
        return self._run(self._opened.take(ticket))

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def __del__(self) -> None:
        asyncio.run_coroutine_threadsafe(self._opened.close(), self._loop).result(CLOSING)


def who_is_here() -> Who:
    """This process."""
    import ray

    here = ray.get_runtime_context()
    pid = os.getpid()
    node, created = here.get_node_id(), psutil.Process(pid).create_time()
    return Who(here.get_actor_id() or "", socket.gethostname(), node, pid, created)


def set_up(job: Job, who: Who) -> Bench:
    """Go to where the driver is. Raises Mismatch where this is another Errata than the driver's."""
    if differs := difference(versions(), job.versions):
        raise Mismatch(differs)
    if Path(job.directory).is_dir():
        os.chdir(job.directory)
    return Bench(job.settings, Path(job.folder), Path(job.parts), job.part_size, who, job.workers)


def calls_of(keeper: Any) -> Call:
    """How the keeper is called: again where the network failed, and with its own errors."""
    from ray.exceptions import ActorUnavailableError, RayActorError, RayTaskError

    async def call(name: str, *arguments: object) -> Any:
        for wait in (*TRIES, None):
            try:
                return await getattr(keeper, name).remote(*arguments)
            except RayTaskError as error:
                if isinstance(error.cause, ErrataError):
                    raise error.cause from None
                raise
            except ActorUnavailableError as error:
                if wait is None:
                    raise StoppedEarly(GONE) from error
                await asyncio.sleep(wait)
            except RayActorError as error:
                raise StoppedEarly(GONE) from error
        raise AssertionError("the last try returns or raises")

    return call
