"""Which of several right texts becomes `chosen`: a stated rule, smallest number first."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from pipeline.types import Correction, Mistake

Rule = Literal["first", "shortest_edit", "closest_length", "student_logprob"]
Measure = Callable[[Mistake, Correction], float]


def _edit(mistake: Mistake, correction: Correction) -> float:
    return correction.edit_ratio or 0.0


def _length(mistake: Mistake, correction: Correction) -> float:
    return abs(len(correction.text or "") - len(mistake.text))


def _unlikeliness(mistake: Mistake, correction: Correction) -> float:
    assert correction.log_prob is not None
    return -correction.log_prob


MEASURES: dict[Rule, Measure] = {
    "shortest_edit": _edit,
    "closest_length": _length,
    "student_logprob": _unlikeliness,
}


def choose(rule: Rule, mistake: Mistake, right: list[Correction]) -> Correction:
    """The text that the rule prefers; of equal ones, the first. Texts in the student's format go before others."""
    clean = [correction for correction in right if not correction.format_mismatch] or right
    return clean[0] if rule == "first" else min(clean, key=lambda correction: MEASURES[rule](mistake, correction))
