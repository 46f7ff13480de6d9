"""What the driver does about workers that fail, without a cluster: goes on, ends them, or ends the build."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from pipeline.errors import ConfigError, StoppedEarly
from pipeline.problems import ProblemSource
from pipeline.scale import driver as driver_module
from pipeline.scale.build import read_problems
from pipeline.scale.cluster import kill_process
from pipeline.scale.driver import Run
from pipeline.scale.gathered import Gathered
from pipeline.scale.keeper import State, Who
from pipeline.scale.report import Report, Trouble, WorkerFailed
from pipeline.stages import QUIET
from pipeline.tally import Outcome
from tests.pipeline.scale.lesson import make_settings, write_problems

PROBLEMS = 3000
BROKEN = Trouble.of(ConfigError("set the environment variable KEY"), "node7")


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Run]:
    """The driver of a build with two workers."""
    settings = make_settings(tmp_path, write_problems(tmp_path / "problems.jsonl", 6), scale={"silence": 100})
    settings.run_dir.mkdir()
    with Gathered(settings.run_dir, time.perf_counter(), PROBLEMS) as account:
        made = Run(settings, settings.run_dir, read(settings), account, QUIET)
        made._workers = 2
        yield made


def read(settings: Any) -> ProblemSource:
    import asyncio

    return asyncio.run(read_problems(settings))


def state(*, unusable: list[Trouble] | None = None, silent: list[tuple[Who, float]] | None = None) -> State:
    return State(0, 0, 0, None, [], [], unusable or [], silent or [])


def report(part: int, problems: int, failing: int, each: int = 1) -> Report:
    """A part of so many problems, at so many of which something raised, for so many at a time."""
    numbers = range(part * problems, (part + 1) * problems)
    raised = dict.fromkeys(numbers[: failing * each : each], each)
    return Report(part, "s", [Outcome(number) for number in numbers], raised=raised, traceback="Traceback: here")


def test_a_worker_that_cannot_open_its_engines_is_done_without_and_told_once(
    run: Run, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(3):
        run._go_on_without(state(unusable=[BROKEN]))
    (told,) = [record.getMessage() for record in caplog.records]
    assert "goes on without a worker" in told
    assert "on node7: set the environment variable KEY" in told


def test_where_no_worker_can_open_its_engines_the_build_ends_with_the_reason(run: Run) -> None:
    other = Trouble.of(RuntimeError("no GPU"), "node8")
    with pytest.raises(ConfigError, match="on node7: set the environment variable KEY"):
        run._go_on_without(state(unusable=[BROKEN, other]))
    with pytest.raises(WorkerFailed, match="no GPU"):
        run._go_on_without(state(unusable=[other, BROKEN]))


def test_a_few_problems_that_raise_are_told_once_and_the_build_goes_on(
    run: Run, caplog: pytest.LogCaptureFixture
) -> None:
    for part, failing in enumerate((19, 0, 0, 0, 5, 6)):
        made = report(part, 500, failing)
        run.account.gather(made)
        run._count_raised(made)
    run._count_raised(report(0, 500, 19))
    (told,) = [record.getMessage() for record in caplog.records]
    assert "problem number 0 from 0" in told
    assert "Traceback: here" in told


def test_where_many_raise_it_is_a_bug(run: Run) -> None:
    made = report(0, 500, 20)
    run.account.gather(made)
    with pytest.raises(WorkerFailed, match=r"20 problems raised an error(.|\n)*Traceback: here"):
        run._count_raised(made)


def test_those_that_are_asked_together_fail_once(run: Run) -> None:
    for part, failing in enumerate((19, 0)):
        made = report(part, 1500, failing, each=32)
        run.account.gather(made)
        run._count_raised(made)
    with pytest.raises(WorkerFailed, match="640 problems"):
        run._count_raised(report(1, 1500, 1, each=32))


def test_a_silent_worker_is_ended_and_again_if_it_stays_silent(
    run: Run, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    ended: list[tuple[str, int, float]] = []
    monkeypatch.setattr(driver_module, "end_process", lambda *process: ended.append(process))
    hung, other = Who("a", "node7", "n7", 77, 5.0), Who("b", "node8", "n8", 88, 5.0)
    for seconds in (99.0, 101.0, 150.0, 200.0, 202.0):
        run._end_silent(state(silent=[(hung, seconds), (other, 50.0)]))
    assert ended == [("n7", 77, 5.0)] * 2
    assert "on node7: nothing heard of a worker for 101 s" in caplog.text


def test_a_process_is_ended_only_if_it_is_still_the_same(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        created = psutil.Process(process.pid).create_time()
        kill_process(process.pid, created - 100)
        assert process.poll() is None
        os.kill(process.pid, 19)  # SIGSTOP: it hangs
        kill_process(process.pid, created)
        assert process.wait() == -9
    kill_process(process.pid, created)


def test_an_error_of_ray_while_the_workers_close_ends_no_complete_run(
    run: Run, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    exceptions = pytest.importorskip("ray.exceptions")

    class Feed:
        def next(self, timeout: float) -> None:
            raise exceptions.ActorDiedError

    monkeypatch.setattr(run, "_ask", lambda name, *_: state()._replace(open=1) if name == "state" else None)
    with caplog.at_level(logging.WARNING):
        run._close_workers(Feed())  # type: ignore[arg-type]
    assert "while the workers closed" in caplog.text

    def gone(name: str, *_: object) -> None:
        raise StoppedEarly("the keeper is gone")

    monkeypatch.setattr(run, "_ask", gone)
    with pytest.raises(StoppedEarly):
        run._close_workers(Feed())  # type: ignore[arg-type]
