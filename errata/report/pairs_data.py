"""What a page shows of a pair, whoever read it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from errata.records import PairCredit
from pipeline.types import Correction, Finding, Grade, Pair


@dataclass(frozen=True)
class ShownPair:
    """A pair with all that is known of it."""

    number: int
    """Its place among all pairs."""
    pair: Pair
    dropped_by: str | None
    """The rule that leaves it out of the data set, whichever stage applied it."""
    findings: tuple[Finding, ...] = ()
    """Those of the pair itself, of the filters and of the selection."""
    split: str | None = None
    rejected_grade: Grade | None = None
    chosen_grade: Grade | None = None
    tries: tuple[Correction, ...] = ()
    """All tries at its mistake, in order."""
    prompt_hash: str | None = None
    """Of the prompt by which the chosen text was asked for."""
    credit: PairCredit | None = None


@dataclass(frozen=True)
class ShownPairs:
    """The pairs that a page has room for, best first, and how many there are in all."""

    total: int
    kept: int
    pairs: Iterable[ShownPair]
