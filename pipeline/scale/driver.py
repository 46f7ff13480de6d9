"""The driver's side of a build on Ray: starts the keeper and the workers, counts what comes back, hears Ctrl-C."""

from __future__ import annotations

import logging
import math
import queue
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from pipeline.answer_format.form import Detected
from pipeline.config import RunSettings
from pipeline.errors import ConfigError, ErrataError, StoppedEarly
from pipeline.finish import Basis
from pipeline.meter import Meter
from pipeline.problems import ProblemSource
from pipeline.scale.cluster import end_process, find_nodes, look_at, versions
from pipeline.scale.feed import Feed
from pipeline.scale.gathered import Gathered
from pipeline.scale.keeper import Keeper, State
from pipeline.scale.limits import capacity_of, exceeded, gpus_needed, group_size_of, meter_names, share_limits
from pipeline.scale.parts import part_size, write_parts
from pipeline.scale.report import NO_PART, Report, WorkerFailed, hear_meters
from pipeline.scale.shards import PARTS
from pipeline.stages import Progress

log = logging.getLogger(__name__)
LOOK_EVERY = 0.5
"""Seconds between two looks at what the workers do."""
CLOSING = 60.0
"""Seconds that workers may take to end their servers."""
LONELY = 60.0
"""Seconds without a word from any worker after which that is told."""
MOST_AT_ONCE = 64
"""Parts under way in a worker at most, if not set: each has a thread that waits for it."""
INTERRUPTED = "stopped by Ctrl-C; what was done is kept, and the same command goes on from there"
CALL = 120.0
"""Seconds that an answer of the keeper may take."""
FEW, SHARE = 20, 0.01
"""A build in which so many times something raised what is no error of ours, and at more than this share of the problems
that are done, is ended as a bug."""


