"""Workshops without Ray, side by side in one process: the same data set as a local build, whoever of them is lost."""

from __future__ import annotations

import asyncio
import itertools
import json
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from pipeline.answer_format.form import Detected
from pipeline.config import RunSettings
from pipeline.errors import StoppedEarly
from pipeline.finish import Basis, finish_run
from pipeline.run import build
from pipeline.scale.build import read_problems
from pipeline.scale.gathered import Gathered
from pipeline.scale.keeper import Keeper, Who
from pipeline.scale.limits import group_size_of
from pipeline.scale.parts import write_parts
from pipeline.scale.report import NO_PART, Mismatch, Report, hear_meters
from pipeline.scale.shards import PARTS, SHARDS, clear_scratch, merge_shards
from pipeline.scale.workshop import BUG, LOST, Bench, Workshop
from pipeline.store import RunFolder
from pipeline.summary import Summary, count_use
from tests.pipeline.scale.lesson import digest, ids, make_settings, write_problems

PART = 4


class Hall:
    """A keeper, and workshops that come and go."""

    def __init__(self, settings: RunSettings, keeper: Keeper) -> None:
        self.settings, self.keeper = settings, keeper
        self.names = itertools.count()

    def call(self, name: str, *arguments: object) -> Awaitable[Any]:
        made: Awaitable[Any] = getattr(self.keeper, name)(*arguments)
        return made

    async def open(self, actor: str | None = None) -> Workshop:
        folder = self.settings.run_dir
        parts = folder / PARTS / "problems.parquet"
        bench = Bench(self.settings, folder, parts, PART, Who(actor or f"actor {next(self.names)}", "here"))
        workshop = Workshop(bench, self.call)
        await workshop.open()
        return workshop


def build_in_hall(settings: RunSettings, work: Callable[[Hall, int], Awaitable[list[Report]]]) -> Summary:
    """As the driver does it; `work` gives the reports of so many parts."""

    async def run() -> Any:
        sizes = write_parts(settings.run_dir / PARTS / "problems.parquet", problems, PART)
        keeper = Keeper(str(settings.runs_dir / "completions.sqlite"), settings.name, len(sizes))
        reports = await work(Hall(settings, keeper), len(sizes))
        state = await keeper.state()
        await keeper.shut()
        return reports, state, await keeper.result()

    assert PART % group_size_of(settings) == 0
    with RunFolder(settings.run_dir) as folder:
        problems = asyncio.run(read_problems(settings))
        with Gathered(settings.run_dir, time.perf_counter(), len(problems)) as account:
            reports, state, (order, found, fingerprints, spent) = asyncio.run(run())
            for report in reports:
                if report.trouble is not None:
                    raise report.trouble.error
                account.gather(Report.from_json(report.to_json()))
            account.check_complete()
            account.moved = merge_shards(settings.run_dir, order)
            clear_scratch(settings.run_dir)
            basis = Basis(Detected.model_validate_json(found), fingerprints)
            use = count_use(hear_meters(state.meters[-1]), spent)
            return finish_run(settings, folder, account, problems, basis, use)


@pytest.fixture
def local(tmp_path: Path) -> tuple[Path, dict[str, str]]:
    """The problems' file, and what a local build of them leaves."""
    problems = write_problems(tmp_path / "problems.jsonl", 26)
    settings = make_settings(tmp_path / "local", problems)
    asyncio.run(build(settings))
    return problems, digest(settings.run_dir)


async def take_turns(workshops: list[Workshop], parts: int) -> list[Report]:
    """All parts, two at a time in each workshop."""
    made = [workshops[part % len(workshops)].do_part(part) for part in range(parts)]
    reports = list(await asyncio.gather(*made))
    for workshop in workshops:
        await workshop.close()
    return reports


def test_three_workshops_leave_what_a_local_build_leaves(tmp_path: Path, local: tuple[Path, dict[str, str]]) -> None:
    settings = make_settings(tmp_path / "hall", local[0])

    async def work(hall: Hall, parts: int) -> list[Report]:
        return await take_turns([await hall.open() for _ in range(3)], parts)

    summary = build_in_hall(settings, work)
    assert digest(settings.run_dir) == local[1]
    assert summary.usage["student"].completions >= 26 * 4
    assert ids(settings.run_dir) == ids(tmp_path / "local" / "run")
    assert not (settings.run_dir / SHARDS).exists()
    again = asyncio.run(build(settings))
    assert again.kept == summary.kept
    assert again.usage["student"].completions == summary.usage["student"].completions, (
        "the cache and the journals are those of any build"
    )


