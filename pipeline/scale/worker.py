"""One actor of Ray Data: a workshop in an event loop of its own; Ray's threads only hand parts in and wait.

Of a part comes one row, whatever happens: an error is told in it and not raised, which Ray would repeat for ever.
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

from pipeline.config import RunSettings
from pipeline.errors import ConfigError, ErrataError, StoppedEarly
from pipeline.scale.cluster import difference, versions
from pipeline.scale.remote_cache import Call
from pipeline.scale.report import Report, Trouble
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
    versions: dict[str, str]


class Worker:
    """Takes batches of one part each."""

    def __init__(self, job: Job, keeper: Any) -> None:
        import ray

        self._host = socket.gethostname()
        self._loop = asyncio.new_event_loop()
        threading.Thread(target=self._loop.run_forever, daemon=True, name="errata").start()
        self._trouble: Trouble | None = None
        self._workshop: Workshop | None = None
        try:
            bench = set_up(job, self._host, ray.get_runtime_context().get_actor_id() or "")
            workshop = Workshop(bench, calls_of(keeper))
            self._run(workshop.open())
            self._workshop = workshop
        except Exception as error:
            self._trouble = Trouble.of(error, self._host)

    def __call__(self, batch: dict[str, Any]) -> Iterator[dict[str, Any]]:
        for part in batch["part"]:
            yield {"report": [self._report(int(part)).to_json()]}

    def _report(self, part: int) -> Report:
        if self._workshop is None:
            return Report(part, "", trouble=self._trouble)
        return self._run(self._workshop.do_part(part))

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def __del__(self) -> None:
        workshop, self._workshop = self._workshop, None
        if workshop is not None:
            asyncio.run_coroutine_threadsafe(workshop.close(), self._loop).result(CLOSING)


def set_up(job: Job, host: str, actor: str) -> Bench:
    """Go to where the driver is. Raises ConfigError where this is another Errata than the driver's."""
    if differs := difference(versions(), job.versions):
        raise ConfigError(differs)
    if Path(job.directory).is_dir():
        os.chdir(job.directory)
    return Bench(job.settings, Path(job.folder), Path(job.parts), job.part_size, host, actor)


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
