"""Tickets for parts out to the workers of Ray Data, their reports in."""

from __future__ import annotations

import contextlib
import queue
import threading
from collections.abc import Mapping
from typing import Any

from pipeline.scale.cluster import data_context
from pipeline.scale.report import NO_PART, Report

AHEAD = 4
"""Reports that wait to be taken."""
LAST = 5.0
"""Seconds in which the next row may come."""


class Feed:
    """Reports of all parts as they are done. Read from a thread, so that whoever waits may do something else, too."""

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

    def next(self, timeout: float) -> Report | None:
        """The next report. Raises queue.Empty where none comes in time, and what Ray raised; None after the last."""
        came = self._reports.get(timeout=timeout)
        if isinstance(came, Exception):
            raise came
        return came

    def end(self) -> None:
        """Take no more: with the next row, Ray Data ends the workers; without one, the end of the connection does."""
        self._over.set()
        self._reader.join(LAST)

    def _read(self) -> None:
        last: Exception | None = None
        done: set[int] = set()
        rows: Any = iter(self._data.iter_batches(batch_size=None, batch_format="pyarrow", prefetch_batches=0))
        try:
            for table in rows:
                for told in table["report"].to_pylist():
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
        with contextlib.suppress(Exception):  # there may be nobody any more to be told that this is all
            rows.close()

    def _put(self, came: Report | Exception | None) -> None:
        while not self._over.is_set():
            try:
                self._reports.put(came, timeout=0.5)
                return
            except queue.Full:
                continue
