"""Which rows of several groups a table has room for."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeVar

R = TypeVar("R")


def fair(groups: Iterable[Sequence[R]], most: int) -> list[R]:
    """At most `most` of all rows, the first ones of each group; what a small group leaves goes to the others."""
    told = list(groups)
    shares = [0] * len(told)
    left = most
    for place, number in enumerate(sorted(range(len(told)), key=lambda number: len(told[number]))):
        shares[number] = min(len(told[number]), left // (len(told) - place))
        left -= shares[number]
    return [row for group, share in zip(told, shares, strict=True) for row in group[:share]]
