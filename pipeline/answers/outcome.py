"""What a comparison says, and what it knows of the question."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from pipeline.answers.reading import Meaning

Outcome = Literal["same", "different", "unclear"]
Result = tuple[Outcome, str]
ORDERED = frozenset({"()", "[]", "(]", "[)", "matrix"})
"""Kinds of items whose order counts."""
MISMATCH = "only one is"
"""How the reasons of comparisons between different kinds of answers begin."""


@dataclass(frozen=True)
class Context:
    """What the question says about the form of its answer, and how close two decimals must be."""

    tolerance: float = 1e-8
    """Relative difference up to which a decimal counts as an exact value."""
    ordered: bool = False
    """The order of the items was asked for."""
    interval: bool = False
    """Pairs in brackets are intervals."""
    percent: bool = False
    """A percentage was asked for, so its sign may be left out."""


Compare = Callable[[Meaning, Meaning, Context], Result]
"""Compares two meanings; handed to those who compare what is made of others."""


def make_context(question: str, tolerance: float) -> Context:
    """Read from the question whether order counts and whether a pair is an interval."""
    ordered = re.search(
        r"respectively|in (?:that|this|increasing|ascending|descending|decreasing|the) order|in order|依次|分别|顺序"
        r"|从小到大|从大到小",
        question,
        re.IGNORECASE,
    )
    interval = re.search(
        r"interval|domain|range of|inequalit|定义域|值域|取值范围|不等式|解集|区间", question, re.IGNORECASE
    )
    percent = re.search(r"\bpercent|百分之几|百分率|百分比", question, re.IGNORECASE)
    return Context(tolerance, bool(ordered), bool(interval), bool(percent))