def test_a_part_that_is_done_twice_counts_once(tmp_path: Path, local: tuple[Path, dict[str, str]]) -> None:
    settings = make_settings(tmp_path / "hall", local[0])

    async def work(hall: Hall, parts: int) -> list[Report]:
        workshops = [await hall.open() for _ in range(2)]
        twice = [await workshops[1].do_part(part) for part in (0, 2, 0)]
        return [*twice, *await take_turns(workshops, parts)]

    build_in_hall(settings, work)
    assert digest(settings.run_dir) == local[1]


@pytest.mark.parametrize("calls", [3, 10, 40])
def test_a_workshop_that_dies_at_any_call_of_the_keeper_costs_nothing(
    tmp_path: Path, local: tuple[Path, dict[str, str]], calls: int
) -> None:
    settings = make_settings(tmp_path / "hall", local[0])

    async def work(hall: Hall, parts: int) -> list[Report]:
        dying = await hall.open("actor x")
        left, over = itertools.count(calls, -1), asyncio.Event()

        async def call(name: str, *arguments: object) -> Any:
            if next(left) <= 0:
                await over.wait()  # as one that is gone: nothing more is heard of it
                raise StoppedEarly("it is gone")
            return await hall.call(name, *arguments)

        dying.call = dying.cache._call = call  # type: ignore[method-assign]
        lost = asyncio.ensure_future(asyncio.gather(*[dying.do_part(part) for part in range(3)]))
        await asyncio.wait([lost], timeout=0.5)
        reports = await take_turns([await hall.open("actor x"), await hall.open()], parts)
        over.set()
        await lost
        return reports

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("pipeline.scale.shards.PATIENCE", 0.1)
        patch.setattr("pipeline.scale.keeper.SILENT", 0.5)
        patch.setattr("pipeline.scale.keeper.LONGEST_WAIT", 0.1)
        build_in_hall(settings, work)
    assert digest(settings.run_dir) == local[1]


@pytest.mark.parametrize("bad", [2, 9])
def test_a_problem_that_ends_its_workshop_is_recorded_and_the_others_go_on(
    tmp_path: Path, local: tuple[Path, dict[str, str]], bad: int
) -> None:
    """Problem 2 is one of those from which the answer format is found."""
    settings = make_settings(tmp_path / "hall", local[0])
    asked: Counter[int] = Counter()

    async def work(hall: Hall, parts: int) -> list[Report]:
        reports: dict[int, Report] = {}
        while len(reports) < parts:
            workshop = await hall.open("actor x")
            died = asyncio.get_running_loop().create_future()
            sample = workshop.stages.sampler.sample

            async def ask(problems: Any, sample: Any = sample, died: Any = died) -> Any:
                numbers = [int(problem.id.removeprefix("p")) for problem in problems]
                asked.update(numbers)
                if bad in numbers:
                    died.set_result(None) if not died.done() else None
                    await asyncio.Event().wait()
                return await sample(problems)

            workshop.stages.sampler.sample = ask  # type: ignore[method-assign]

            async def do_all(workshop: Workshop = workshop) -> None:
                for part in range(parts):
                    if part not in reports:
                        reports[part] = await workshop.do_part(part)
                await workshop.close()

            doing = asyncio.ensure_future(do_all())
            await asyncio.wait([doing, died], return_when=asyncio.FIRST_COMPLETED)
            if died.done():
                doing.cancel()
        return list(reports.values())

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("pipeline.scale.shards.PATIENCE", 0.1)
        summary = build_in_hall(settings, work)
    assert asked[bad] == 3, "it is not tried a fourth time"
    assert (summary.failed, summary.attempts) == (4, 26 * 4)
    told = [json.loads(line) for line in (settings.run_dir / "unknown.jsonl").read_text().splitlines()]
    assert [line["problem_id"] for line in told if line["verdict"] == "failed"] == [f"p{bad}"] * 4
    assert all(line["reason"] == LOST for line in told if line["verdict"] == "failed")


def test_a_stop_lets_what_is_under_way_end_and_nothing_new_begin(
    tmp_path: Path, local: tuple[Path, dict[str, str]]
) -> None:
    settings = make_settings(tmp_path / "hall", local[0])

    async def work(hall: Hall, parts: int) -> list[Report]:
        workshop = await hall.open()
        first = await workshop.do_part(0)
        await hall.call("stop", "enough")
        while workshop.access._stopped is None:  # until it has heard
            await asyncio.sleep(0.01)
        second = await workshop.do_part(1)
        await workshop.close()
        return [first, second]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("pipeline.scale.workshop.BEAT", 0.01)
        with pytest.raises(StoppedEarly, match="enough"):
            build_in_hall(settings, work)


