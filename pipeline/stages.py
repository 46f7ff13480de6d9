"""The stages of a run, ready to work: what takes one problem from its question to its pairs."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import JsonValue

from pipeline.access import Access
from pipeline.answer_format.form import Detected
from pipeline.bounded import run_bounded, take_groups
from pipeline.checkers.base import Checker
from pipeline.config import RunSettings, check_engines
from pipeline.control import control_pairs
from pipeline.correct import Ladder, find_mistakes
from pipeline.engines.base import Engine, finish_all
from pipeline.export import make_row
from pipeline.formats import find_format
from pipeline.meter import Meter
from pipeline.pair import Pairing, pass_rate
from pipeline.placed import Placed
from pipeline.problems import ProblemSource
from pipeline.prompts import Prompts
from pipeline.ranking import rank_attempts
from pipeline.rungs import best_worst
from pipeline.rungs.base import Sources
from pipeline.sample import Sampler, make_conversation
from pipeline.scale.shards import merge_left
from pipeline.store import RunFolder
from pipeline.tally import Outcome, Tally
from pipeline.types import Attempt, Problem, content_id
from pipeline.views import Reviser


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

    access: Access
    engines: dict[str, Engine]
    checker: Checker
    checker_fingerprint: JsonValue
    sampler: Sampler
    prompts: Prompts
    settings: RunSettings
    folder: RunFolder
    reading: float
    """Seconds in which the problems were read and the journals verified."""
    problems: ProblemSource = field(init=False)
    """There unless they come from elsewhere."""
    found: Detected = field(init=False)
    """The student's answer format."""
    ladder: Ladder = field(init=False)
    """There once the student's answer format is known: `prepare`."""
    pair_settings: str = field(init=False)
    reviser: Reviser | None = field(init=False, default=None)
    asked: dict[str, list[Attempt]] = field(init=False, default_factory=dict)
    """Attempts at the problems that were asked but not finished, by problem."""

    async def prepare(self, groups: Iterable[Sequence[Problem]], progress: Progress = QUIET) -> None:
        """Ask the student the first groups, until its answer format is known; then everything behind it is ready."""
        self.use_format(await self.find_format(groups, self.folder.path / "format.json", progress))

    async def find_format(
        self, groups: Iterable[Sequence[Problem]], path: Path, progress: Progress = QUIET
    ) -> Detected:
        """The student's answer format, from its answers to the first groups; `path` remembers it."""
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
        return await find_format(s.format, s.cleanups, key, ask, path)

    def use_format(self, found: Detected) -> None:
        """Make ready what depends on the student's answer format."""
        s = self.settings
        self.found = found
        journal = self.folder.corrections
        self.ladder = Ladder(s.correct, self.checker, self.checker_fingerprint, s.cleanups, found.format, journal)
        shown = s.pair.model_dump(mode="json", exclude={"select"})
        prompt = self.prompts.load(s.pair.revise.prompt)
        parts = (self.sampler.settings, self.ladder.settings, shown, s.format.mismatch, prompt.hash)
        self.pair_settings = content_id(*parts)
        if "revise" in s.pair.views:
            student, tries = self.engines["student"], self.folder.second_tries
            self.reviser = Reviser(s.pair, prompt, student, s.sample.params, self.checker, tries)

    @property
    def fingerprints(self) -> dict[str, str]:
        """Of the settings that this call's records of each journal are made with."""
        return {
            "attempts": self.sampler.settings,
            "corrections": self.ladder.settings,
            "pairs": self.pair_settings,
        }

    async def run_group(self, group: Sequence[tuple[int, Problem]]) -> list[Outcome]:
        """Sample a group of numbered problems, then take each through the rest."""
        outcomes = [Outcome(number) for number, _ in group]
        with outcomes[0].tally.timed("sample"):
            await self.ask_group([problem for _, problem in group])
            sampled = [self.asked.pop(problem.id) for _, problem in group]
        problems = [problem for _, problem in group]
        return await finish_all(map(self.finish_problem, outcomes, problems, sampled))

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

    async def finish_problem(self, outcome: Outcome, problem: Problem, attempts: Sequence[Attempt]) -> Outcome:
        """From graded attempts to pairs: every mistake is corrected and paired, or refused with a finding."""
        outcome.count_attempts(attempts)
        attempts = self.judge(attempts)
        sources, rate, s = self.sources(problem, attempts), pass_rate(attempts), self.settings
        pairing = Pairing(sources.conversation, s.pair, self.pair_settings, rate, s.format.mismatch)
        direct = []
        for mistake in pairing.arrange(find_mistakes(problem, attempts)):
            pair = pairing.refuse(mistake)
            if pair is None:
                with outcome.tally.timed("correct"):
                    tries = await self.ladder.correct(mistake, sources)
                outcome.count_corrections(tries)
                pair = pairing.pair(mistake, tries)
            direct.append(pair)
        pairs = [pair for pair in direct if pair.dropped_by is not None or "direct" in s.pair.views]
        if self.reviser is not None:
            asked = sources.conversation
            pairs += await self.reviser.pairs(problem, asked, attempts, direct, self.pair_settings)
        outcome.count_pairs(len(direct), pairs)
        topic = self.topic(problem)
        for pair in control_pairs(problem, sources.conversation, attempts, s.cleanups, s.pair.max_per_problem):
            row = make_row(pair, "conversation", topic=topic, pass_rate=rate)
            outcome.control.append(json.dumps(row, ensure_ascii=False))
        outcome.tally.control = len(outcome.control)
        if pairs:
            offsets = await self.folder.pairs.append(pairs)
            outcome.placed = Placed(offsets=tuple(offsets), pass_rate=rate, topic=topic)
        return outcome

    def topic(self, problem: Problem) -> str | None:
        """What the column of topics says of a problem."""
        column = self.settings.pair.select.topic
        value = None if column is None else problem.extras.get(column)
        return None if value is None else str(value)


