"""One run: problems ──▶ attempts ──▶ corrections ──▶ pairs ──▶ dataset, as one asyncio program.

Each problem moves on as soon as its own last step is done; `concurrency` bounds how many are under way. What is done
is in the journals and the completion cache, so the same call after an interruption goes on from there.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Protocol, TypeVar

import yaml

from pipeline.cache import CachedEngine, CompletionCache
from pipeline.checkers.base import Checker
from pipeline.config import RunSettings
from pipeline.correct import Ladder, find_mistakes
from pipeline.engines.base import Engine
from pipeline.errors import DataError, StoppedEarly
from pipeline.export import export_pairs
from pipeline.pair import Pairing
from pipeline.problems import ReadReport, read_problems
from pipeline.prompts import Prompts
from pipeline.rungs.base import Sources
from pipeline.sample import Sampler, make_conversation
from pipeline.store import RunFolder, write_file
from pipeline.summary import Summary, Tally
from pipeline.types import Attempt, Pair, Problem, content_id

T = TypeVar("T")


class Progress(Protocol):
    """Told of every step; the command line draws bars from it."""

    def __call__(self, stage: str, done: int, total: int) -> None: ...


def quiet(stage: str, done: int, total: int) -> None:
    """No progress shown."""


@dataclass
class Stages:
    """The stages of a run, ready to work."""

    sampler: Sampler
    ladder: Ladder
    teachers: dict[str, Engine]
    prompts: Prompts
    settings: RunSettings
    folder: RunFolder
    tally: Tally
    pair_settings: str

    async def sample_group(self, problems: Sequence[Problem]) -> list[Pair]:
        """Sample a group of problems, then take each of them through the rest."""
        with self.tally.timed("sample"):
            sampled = await self.sampler.sample(problems)
        finished = await asyncio.gather(*map(self.finish_problem, problems, sampled))
        return [pair for pairs in finished for pair in pairs]

    async def finish_problem(self, problem: Problem, attempts: Sequence[Attempt]) -> list[Pair]:
        """From graded attempts to pairs: every mistake is corrected and paired, or refused with a finding."""
        self.tally.count_attempts(attempts)
        sources = Sources(self.teachers, self.prompts, attempts)
        limit = self.settings.pair.max_per_problem
        conversation = make_conversation(self.sampler.prompt, problem)
        pairing = Pairing(conversation, self.settings.cleanups, limit, self.pair_settings)
        pairs = []
        for mistake in find_mistakes(problem, attempts):
            pair = pairing.refuse(mistake)
            if pair is None:
                with self.tally.timed("correct"):
                    tries = await self.ladder.correct(mistake, sources)
                self.tally.count_corrections(tries)
                pair = pairing.pair(mistake, tries)
            pairs.append(pair)
        self.folder.pairs.append(pairs)
        self.tally.count_pairs(pairs)
        return pairs


async def build(settings: RunSettings, progress: Progress = quiet) -> Summary:
    """Build the data set of a run. Everything done so far is kept, whatever happens.

    Raises UsageError for bad input, StoppedEarly where the student answered no request at all.
    """
    settings.check()
    started, tally = time.perf_counter(), Tally()
    async with AsyncExitStack() as stack:
        checker = await stack.enter_async_context(settings.checker.create())
        with tally.timed("read"):
            problems, report = read_problems(settings.problems, checker)
        folder = stack.enter_context(RunFolder(settings.run_dir))
        write_file(folder.path / "config.yaml", dump_settings(settings))
        engines = await open_engines(settings, stack)
        stages = make_stages(settings, engines, checker, folder, tally)

        pairs: dict[str, list[Pair]] = {}
        groups = list(cut_groups(problems, engines["student"].group_size))
        done = 0

        async def build_group(group: Sequence[Problem]) -> None:
            nonlocal done
            made = await stages.sample_group(group)
            pairs.update((p.id, [pair for pair in made if pair.problem_id == p.id]) for p in group)
            done += len(group)
            progress("problems", done, len(problems))

        progress("problems", 0, len(problems))
        at_once = max(2, settings.concurrency // engines["student"].group_size)
        await run_bounded(groups, build_group, at_once)

        with tally.timed("export"):
            summary = tally.summarize(settings, len(problems), report)
            in_order = (pair for problem in problems for pair in pairs[problem.id])
            summary.splits = export_pairs(in_order, folder.path / "dataset", settings.export, card_lines(summary))
        for name, engine in engines.items():
            if name in summary.usage and isinstance(engine, CachedEngine):
                summary.usage[name].from_cache = engine.hits
    summary.seconds = {stage: round(spent, 3) for stage, spent in tally.seconds.items()}
    summary.seconds["total"] = round(time.perf_counter() - started, 3)
    summary.settings = {
        "attempts": stages.sampler.settings,
        "corrections": stages.ladder.settings,
        "pairs": stages.pair_settings,
    }
    write_lines(settings, report, tally)
    write_file(settings.run_dir / "summary.json", summary.model_dump_json(indent=1) + "\n")
    if summary.failed == summary.attempts:
        reason = tally.unknown[0]["reason"] if tally.unknown else "the engine gave no answer"
        raise StoppedEarly(
            f"student: all {summary.failed} requests failed, the first: {reason}; mend that and run again"
        )
    return summary


async def open_engines(settings: RunSettings, stack: AsyncExitStack) -> dict[str, Engine]:
    """Open the student and all teachers behind the completion cache."""
    cache = CompletionCache(settings.runs_dir / "completions.sqlite")
    stack.callback(cache.close)
    return {name: await open_engine(name, engine.create(), cache, stack) for name, engine in settings.engines.items()}


async def open_engine(name: str, engine: Engine, cache: CompletionCache, stack: AsyncExitStack) -> Engine:
    """Open one engine behind the cache; it is closed with the stack."""
    engine.name = name
    await stack.enter_async_context(engine)
    return CachedEngine(engine, cache) if engine.cacheable else engine


def make_stages(
    settings: RunSettings, engines: dict[str, Engine], checker: Checker, folder: RunFolder, tally: Tally
) -> Stages:
    """Put the stages together."""
    prompts = Prompts(settings.prompts)
    sampler = Sampler(
        engines["student"],
        checker,
        prompts.load(settings.sample.prompt),
        settings.sample,
        settings.checker,
        folder.attempts,
    )
    ladder = Ladder(settings.rungs, checker, settings.checker, settings.cleanups, folder.corrections)
    teachers = {name: engine for name, engine in engines.items() if name != "student"}
    pair_settings = content_id(sampler.settings, ladder.settings, settings.pair.model_dump(mode="json"))
    return Stages(sampler, ladder, teachers, prompts, settings, folder, tally, pair_settings)


def cut_groups(problems: Sequence[Problem], size: int) -> Iterable[Sequence[Problem]]:
    """Consecutive problems, `size` at a time; the cut depends on their order alone, so a resumed run repeats it."""
    return (problems[start : start + size] for start in range(0, len(problems), size))


async def run_bounded(items: Iterable[T], work: Callable[[T], Awaitable[None]], limit: int) -> None:
    """Run `work` for every item, started in order, at most `limit` at once. The first exception ends all of it."""
    slots = asyncio.Semaphore(limit)

    async def run_one(item: T) -> None:
        try:
            await work(item)
        finally:
            slots.release()

    first: BaseException | None = None
    try:
        async with asyncio.TaskGroup() as tasks:
            for item in items:
                await slots.acquire()
                tasks.create_task(run_one(item))
    except BaseExceptionGroup as group:
        first = group.exceptions[0]
    if first is not None:
        raise first


def dump_settings(settings: RunSettings) -> str:
    """The settings as YAML; secrets are never part of them (keys are named by environment variable)."""
    return yaml.safe_dump(settings.model_dump(mode="json"), allow_unicode=True, sort_keys=False)


def write_lines(settings: RunSettings, report: ReadReport, tally: Tally) -> None:
    """`unknown.jsonl`: attempts without a verdict, and why; `left_out.jsonl`: rows and questions left out."""
    order = sorted(tally.unknown, key=lambda told: (str(told["problem_id"]), int(told["index"] or 0)))
    write_file(
        settings.run_dir / "unknown.jsonl", "".join(json.dumps(told, ensure_ascii=False) + "\n" for told in order)
    )
    out = [{"bad_row": message} for message in report.bad_rows] + [{"conflicting": told} for told in report.conflicting]
    write_file(
        settings.run_dir / "left_out.jsonl", "".join(json.dumps(told, ensure_ascii=False) + "\n" for told in out)
    )


def card_lines(summary: Summary) -> list[str]:
    """What the data card says of the run."""
    rungs = ", ".join(f"{rung} {count}" for rung, count in summary.corrections.items()) or "none"
    return [
        "",
        f"From {summary.problems} problems and {summary.attempts} attempts of the student: {summary.correct} correct, "
        f"{summary.wrong} wrong, {summary.unknown} unknown, {summary.failed} failed.",
        f"Chosen texts by rung: {rungs}.",
        f"Estimated share of right answers among the rejected: {summary.rejected_contamination:.1%}.",
    ]


def check_gold(settings: RunSettings) -> list[str]:
    """Read all problems and run the checker on every gold answer; returns what was left out. Raises DataError."""

    async def check() -> list[str]:
        async with settings.checker.create() as checker:
            problems, report = read_problems(settings.problems, checker)
            for problem in problems:
                grade = await checker.check_answer(problem, problem.answer)
                if grade.verdict != "correct":
                    file, _, line = problem.source.rpartition(":")
                    why = f"the checker calls the gold answer {problem.answer!r} itself {grade.verdict}: {grade.reason}"
                    raise DataError(file, why, line=int(line), field=settings.problems.answer)
            return [
                f"{len(problems)} problems, every gold answer is read by the checker",
                *report.bad_rows,
                *report.conflicting,
            ]

    return asyncio.run(check())