def test_workshops_take_parts_until_none_is_left_and_then_wait_for_the_end(
    tmp_path: Path, local: tuple[Path, dict[str, str]]
) -> None:
    settings = make_settings(tmp_path / "hall", local[0])

    async def work(hall: Hall, parts: int) -> list[Report]:
        workshops = [await hall.open() for _ in range(2)]
        taking = [asyncio.ensure_future(workshops[n % 2].take(n)) for n in range(parts + 4)]
        reports: list[Report] = []
        for next_one in asyncio.as_completed(taking):
            reports.append(await next_one)
            if len(reports) == parts:
                assert {report.part for report in reports} == set(range(parts))
                await hall.call("close_workers")
        assert [report.part for report in reports[parts:]] == [NO_PART] * 4
        assert (await hall.keeper.state()).open == 0, "all are closed before their last tickets come back"
        return reports[:parts]

    build_in_hall(settings, work)
    assert digest(settings.run_dir) == local[1]


@pytest.mark.parametrize("place", ["asked", "finished"])
@pytest.mark.parametrize("bad", [2, 9])
def test_a_problem_at_which_something_raises_is_recorded_and_the_others_go_on(
    tmp_path: Path, local: tuple[Path, dict[str, str]], bad: int, place: str
) -> None:
    """Problem 2 is one of those from which the answer format is found."""
    settings = make_settings(tmp_path / "hall", local[0])

    async def work(hall: Hall, parts: int) -> list[Report]:
        workshop = await hall.open()
        stages = workshop.stages
        check, topic = stages.checker.check, stages.topic

        async def check_or_raise(problem: Any, text: str) -> Any:
            if place == "asked" and problem.id == f"p{bad}":
                raise ZeroDivisionError("a checker of somebody's \ud800")
            return await check(problem, text)

        def topic_or_raise(problem: Any) -> str | None:
            if place == "finished" and problem.id == f"p{bad}" and not raised:
                raised.append(problem.id)
                raise ZeroDivisionError("a stage")
            return topic(problem)

        raised: list[str] = []
        stages.checker.check = check_or_raise  # type: ignore[method-assign]
        stages.topic = topic_or_raise  # type: ignore[method-assign]
        reports = await take_turns([workshop], parts)
        told = {number: count for report in reports for number, count in report.raised.items()}
        assert list(told.values()) == [1]
        assert ["ZeroDivisionError" in report.traceback for report in reports].count(True) == 1
        return reports

    summary = build_in_hall(settings, work)
    assert (summary.failed, summary.attempts) == (4, 26 * 4)
    told = [json.loads(line) for line in (settings.run_dir / "unknown.jsonl").read_text().splitlines()]
    failed = [line for line in told if line["verdict"] == "failed"]
    assert [line["problem_id"] for line in failed] == [f"p{bad}"] * 4
    assert all(line["reason"].startswith(f"{BUG}: ZeroDivisionError: a ") for line in failed)
    again = asyncio.run(build(settings))
    assert again.failed == 0, "the next build tries it again"
    left, whole = digest(settings.run_dir), dict(local[1])
    del left["summary.json"], whole["summary.json"]  # it tells from how many answers the format was found
    assert left == whole


def test_of_problems_that_are_asked_together_only_the_one_that_raises_fails(
    tmp_path: Path, local: tuple[Path, dict[str, str]]
) -> None:
    settings = make_settings(tmp_path / "hall", local[0])

    async def work(hall: Hall, parts: int) -> list[Report]:
        workshop = await hall.open()
        workshop.group_size = PART
        finish = workshop.stages.finish_problem

        async def finish_or_raise(outcome: Any, problem: Any, attempts: Any) -> Any:
            if problem.id == "p9" and attempts[0].failure is None:
                raise ZeroDivisionError
            return await finish(outcome, problem, attempts)

        workshop.stages.finish_problem = finish_or_raise  # type: ignore[method-assign]
        return await take_turns([workshop], parts)

    assert build_in_hall(settings, work).failed == 4


def test_a_workshop_with_another_template_is_refused(tmp_path: Path, local: tuple[Path, dict[str, str]]) -> None:
    """As where the folder of prompts is not the same on two machines."""
    prompts = tmp_path / "prompts"
    prompts.mkdir()
    settings = make_settings(tmp_path / "hall", local[0], prompts=str(prompts))

    async def work(hall: Hall, parts: int) -> list[Report]:
        first = await hall.open()
        (prompts / "mine.jinja").write_text("another")
        with pytest.raises(Mismatch, match="another folder of prompts than on here"):
            await hall.open()
        (prompts / "mine.jinja").unlink()
        return await take_turns([first, await hall.open()], parts)

    build_in_hall(settings, work)
    assert digest(settings.run_dir) == local[1]
