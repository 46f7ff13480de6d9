"""Tickets for parts out to the workers of Ray Data, their reports in."""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Generator, Mapping
from contextlib import closing
from types import TracebackType
from typing import Any, Self

from pipeline.scale.cluster import data_context
from pipeline.scale.report import NO_PART, Report

log = logging.getLogger(__name__)
AHEAD = 4
"""Reports that wait to be taken."""
LAST = 5.0
"""Seconds in which the next row may come."""
ENDING = 60.0
"""Seconds that a thread may take to end."""


class Feed:
    """Reports of all parts as they are done. Read from a thread, so that whoever waits may do something else, too.

    Use as a context manager. After it no thread of this calls Ray, which ends a process that does so when it is
    disconnected, without a word.
    """

    def __init__(
        self, parts: int, workers: int, at_once: int, *, cpus: float, gpus: float, told: Mapping[str, Any]
    ) -> None:
        import ray.data

        from pipeline.scale.worker import Worker

        data_context()
        tickets = parts + workers * at_once  # as many as workers that cannot work may keep
        items = [{"ticket": ticket} for ticket in range(tickets)]
        pool = ray.data.ActorPoolStrategy(
            size=workers,
            max_concurrent_calls_per_actor=at_once,
            max_tasks_in_flight_per_actor=at_once,  # a part must not stand behind tickets that wait for one
            enable_true_multi_threading=True,
        )
        self._data = ray.data.from_items(items, override_num_blocks=tickets).map_batches(
            Worker, batch_size=1, fn_constructor_kwargs=dict(told), compute=pool, num_cpus=cpus, num_gpus=gpus
        )
        self._parts = parts
        self._reports: queue.Queue[Report | Exception | None] = queue.Queue(AHEAD)
        self._over = threading.Event()
        self._reader = threading.Thread(target=self._read, daemon=True, name="errata-feed")
        self._reader.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Take no more: with the next row, Ray Data ends the workers; without one in time, it is made to."""
        self._over.set()
        self._reader.join(0 if kind is KeyboardInterrupt else LAST)
        for thread in self._executors():
            try:
                thread.shutdown(force=True)
            except Exception as other:  # what ended the build is to be told, not this
                log.warning("while Ray Data ended: %s", " ".join(str(other).split())[:500])
            thread.join(ENDING)
        self._reader.join(ENDING)

    def next(self, timeout: float) -> Report | None:
        """The next report. Raises queue.Empty where none comes in time, and what Ray raised; None after the last."""
        came = self._reports.get(timeout=timeout)
        if isinstance(came, Exception):
            raise came
        return came

    def _executors(self) -> list[Any]:
        """The thread in which Ray Data works on this, while there is one; it offers no other way to it."""
        name = f"StreamingExecutor-{self._data.get_dataset_id()}"
        return [thread for thread in threading.enumerate() if thread.name == name]

    def _read(self) -> None:
        last: Exception | None = None
        done: set[int] = set()
        try:
            with closing(self._rows()) as rows:
                for told in rows:
                    report = Report.from_json(told)
                    done |= {report.part} if report.trouble is None and report.part != NO_PART else set()
                    self._put(report)
                    if len(done) == self._parts:
                        self._over.wait()  # asked for more, Ray would end the workers now
                    if self._over.is_set():
                        break
        except Exception as error:
            last = error
        self._put(last)

    def _rows(self) -> Generator[str, None, None]:
        """What the workers told. Other iterators of Ray Data start threads, which none of them waits for at its end."""
        import ray
        from ray.data.block import BlockAccessor

        for bundle in self._data.iter_internal_ref_bundles():
            for block in bundle.block_refs:
                yield from BlockAccessor.for_block(ray.get(block)).to_arrow()["report"].to_pylist()

    def _put(self, came: Report | Exception | None) -> None:
        while not self._over.is_set():
            try:
                self._reports.put(came, timeout=0.5)
                return
            except queue.Full:
                continue
