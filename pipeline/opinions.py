"""How often first and second opinions agree, and what that says of right answers that are called wrong."""

from __future__ import annotations

from collections import Counter
from typing import Literal

from pydantic import BaseModel

from pipeline.intervals import wilson_interval
from pipeline.types import Grade, Verdict

ASSUMED = 0.01
"""Share of right answers that a checker calls wrong, where nothing is known about it."""


class FalseNegativeRate(BaseModel):
    """Share of right answers that a checker calls wrong, and how it is known."""

    value: float
    source: Literal["configured", "measured", "assumed"]
    """`measured`: the first checker's, by the second opinions; or any checker's, by labels."""
    n: int = 0
    """Right answers that it was measured on."""
    interval: tuple[float, float] | None = None
    """95% Wilson score interval."""


def measure_rate(missed: int, right: int) -> FalseNegativeRate | None:
    """The rate from the right answers of which so many were missed; None where there are none."""
    if not right:
        return None
    interval = wilson_interval(missed, right)
    return FalseNegativeRate(value=round(missed / right, 4), source="measured", n=right, interval=interval)


class SecondOpinions:
    """Counts grades by the first checker's verdict, the second's, and what came of both."""

    def __init__(self) -> None:
        self.counts: Counter[tuple[Verdict, Verdict | None, Verdict]] = Counter()

    def add(self, grade: Grade) -> None:
        """Count one grade; those without a second opinion, too."""
        first, second = (o.verdict for o in grade.opinions) if grade.opinions else (grade.verdict, None)
        self.counts[first, second, grade.verdict] += 1

    def count(self, first: Verdict | None = None, second: Verdict | None = None, final: Verdict | None = None) -> int:
        """Second opinions of this kind; None stands for any."""
        wanted = (first, second, final)
        return sum(
            n
            for key, n in self.counts.items()
            if key[1] is not None and all(w in (None, k) for w, k in zip(wanted, key, strict=True))
        )

    @property
    def table(self) -> dict[str, dict[str, int]]:
        """The second's verdicts by the first's; empty where no second was asked."""
        verdicts: tuple[Verdict, ...] = ("correct", "wrong", "unknown")
        return {
            first: {second: self.count(first, second) for second in verdicts}
            for first in verdicts
            if any(self.count(first, second) for second in verdicts)
        }

    @property
    def measured(self) -> FalseNegativeRate | None:
        """The first checker's rate: of the answers that are right, those that it called wrong.

        Right is what the second calls correct, and what the first does where the second was not asked or cannot tell.
        None where the second decided about no `wrong` of the first.
        """
        if not self.count("wrong", "correct") + self.count("wrong", "wrong"):
            return None
        alone = self.counts["correct", None, "correct"] + self.count("correct", "unknown")
        return measure_rate(self.count("wrong", "correct"), self.count(None, "correct") + alone)

    def contamination(self, rate: float = ASSUMED) -> float:
        """Expected share of right answers among those that are called wrong after the second opinion.

        The second took c right answers out of the pool and confirmed w; u stand on the first's word alone. Calling
        right answers wrong at `rate` f, it has missed c·f/(1 − f); of the u, as many are right as of the first's
        `wrong` that it decided, a share q: (c·f/(1 − f) + u·q) / (w + u).
        """
        contradicted, agreed = self.count("wrong", "correct"), self.count("wrong", "wrong")
        open_ones = self.count("wrong", "unknown", "wrong")
        pool = self.count(None, "wrong", "wrong") + open_ones
        if not pool or not contradicted + agreed:
            return 0.0
        taken_out = contradicted + self.count("unknown", "correct")
        share = contradicted / (contradicted + agreed)
        return min(1.0, (taken_out * rate / (1 - rate) + open_ones * share) / pool)
