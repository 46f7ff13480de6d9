"""What became of single problems, and of all of them together."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from pipeline.control import CONTROL
from pipeline.grade import TRUNCATED
from pipeline.opinions import SecondOpinions
from pipeline.ordered import OrderedLines
from pipeline.placed import PLACED, Placed
from pipeline.types import Attempt, Correction, Finding, Pair

OBJECTION = {"problem_id", "mistake_id", "id", "rung", "teacher", "objection", "diagnosis"}
"""What of a try stands in objections.jsonl."""


@dataclass
class Tally:
    """Counts; those of several problems can be added up."""

    verdicts: Counter[str] = field(default_factory=Counter)
    """Attempts by verdict; `failed` ones have none."""
    truncated: int = 0
    mistakes: int = 0
    tries: Counter[str] = field(default_factory=Counter)
    corrections: Counter[str] = field(default_factory=Counter)
    """Tries, and those that won, by rung."""
    objections: Counter[str] = field(default_factory=Counter)
    repaired: int = 0
    kept: int = 0
    views: Counter[str] = field(default_factory=Counter)
    confirming: int = 0
    dropped: Counter[str] = field(default_factory=Counter)
    """Pairs by the rule that dropped them."""
    control: int = 0
    opinions: SecondOpinions = field(default_factory=SecondOpinions)
    seconds: dict[str, float] = field(default_factory=dict)
    first_failure: str | None = None
    failing: str = "student"
    """Whose request the first failure was."""

    @contextmanager
    def timed(self, stage: str) -> Iterator[None]:
        """Add the seconds of the block to a stage."""
        started = time.perf_counter()
        try:
            yield
        finally:
            self.spend(stage, time.perf_counter() - started)

    def spend(self, stage: str, seconds: float) -> None:
        """Add seconds to a stage."""
        self.seconds[stage] = self.seconds.get(stage, 0.0) + seconds

    def add(self, other: Tally) -> None:
        """Count what another has counted."""
        for mine, theirs in (
            (self.verdicts, other.verdicts),
            (self.tries, other.tries),
            (self.corrections, other.corrections),
            (self.objections, other.objections),
            (self.views, other.views),
            (self.dropped, other.dropped),
            (self.opinions.counts, other.opinions.counts),
        ):
            mine.update(theirs)  # type: ignore[arg-type]  # each with its own kind
        for stage, spent in other.seconds.items():
            self.spend(stage, spent)
        self.truncated += other.truncated
        self.mistakes += other.mistakes
        self.repaired += other.repaired
        self.kept += other.kept
        self.confirming += other.confirming
        self.control += other.control
        if self.first_failure is None:
            self.first_failure, self.failing = other.first_failure, other.failing

    def drop(self, pair: Pair, finding: Finding) -> None:
        """A pair that was counted as kept is left out all the same."""
        self.kept -= 1
        self.views[pair.view] -= 1
        self.confirming -= pair.confirms
        self.dropped[finding.rule] += 1


@dataclass
class Outcome:
    """What became of one problem. `number` is its place among the problems, from 0."""

    number: int
    tally: Tally = field(default_factory=Tally)
    placed: Placed | None = None
    """Where its pairs stand, if there are any."""
    control: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    objections: list[str] = field(default_factory=list)
    """Its lines of the files of these names."""

    def count_attempts(self, attempts: Sequence[Attempt]) -> None:
        """Count the attempts by verdict; failed ones apart."""
        tally = self.tally
        for a in attempts:
            verdict = a.grade.verdict if a.grade else "failed"
            tally.verdicts[verdict] += 1
            reason = a.failure or (a.grade.reason if a.grade else None)
            tally.truncated += reason == TRUNCATED
            if verdict in ("unknown", "failed"):
                told = {"attempt_id": a.id, "problem_id": a.problem_id, "index": a.index, "verdict": verdict}
                self.unknown.append(json.dumps({**told, "reason": reason}, ensure_ascii=False))
            if a.grade is not None:
                tally.opinions.add(a.grade)
            elif tally.first_failure is None:
                tally.first_failure, tally.failing = a.failure, "student" if a.completion is None else "checker"

    def count_corrections(self, tries: Sequence[Correction]) -> None:
        """Count the tries at a mistake: by rung, those that won, objections, repairs."""
        for c in tries:
            self.tally.tries[c.rung] += 1
            self.tally.corrections[c.rung] += c.won
            self.tally.repaired += c.repaired
            if c.objection is not None:
                self.tally.objections[c.objection] += 1
                self.objections.append(c.model_dump_json(include=OBJECTION))

    def count_pairs(self, mistakes: int, pairs: Sequence[Pair]) -> None:
        """Count the mistakes, and pairs by what became of them."""
        tally = self.tally
        tally.mistakes += mistakes
        for pair in pairs:
            if pair.dropped_by is None:
                tally.kept += 1
                tally.views[pair.view] += 1
                tally.confirming += pair.confirms
            else:
                tally.dropped[pair.dropped_by] += 1


class Account:
    """Adds outcomes up and lists them in the order of their problems. Use as a context manager.

    `unknown.jsonl`: every attempt that is neither correct nor wrong, with its reason; `objections.jsonl`: what teachers
    objected instead of correcting; `control.jsonl`: the student's own right answers against its wrong ones.
    """

    def __init__(self, folder: Path, started: float) -> None:
        self.tally, self.started = Tally(), started
        self._paths = {name: folder / name for name in ("unknown.jsonl", "objections.jsonl", CONTROL, PLACED)}
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        files = {name: self._stack.enter_context(OrderedLines(path)) for name, path in self._paths.items()}
        self._unknown, self._objections, self._control, self._placed = files.values()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def take(self, outcome: Outcome) -> None:
        """Count one problem's outcome; each is taken once."""
        self.tally.add(outcome.tally)
        self._unknown.add(outcome.number, outcome.unknown)
        self._objections.add(outcome.number, outcome.objections)
        self._control.add(outcome.number, outcome.control)
        self._placed.add(outcome.number, [] if outcome.placed is None else [outcome.placed.model_dump_json()])

    def write(self) -> None:
        """Move the files into place."""
        for file in (self._unknown, self._objections, self._control, self._placed):
            file.write()
