"""One run: problems ──▶ attempts ──▶ corrections ──▶ pairs ──▶ dataset, as one asyncio program.

Each problem moves on as soon as its own last step is done; `concurrency` bounds how many are under way. What is done
is in the journals and the completion cache, so the same call after an interruption goes on from there.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import yaml
from pydantic import JsonValue

from pipeline.access import Access, finish_on_interrupt
from pipeline.auditing import CONTROL, audit_run
from pipeline.checkers.base import Checker
from pipeline.config import RunSettings
from pipeline.control import control_pairs
from pipeline.correct import Ladder, find_mistakes
from pipeline.engines.base import Engine, finish_all
from pipeline.errors import DataError, StoppedEarly
from pipeline.export import export_pairs, make_row
from pipeline.filtering import filter_pairs
from pipeline.formats import find_format
from pipeline.meter import Meter
from pipeline.pair import Pairing, pass_rate
from pipeline.problems import ProblemSource, ReadReport, read_problems
from pipeline.prompts import Prompts
from pipeline.ranking import rank_attempts
from pipeline.rungs import best_worst
from pipeline.rungs.base import Sources
from pipeline.sample import Sampler, make_conversation
from pipeline.selecting import Placed, read_pairs, select_pairs
from pipeline.store import OrderedLines, RunFolder, write_file
from pipeline.summary import Summary, Tally, count_use
from pipeline.types import Attempt, Problem, content_id
from pipeline.views import Reviser

T = TypeVar("T")


class Progress:
    """Told of every step; the command line draws from it. This one shows nothing."""

    def __call__(self, stage: str, done: int, total: int) -> None:
        """So many of so many are done."""

    def watch(self, tally: Tally, meters: Mapping[str, Meter]) -> None:
        """Here are the run's counts and its engines' meters; both change as it goes on."""


QUIET = Progress()


@dataclass
class Stages:
    """The stages of a run, ready to work."""

    problems: ProblemSource
    access: Access
    engines: dict[str, Engine]
    checker: Checker
    checker_fingerprint: JsonValue
    sampler: Sampler
    prompts: Prompts
    settings: RunSettings
    folder: RunFolder
    tally: Tally
    control: OrderedLines
    """`control.jsonl`: the student's own right answers against its wrong ones."""
    ladder: Ladder = field(init=False)
    """There once the student's answer format is known: `prepare`."""
    pair_settings: str = field(init=False)
    reviser: Reviser | None = field(init=False, default=None)
    asked: dict[str, list[Attempt]] = field(init=False, default_factory=dict)
    """Attempts at the problems that were asked but not finished, by problem."""

    async def prepare(self, groups: Iterable[Sequence[Problem]], progress: Progress = QUIET) -> None:
        """Ask the student the first groups, until its answer format is known; then everything behind it is ready."""
        s = self.settings
        first = take_groups(groups, -(-s.format.detect_from // self.sampler.n))

        async def ask() -> list[Attempt]:
            done = 0

            async def ask_group(group: Sequence[Problem]) -> None:
                nonlocal done
                await self.ask_group(group)
                done += 1
                progress("first answers", done, len(first))

            await run_bounded(first, ask_group, max(1, under_way(s, self.engines.values()) // len(first[0])))
            return [attempt for group in first for problem in group for attempt in self.asked[problem.id]]

        key = content_id(self.sampler.settings, [self.sampler.attempt_id(p, 0) for group in first for p in group])
        found = await find_format(s.format, s.cleanups, key, ask, self.folder.path / "format.json")
        self.tally.format = found
        journal = self.folder.corrections
        self.ladder = Ladder(s.correct, self.checker, self.checker_fingerprint, s.cleanups, found.format, journal)
        shown = s.pair.model_dump(mode="json", exclude={"select"})
        prompt = self.prompts.load(s.pair.revise.prompt)
        parts = (self.sampler.settings, self.ladder.settings, shown, s.format.mismatch, prompt.hash)
        self.pair_settings = content_id(*parts)
        if "revise" in s.pair.views:
            student, tries = self.engines["student"], self.folder.second_tries
            self.reviser = Reviser(s.pair, prompt, student, s.sample.params, self.checker, tries)

    async def sample_group(self, group: Sequence[tuple[int, Problem]]) -> dict[int, Placed]:
        """Sample a group of numbered problems, then take each through the rest; where each one's pairs are."""
        with self.tally.timed("sample"):
            await self.ask_group([problem for _, problem in group])
            sampled = [self.asked.pop(problem.id) for _, problem in group]
        calls = (self.finish_problem(n, problem, tries) for (n, problem), tries in zip(group, sampled, strict=True))
        finished = await finish_all(calls)
        return {n: placed for (n, _), placed in zip(group, finished, strict=True) if placed.offsets}

    async def ask_group(self, group: Sequence[Problem]) -> None:
        """Sample a group into `asked`, unless it is there."""
        if not all(problem.id in self.asked for problem in group):
            sampled = await self.sampler.sample(group)
            self.asked |= {problem.id: made for problem, made in zip(group, sampled, strict=True)}

    def sources(self, problem: Problem, attempts: Sequence[Attempt]) -> Sources:
        """What the rungs may draw on for one problem."""
        teachers = self.settings.teachers
        return Sources(
            teachers={name: self.engines[name] for name in teachers},
            prompts=self.prompts,
            attempts=attempts,
            student=self.engines["student"],
            conversation=make_conversation(self.sampler.prompt, problem),
            student_params=self.settings.sample.params,
            format=self.ladder.target,
            enforces_schema=frozenset(name for name, engine in teachers.items() if engine.enforces_schema),
        )

    def judge(self, attempts: Sequence[Attempt]) -> Sequence[Attempt]:
        """The attempts with the verdicts that count: the checker's, or where it only scores, the ranks'."""
        ranking = next((rung for rung in self.settings.rungs if isinstance(rung, best_worst.Settings)), None)
        return attempts if ranking is None else rank_attempts(attempts, ranking.margin, ranking.worst)

    async def finish_problem(self, number: int, problem: Problem, attempts: Sequence[Attempt]) -> Placed:
        """From graded attempts to pairs: every mistake is corrected and paired, or refused with a finding."""
        self.tally.count_attempts(number, attempts)
        attempts = self.judge(attempts)
        sources, rate, s = self.sources(problem, attempts), pass_rate(attempts), self.settings
        pairing = Pairing(sources.conversation, s.pair, self.pair_settings, rate, s.format.mismatch)
        direct = []
        for mistake in pairing.arrange(find_mistakes(problem, attempts)):
            pair = pairing.refuse(mistake)
            if pair is None:
                with self.tally.timed("correct"):
                    tries = await self.ladder.correct(mistake, sources)
                self.tally.count_corrections(number, tries)
                pair = pairing.pair(mistake, tries)
            direct.append(pair)
        pairs = [pair for pair in direct if pair.dropped_by is not None or "direct" in s.pair.views]
        if self.reviser is not None:
            asked = sources.conversation
            pairs += await self.reviser.pairs(problem, asked, attempts, direct, self.pair_settings)
        self.tally.count_pairs(len(direct), pairs)
        column = s.pair.select.topic
        value = None if column is None else problem.extras.get(column)
        topic = None if value is None else str(value)
        own = control_pairs(problem, sources.conversation, attempts, s.cleanups, s.pair.max_per_problem)
        for index, pair in enumerate(own):
            row = make_row(pair, "conversation", topic=topic, pass_rate=rate)
            self.control.add(number, index, json.dumps(row, ensure_ascii=False))
        self.tally.control += len(own)
        return Placed(self.folder.pairs.append(pairs), rate, topic)


async def build(settings: RunSettings, progress: Progress = QUIET) -> Summary:
    """Build the data set of a run. Everything done so far is kept, whatever happens.

    Raises UsageError for bad input, StoppedEarly where the budget ends, an endpoint stays away, or the student
    answered no request at all.
    """
    started = time.perf_counter()
    async with open_stages(settings, settings.run_dir) as stages:
        problems, access, folder, tally = stages.problems, stages.access, stages.folder, stages.tally
        write_file(folder.path / "config.yaml", dump_settings(settings))
        progress.watch(tally, access.meters)
        placed: dict[int, Placed] = {}
        done = 0

        async def build_group(group: Sequence[tuple[int, Problem]]) -> None:
            nonlocal done
            placed.update(await stages.sample_group(group))
            done += len(group)
            progress("problems", done, len(problems))

        progress("problems", 0, len(problems))
        group_size = stages.engines["student"].group_size
        groups = cut_groups(enumerate(problems), group_size)
        first = ([problem for _, problem in group] for group in cut_groups(enumerate(problems), group_size))
        at_once = max(2, under_way(settings, stages.engines.values()) // group_size)
        try:
            with finish_on_interrupt(access):
                await stages.prepare(first, progress)
                await run_bounded(groups, build_group, at_once)
        except StoppedEarly as error:
            raise StoppedEarly(f"{error} ({done:,} of {len(problems):,} problems are done)") from error

        with tally.timed("export"):
            stages.control.write()
            filtered = filter_pairs(settings.filters, folder, placed, stages.control.path)
            left = filtered | select_pairs(settings.pair, folder, placed, filtered)
            tally.count_left(left.values())
            summary = tally.summarize(settings, len(problems), problems.report)
            chosen = read_pairs(folder, placed, left)
            summary.splits = export_pairs(chosen, folder.path / "dataset", settings.export, card_lines(summary))
        (folder.path / "audit.json").unlink(missing_ok=True)
        if settings.audit is not None and summary.splits:
            with tally.timed("audit"):
                found = audit_run(folder.path, settings.audit, settings.filters, progress)
            summary.audit = found.verdict
        summary.usage = count_use(access.meters, access.spent())
        write_left_out(settings, problems.report)
        tally.write()
    summary.seconds = {stage: round(spent, 3) for stage, spent in tally.seconds.items()}
    summary.seconds["total"] = round(time.perf_counter() - started, 3)
    summary.settings = {
        "attempts": stages.sampler.settings,
        "corrections": stages.ladder.settings,
        "pairs": stages.pair_settings,
    }
    write_file(settings.run_dir / "summary.json", summary.model_dump_json(indent=1) + "\n")
    if summary.failed == summary.attempts:
        reason = tally.first_failure or "the engine gave no answer"
        raise StoppedEarly(
            f"{tally.failing}: all {summary.failed} requests failed, the first: {reason}; mend that and run again"
        )
    return summary


@asynccontextmanager
async def open_stages(settings: RunSettings, folder: Path) -> AsyncIterator[Stages]:
    """Check the settings, open the checker, read the problems, open the journals in `folder`, then all engines.

    Raises UsageError for bad input.
    """
    settings.check()
    started = time.perf_counter()
    async with AsyncExitStack() as stack:
        prompts = Prompts(settings.prompts)
        engines: dict[str, Engine] = {}  # opened once the problems are read; the checker, too, looks there
        checker = await stack.enter_async_context(settings.checker.connect(engines.__getitem__, prompts))
        problems = ProblemSource(settings.problems, checker)
        journals = stack.enter_context(RunFolder(folder))
        unknown, objections = (OrderedLines(folder / f"{name}.jsonl") for name in ("unknown", "objections"))
        control = stack.enter_context(OrderedLines(folder / CONTROL))
        tally = Tally(stack.enter_context(unknown), stack.enter_context(objections))
        tally.seconds["read"] = time.perf_counter() - started
        access = await stack.enter_async_context(open_access(settings))
        engines.update(await access.open_all(settings.engines))
        fingerprint = settings.checker.fingerprint(engines.__getitem__, prompts)
        prompt = prompts.load(settings.sample.prompt)
        sampler = Sampler(engines["student"], checker, prompt, settings.sample, fingerprint, journals.attempts)
        yield Stages(
            problems, access, engines, checker, fingerprint, sampler, prompts, settings, journals, tally, control
        )


def open_access(settings: RunSettings) -> Access:
    """What all engines of a run are opened through: the cache above the runs, the run's budget."""
    return Access(settings.runs_dir / "completions.sqlite", settings.name, settings.budget)


def under_way(settings: RunSettings, engines: Iterable[Engine]) -> int:
    """Problems under way at once: by default enough to keep every engine busy while others are waited for."""
    return settings.concurrency or 64 + 2 * sum(engine.capacity for engine in engines)


def cut_groups(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """Consecutive items, `size` at a time; the cut depends on their order alone, so a resumed run repeats it."""
    rest = iter(items)
    while group := list(itertools.islice(rest, size)):
        yield group


def take_groups(groups: Iterable[Sequence[Problem]], problems: int) -> list[Sequence[Problem]]:
    """The first groups that hold so many problems, or all of them."""
    taken: list[Sequence[Problem]] = []
    for group in groups:
        taken.append(group)
        problems -= len(group)
        if problems <= 0:
            break
    return taken


async def run_bounded(items: Iterable[T], work: Callable[[T], Awaitable[None]], limit: int) -> None:
    """Run `work` for every item, started in order, at most `limit` at once.

    The first exception ends all of it; StoppedEarly lets what is under way come to its end, since it is paid for.
    """
    slots = asyncio.Semaphore(limit)
    stopped: list[StoppedEarly] = []

    async def run_one(item: T) -> None:
        try:
            await work(item)
        except StoppedEarly as error:
            stopped.append(error)
        finally:
            slots.release()

    first: BaseException | None = None
    try:
        async with asyncio.TaskGroup() as tasks:
            for item in items:
                await slots.acquire()
                if stopped:
                    break
                tasks.create_task(run_one(item))
    except BaseExceptionGroup as group:
        first = group.exceptions[0]
    if first is not None:
        raise first
    if stopped:
        raise stopped[0]


def dump_settings(settings: RunSettings) -> str:
    """The settings as YAML; secrets are never part of them (keys are named by environment variable)."""
    return yaml.safe_dump(settings.model_dump(mode="json"), allow_unicode=True, sort_keys=False)


def write_left_out(settings: RunSettings, report: ReadReport) -> None:
    """`left_out.jsonl`: the rows and questions that are no problems of this run, and why."""
    out = [{"bad_row": message} for message in report.bad_rows] + [{"conflicting": told} for told in report.conflicting]
    out += [{"contaminated": told} for told in report.contaminated]
    write_file(
        settings.run_dir / "left_out.jsonl", "".join(json.dumps(told, ensure_ascii=False) + "\n" for told in out)
    )


def card_lines(summary: Summary) -> list[str]:
    """What the data card says of the run."""
    rungs = _listed(summary.corrections) or "none"
    contamination = (
        f"Estimated share of right answers among the rejected: {summary.rejected_contamination:.1%} "
        f"(false-negative rate {summary.false_negative_rate.source}: {summary.false_negative_rate.value:.1%})."
    )
    return [
        "",
        f"From {summary.problems} problems and {summary.attempts} attempts of the student: {summary.correct} correct, "
        f"{summary.wrong} wrong, {summary.unknown} unknown, {summary.failed} failed.",
        f"Chosen texts by rung: {rungs}.",
        *([f"Teachers objected instead of correcting: {_listed(summary.objections)}."] if summary.objections else []),
        *(
            f"Called {first} by the first checker; by the second: {_listed(told)}."
            for first, told in summary.second_opinions.items()
        ),
        *([] if summary.scored else [contamination]),
    ]


def _listed(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in counts.items() if count)


def check_gold(settings: RunSettings) -> list[str]:
    """Read all problems and run the checker on every gold answer; returns what was left out. Raises DataError."""

    async def check() -> list[str]:
        async with settings.checker.create() as checker:
            problems, report = read_problems(settings.problems, checker)
            for problem in problems if settings.problems.answer is not None else ():
                grade = await checker.check_answer(problem, problem.gold)
                if grade.verdict != "correct":
                    file, _, line = problem.source.rpartition(":")
                    why = f"the checker calls the gold answer {problem.gold!r} itself {grade.verdict}: {grade.reason}"
                    raise DataError(file, why, line=int(line), field=settings.problems.answer)
            return [
                f"{len(problems)} problems, every gold answer is read by the checker",
                *report.bad_rows,
                *report.conflicting,
            ]

    return asyncio.run(check())
