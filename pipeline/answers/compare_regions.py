"""Sets of real numbers, however they are written."""

from __future__ import annotations

from fractions import Fraction

from pipeline.answers.evaluation import NoValue, Value, is_close, walk
from pipeline.answers.outcome import Context, Result
from pipeline.answers.reading import (
    Formula,
    Items,
    Meaning,
    Named,
    Quantity,
    is_constant,
)
from pipeline.answers.regions import NoRegion, Region, find_region, same_region
from pipeline.answers.tree import Apply, Group, Node, Relation, Symbol


def compare_regions(gold: Meaning, answer: Meaning, context: Context) -> Result | None:
    """The result where both are sets of real numbers and at least one says so; None to go on."""
    evident = _is_evident(gold) or _is_evident(answer)
    if not evident and not (context.interval and _is_pair(gold) and _is_pair(answer)):
        return None
    if isinstance(gold, Quantity) or isinstance(answer, Quantity):
        return None
    nodes = [_to_node(meaning) for meaning in (gold, answer)]
    if nodes[0] is None or nodes[1] is None:
        return None
    try:
        regions = [find_region(node) for node in nodes if node is not None]
    except (NoRegion, NoValue):
        return None
    if same_region(*regions):
        return "same", "the same set of numbers"
    if _are_rounded(*regions):
        return "unclear", "one is a rounded form of the other"
    return "different", "another set of numbers"


def _are_rounded(gold: Region, answer: Region) -> bool:
    """Whether the ends of two sets differ by no more than a percent, which a rounded end may."""
    return len(gold) == len(answer) and all(
        (x.low_closed, x.high_closed) == (y.low_closed, y.high_closed)
        and all(
            is_close(a, b, 0.01) and (is_close(a, b) or not (_is_whole(a) and _is_whole(b)))
            for a, b in ((x.low, y.low), (x.high, y.high))
        )
        for x, y in zip(gold, answer, strict=True)
    )


def _is_whole(value: Value) -> bool:
    return isinstance(value, Fraction) and value.denominator == 1


def _is_evident(meaning: Meaning) -> bool:
    node = _to_node(meaning)
    if node is None:
        return False
    return any(
        (isinstance(part, Relation) and set(part.signs) & {"<", ">", "<=", ">=", "!="})
        or (isinstance(part, Group) and part.kind in ("(]", "[)"))
        or (isinstance(part, Symbol) and part.name in ("infty", "reals", "reals+", "reals-", "emptyset"))
        or (isinstance(part, Apply) and part.name in ("cup", "cap", "setminus"))
        for part in walk(node)
    )


def _is_pair(meaning: Meaning) -> bool:
    return isinstance(meaning, Items) and meaning.kind in ("()", "[]") and len(meaning.items) == 2


def _to_node(meaning: Meaning) -> Node | None:
    """The tree of a meaning again; None for words and times."""
    if isinstance(meaning, Quantity | Formula):
        return meaning.node
    if isinstance(meaning, Named):
        return meaning.node if is_constant(meaning.name) else _to_node(meaning.value)
    if isinstance(meaning, Items) and meaning.kind != "matrix":
        nodes = [_to_node(item) for item in meaning.items]
        return None if None in nodes else Group(meaning.kind, tuple(nodes), meaning.joined)  # type: ignore[arg-type]
    return None