@asynccontextmanager
async def open_stages(settings: RunSettings, folder: Path, access: Access | None = None) -> AsyncIterator[Stages]:
    """Check the settings, open the checker, open the journals in `folder`, read the problems, then open all engines.

    access: what engines are opened through where the problems come from elsewhere, and are not read here.
    Raises UsageError for bad input.
    """
    if access is None:
        settings.check()
        merge_left(folder)
    else:
        check_engines(settings.engines, settings.budget)  # the rest was looked at where the problems come from
    async with AsyncExitStack() as stack:
        prompts = Prompts(settings.prompts)
        engines: dict[str, Engine] = {}  # opened once the problems are read; the checker, too, looks there
        checker = await stack.enter_async_context(settings.checker.connect(engines.__getitem__, prompts))
        started = time.perf_counter()
        journals = stack.enter_context(RunFolder(folder))
        problems = ProblemSource(settings.problems, checker) if access is None else None
        reading = time.perf_counter() - started
        access = await stack.enter_async_context(access or open_access(settings))
        engines.update(await access.open_all(settings.engines))
        fingerprint = settings.checker.fingerprint(engines.__getitem__, prompts)
        prompt = prompts.load(settings.sample.prompt)
        sampler = Sampler(engines["student"], checker, prompt, settings.sample, fingerprint, journals.attempts)
        stages = Stages(access, engines, checker, fingerprint, sampler, prompts, settings, journals, reading)
        if problems is not None:
            stages.problems = problems
        yield stages


def open_access(settings: RunSettings) -> Access:
    """What all engines of a run are opened through: the cache above the runs, the run's budget."""
    return Access(settings.runs_dir / "completions.sqlite", settings.name, settings.budget)


def under_way(settings: RunSettings, engines: Iterable[Engine]) -> int:
    """Problems under way at once: by default enough to keep every engine busy while others are waited for."""
    return settings.concurrency or 64 + 2 * sum(engine.capacity for engine in engines)
