"""How a problem's attempts vote: which wrong answer they agree on, and whether that speaks against the gold one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from pipeline.types import Attempt

AGREE = 0.5
"""Share of a problem's attempts above which their common wrong answer speaks against the gold one."""


@dataclass(frozen=True)
class Suspect:
    """A gold answer that no attempt gives, while most agree on another one."""

    question: str
    gold: str
    answer: str
    times: int
    """Attempts that give `answer`."""
    of: int
    """All attempts."""


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
        """What speaks against the gold answer, its question and itself left open; None where nothing does.

        At least two, and more than `AGREE`, of the attempts give the same wrong answer, and none is right.
        """
        attempts = self.seen.bit_count()
        answer, times = self.other()
        if self.right or answer is None or times < 2 or times <= AGREE * attempts:
            return None
        return Suspect("", "", answer, times, attempts)


def most_suspect(votes: Mapping[str, Votes]) -> dict[str, Suspect]:
    """Problems whose gold answer is suspicious, by id, the most unanimous first."""
    found = {id: suspect for id, told in votes.items() if (suspect := told.suspect()) is not None}
    return dict(sorted(found.items(), key=lambda told: -told[1].times / told[1].of))


def folded(answer: str) -> str:
    """An answer as it is compared with others."""
    return " ".join(answer.split()).strip(" .$")
