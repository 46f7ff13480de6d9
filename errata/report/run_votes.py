"""How a problem's attempts vote: which wrong answer they agree on, and whether any of them is right."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from errata.init.doubts import agreed, folded
from pipeline.types import Attempt

R = TypeVar("R")


@dataclass(slots=True)
class Votes:
    """Counters of one problem; an attempt that was asked for again counts once."""

    seen: int = 0
    """A bit for each attempt, by its index."""
    graded: int = 0
    read: int = 0
    """Attempts whose answer could be read."""
    right: bool = False
    wrong: dict[str, int] = field(default_factory=dict)
    """Attempts by the wrong answer that they give."""

    def add(self, attempt: Attempt) -> None:
        """Count an attempt; one that failed, until it is graded, only as asked for."""
        bit = 1 << attempt.index
        self.seen |= bit
        if attempt.grade is None or self.graded & bit:
            return
        self.graded |= bit
        self.read += attempt.grade.extracted is not None
        self.right |= attempt.grade.verdict == "correct"
        if attempt.grade.verdict == "wrong" and attempt.grade.extracted:
            answer = folded(attempt.grade.extracted)
            self.wrong[answer] = self.wrong.get(answer, 0) + 1

    def other(self) -> tuple[str | None, int]:
        """The most frequent wrong answer and its attempts; (None, 0) where there is none."""
        none: tuple[str | None, int] = (None, 0)
        return max(self.wrong.items(), key=lambda told: told[1], default=none)

    def suspicion(self) -> float:
        """Share of the attempts that can be read which agree on a wrong answer."""
        return self.other()[1] / max(1, self.read)

    def suspect(self) -> Suspect | None:
        """What speaks against the gold answer, by the rule of `errata init --preview`; None where nothing does."""
        attempts = self.seen.bit_count()
        common = None if self.right else agreed(self.wrong, attempts)
        return None if common is None else Suspect("", "", *common, attempts)


@dataclass(frozen=True)
class Suspect:
    """A gold answer that no attempt gives, while most agree on another one."""

    question: str
    gold: str
    answer: str
    agreeing: int
    """Attempts that give `answer`."""
    attempts: int


def fair(groups: Iterable[Sequence[R]], most: int) -> list[R]:
    """At most `most` of all rows, the first ones of each group; what a small group leaves goes to the others."""
    told = list(groups)
    shares = [0] * len(told)
    left = most
    for place, number in enumerate(sorted(range(len(told)), key=lambda number: len(told[number]))):
        shares[number] = min(len(told[number]), left // (len(told) - place))
        left -= shares[number]
    return [row for group, share in zip(told, shares, strict=True) for row in group[:share]]


def most_suspect(votes: Mapping[str, Votes]) -> dict[str, Suspect]:
    """Problems whose gold answer is suspicious, by id, the most unanimous first."""
    found = {id: suspect for id, told in votes.items() if (suspect := told.suspect()) is not None}
    return dict(sorted(found.items(), key=lambda told: -told[1].agreeing / told[1].attempts))
