"""Trees: what the mathematics of an answer is made of."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction

FLIPPED = {"<": ">", ">": "<", "<=": ">=", ">=": "<="}
"""The signs of inequalities read from the other side."""


class Unreadable(ValueError):
    """The text is no mathematics that this parser knows; the message says where it stopped."""


@dataclass(frozen=True)
class Number:
    """A literal; `places` are its decimal places, None for an integer."""

    value: Fraction
    places: int | None = None


@dataclass(frozen=True)
class Symbol:
    """A variable, a constant (`pi e i infty`) or a set of numbers (`reals`)."""

    name: str


@dataclass(frozen=True)
class Apply:
    """An operator or function with its arguments: `+ * / ^ neg pm sqrt sin log call sum …`."""

    name: str
    args: tuple[Node, ...]


@dataclass(frozen=True)
class Group:
    """Several items in brackets, or bare: `list` (bare), `set`, or the brackets themselves: `()`, `[)`, …"""

    kind: str
    items: tuple[Node, ...]
    joined: str = ","
    """How the items are joined: `,`, `or`, `and`."""


@dataclass(frozen=True)
class Matrix:
    """Rows of entries."""

    rows: tuple[tuple[Node, ...], ...]


@dataclass(frozen=True)
class Relation:
    """A chain `a < b <= c`: sides and the signs between them."""

    sides: tuple[Node, ...]
    signs: tuple[str, ...]


@dataclass(frozen=True)
class Word:
    """Words among the mathematics: a unit, a name, an answer in words."""

    text: str


Node = Number | Symbol | Apply | Group | Matrix | Relation | Word


@dataclass
class Style:
    """Which reading of an ambiguous notation is taken."""

    mixed: bool = True
    """`1\\frac12` is one and a half."""
    tight: bool = False
    """`1/2x` is 1/(2x)."""
    thousands: bool = True
    """`1,234` is one number."""
    decimal_comma: bool = False
    """`1,5` is one and a half."""
    ambiguous: set[str] = field(default_factory=set)
    """Names of the choices above that mattered in this text."""