class Run:
    """The driver's side of a build, while it is connected."""

    def __init__(
        self, settings: RunSettings, folder: Path, problems: ProblemSource, account: Gathered, progress: Progress
    ) -> None:
        self.settings, self.folder, self.problems = settings, folder, problems
        self.account, self.progress = account, progress
        self.meters = {name: Meter() for name in meter_names(settings)}
        self.shards: list[str] = []
        self._interrupted = threading.Event()
        self._heard = time.monotonic()
        self._looked = 0.0
        self._shown = 0
        self._workers = 0
        """That there can be at once."""
        self._told: set[str] = set()
        """Why workers cannot work, of which the log was told."""
        self._ended: dict[str, float] = {}
        """Seconds of silence after which a worker's process was ended, by its name."""
        self._raised: dict[int, int] = {}
        self._reported: list[int] = []
        """Parts of which the keeper has not been told yet."""

    def work(self) -> None:
        """All parts to the workers and back. Raises as `build_on_ray`."""
        with self._start() as feed:
            try:
                with self._on_interrupt():
                    self._take_reports(feed)
                self._close_workers(feed)
            except StoppedEarly as error:
                with suppress(StoppedEarly):  # the keeper may be what has ended
                    self._close_workers(feed)
                done = f"{self.account.done:,} of {len(self.problems):,} problems are done"
                raise StoppedEarly(f"{error} ({done})") from error
            except Exception:
                with suppress(StoppedEarly):
                    self._ask("stop", "the build has ended")
                    self._ask("close_workers")
                raise
        self.account.check_complete()
        self.shards, found, fingerprints, self.paid = self._ask("result")
        self._ask("shut")
        assert found is not None
        self.basis = Basis(Detected.model_validate_json(found), fingerprints)

    def _start(self) -> Feed:
        import ray
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        from pipeline.scale.worker import Job

        scale = self.settings.scale
        nodes = find_nodes()
        gpus = scale.gpus
        if gpus is None:
            gpus = gpus_needed(self.settings) if any(node.gpus for node in nodes) else 0.0
        fitting = [node for node in nodes if node.room(scale.cpus, gpus)]
        room = sum(node.room(scale.cpus, gpus) for node in fitting)
        if not room:
            told = "; ".join(f"{node.host} has {node.cpus:g} and {node.gpus:g}" for node in nodes)
            raise ConfigError(f"scale: no node has {scale.cpus:g} processors and {gpus:g} GPUs for a worker: {told}")
        workers = scale.workers or room
        if workers > room:
            log.warning("the cluster has room for %d of %d workers; the others wait for further nodes", room, workers)
        self._workers = min(workers, room)
        for name in exceeded(self.settings, workers):
            log.warning("%s: there are %d workers, which ask it at least once each at a time", name, workers)
        look_at(fitting, self.folder)
        shared = share_limits(self.settings, workers)
        group_size = group_size_of(shared)
        size = part_size(len(self.problems), scale.part, workers, group_size)
        parts = self.folder / PARTS / "problems.parquet"
        sizes = write_parts(parts, self.problems, size)
        under_way = self.settings.concurrency or 64 + 2 * sum(capacity_of(shared))
        at_once = scale.parts_at_once or min(MOST_AT_ONCE, max(2, math.ceil(under_way / size) + 1))
        here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
        options: dict[str, Any] = {"num_cpus": 0, "max_restarts": 0, "scheduling_strategy": here}
        cache = (self.settings.runs_dir / "completions.sqlite").resolve()
        self._keeper = ray.remote(Keeper).options(**options).remote(str(cache), self.settings.name, len(sizes))
        self._ask("state")
        job = Job(self.settings, str(Path.cwd()), str(self.folder), str(parts), size, workers, versions())
        log.info("%d parts for %d workers on %d nodes", len(sizes), self._workers, len(fitting))
        self.progress.watch(self.account.tally, self.meters)
        self.progress("problems", 0, len(self.problems))
        self._parts = len(sizes)
        given = {"job": job, "keeper": self._keeper}
        return Feed(len(sizes), workers, at_once, cpus=scale.cpus, gpus=gpus, told=given)

    def _take_reports(self, feed: Feed) -> None:
        """Until the last part is there. Raises StoppedEarly once nothing is under way any more."""
        stopped: StoppedEarly | None = None
        taken: set[int] = set()
        while len(taken) < self._parts:
            try:
                report = feed.next(LOOK_EVERY)
            except queue.Empty:
                pass
            except ErrataError:
                raise
            except Exception as error:
                raise self._explain(error) from error
            else:
                if report is None:
                    break
                self.account.gather(report)
                self._count_raised(report)
                if report.trouble is None:
                    taken |= {report.part} - {NO_PART}
                    self._reported.append(report.part)
                elif not isinstance(report.trouble.error, StoppedEarly):
                    raise report.trouble.error
                else:
                    stopped = self._stop(stopped, str(report.trouble.error))
            if self._interrupted.is_set():
                stopped = self._stop(stopped, INTERRUPTED)
            if time.monotonic() - self._looked > LOOK_EVERY:
                state = self._look()
                if stopped is not None and not state.under_way:
                    raise stopped
                self._go_on_without(state)
                self._end_silent(state)
        if stopped is not None and len(taken) < self._parts:
            raise stopped

    def _stop(self, stopped: StoppedEarly | None, reason: str) -> StoppedEarly:
        if stopped is None:
            self._ask("stop", reason)
        return stopped or StoppedEarly(reason)

    def _look(self) -> State:
        """Look at the workers, and show it."""
        state: State = self._ask("state", self._reported)
        self._reported = []
        self._looked = time.monotonic()
        for line in state.log:
            log.info("%s", line)
        sums = {name: Meter() for name in self.meters}
        for meters in state.meters:
            for name, meter in hear_meters(meters).items():
                sums[name].add(meter)
        for name, total in sums.items():
            vars(self.meters[name]).update(vars(total))
        self._shown = max(self._shown, min(self.account.done + state.done, len(self.problems)))
        self.progress("problems", self._shown, len(self.problems))
        now = time.monotonic()
        if state.silence is None or state.silence > LONELY:
            if now - self._heard > LONELY:
                log.warning("no worker is alive; Ray starts one as soon as a node has room for it")
                self._heard = now
        else:
            self._heard = now
        return state

    def _count_raised(self, report: Report) -> None:
        """Raises WorkerFailed where it is not about a few problems."""
        if report.raised and not self._raised:
            number = min(report.raised)
            told = "problem number %d from 0 raised an error, which its attempts are recorded to have failed by; "
            log.warning(told + "others that do are recorded, too\n%s", number, report.traceback)
        self._raised |= report.raised
        if len(self._raised) >= FEW and sum(self._raised.values()) > SHARE * self.account.done:
            raise WorkerFailed(
                f"{sum(self._raised.values())} problems raised an error, the last one:\n{report.traceback}"
            )

    def _go_on_without(self, state: State) -> None:
        """Tell which workers cannot work. Raises the error of one of them where no worker can."""
        for trouble in state.unusable:
            if trouble.told not in self._told:
                self._told.add(trouble.told)
                log.warning("the build goes on without a worker that cannot open its engines: %s", trouble.told)
        if len(state.unusable) >= self._workers:
            raise state.unusable[0].error

    def _end_silent(self, state: State) -> None:
        """End the processes of workers of which nothing is heard; Ray starts them again."""
        limit = self.settings.scale.silence
        for who, seconds in state.silent:
            if seconds > self._ended.get(who.start, 0.0) + limit:
                log.warning(
                    "on %s: nothing heard of a worker for %d s; its process (%d) is ended", who.host, seconds, who.pid
                )
                self._ended[who.start] = seconds
                end_process(who.node, who.pid, who.created)

    def _close_workers(self, feed: Feed) -> None:
        """Have engines and journals closed, so that no server outlives the run; what fails then ends no run."""
        self._ask("close_workers")
        deadline = time.monotonic() + CLOSING
        while self._look().open and time.monotonic() < deadline:
            try:
                if feed.next(LOOK_EVERY) is None:
                    break
            except queue.Empty:
                continue
            except Exception as error:
                log.warning("while the workers closed: %s", self._explain(error))
                break

    def _ask(self, name: str, *arguments: object) -> Any:
        """Ask the keeper. Raises StoppedEarly where it is gone."""
        import ray

        try:
            return ray.get(getattr(self._keeper, name).remote(*arguments), timeout=CALL)
        except Exception as error:
            raise self._explain(error) from error

    @staticmethod
    def _explain(error: Exception) -> Exception:
        """Our own error, where Ray carries one; StoppedEarly where a part of Ray has ended; else a bug, as it is."""
        from ray.exceptions import RayError, RayTaskError

        cause = getattr(error, "cause", None)
        if isinstance(cause, ErrataError):
            return cause
        if isinstance(error, RayTaskError) or not isinstance(error, RayError | TimeoutError):
            return error
        told = " ".join(str(error).split())[:500]
        return StoppedEarly(f"Ray: {type(error).__name__}: {told}; what was done is kept, run again")

    @contextmanager
    def _on_interrupt(self) -> Iterator[None]:
        """The first Ctrl-C lets the requests under way come to their end, since they are paid; the second does not."""
        before = signal.getsignal(signal.SIGINT)
        ours = threading.current_thread() is threading.main_thread() and before not in (signal.SIG_IGN, None)

        def interrupt(*_: object) -> None:
            signal.signal(signal.SIGINT, before)
            under_way = sum(meter.in_flight for meter in self.meters.values())
            log.warning("Ctrl-C: waiting for %d requests under way; Ctrl-C again stops at once", under_way)
            self._interrupted.set()

        if ours:
            signal.signal(signal.SIGINT, interrupt)
        try:
            yield
        finally:
            if ours:
                signal.signal(signal.SIGINT, before)
