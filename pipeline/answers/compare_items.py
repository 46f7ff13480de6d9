"""Several items: in order, in any order, named, nested, or one of them alone."""

from __future__ import annotations

import math
import re
from fractions import Fraction

from pipeline.answers.evaluation import NoValue, evaluate, is_close, widen
from pipeline.answers.outcome import ORDERED, Compare, Context, Result
from pipeline.answers.reading import (
    Formula,
    Items,
    Meaning,
    Named,
    Quantity,
)
from pipeline.answers.regions import NoRegion, find_region
from pipeline.answers.tree import Apply, Group, Node, Number, Symbol

MAX_ITEMS = 40


def label_of(name: Node) -> str:
    """A name without case, spaces and quotes, to compare it by."""
    return re.sub(r"[\s_]|‹|›", "", name.name.lower()) if isinstance(name, Symbol) else repr(name)


def compare_items(gold: Meaning, answer: Meaning, context: Context, compare: Compare) -> Result:
    """Compare two meanings of which at least one is several items."""
    gold, answer = simplify(gold), simplify(answer)
    if not isinstance(gold, Items) and not isinstance(answer, Items):
        return compare(gold, answer, context)
    if isinstance(gold, Items) and not isinstance(answer, Items):
        return _compare_one_of(gold, answer, context, compare, whole="gold")
    if isinstance(answer, Items) and not isinstance(gold, Items):
        return _compare_one_of(answer, gold, context, compare, whole="answer")
    assert isinstance(gold, Items)
    assert isinstance(answer, Items)
    if max(len(gold.items), len(answer.items)) > MAX_ITEMS:
        return "unclear", f"more than {MAX_ITEMS} items"
    gold, answer = _aligned(gold, answer)
    if gold.kind == "matrix" or answer.kind == "matrix":
        return _compare_in_order(*_as_vectors(gold, answer), context, compare)
    if gold.kind in ORDERED and answer.kind in ORDERED:
        result = _compare_in_order(gold, answer, context, compare)
        if result[0] == "same" and gold.kind != answer.kind:
            if gold.kind == "[]" and _is_increasing(gold):
                return "different", "open ends instead of closed ones"
            return "unclear", f"the same items in other brackets: {gold.kind} and {answer.kind}"
        return result
    if gold.kind in ORDERED or answer.kind in ORDERED:
        return _compare_mixed(gold, answer, context, compare)
    result = compare_unordered(gold, answer, context, compare)
    if result[0] == "same" and context.ordered and _compare_in_order(gold, answer, context, compare)[0] != "same":
        return "unclear", "the same items in another order, and the question asks for one"
    return result


def simplify(meaning: Meaning) -> Meaning:
    """Names that only number the items taken off; a list of one item is that item; `x=5,y=2; x=7,y=2` is two pairs."""
    if isinstance(meaning, Formula) and isinstance(meaning.node, Apply) and meaning.node.name == "whole":
        return _whole_numbers(meaning.node.args[0]) or meaning
    if not isinstance(meaning, Items):
        return meaning
    items = meaning.items
    if meaning.kind in ("list", "set"):
        flat: list[Meaning] = []
        for item in items:
            inner = (
                item.value
                if isinstance(item, Named) and isinstance(item.value, Items) and item.value.kind == "list"
                else item
            )
            flat.extend(inner.items if isinstance(inner, Items) and inner.kind == "list" else (item,))
        items = tuple(flat)
    named = [item for item in items if isinstance(item, Named)]
    if meaning.kind == "list" and len(items) > 1 and len(named) == len(items):
        names = [label_of(item.name) for item in named]
        if len({re.sub(r"[\d{}]+$", "", name) for name in names}) == 1:
            meaning = Items(meaning.kind, meaning.items, "or")  # values of one unknown
            values = [item.value for item in named]
            items = tuple(
                part
                for value in values
                for part in (value.items if isinstance(value, Items) and value.kind == "list" else (value,))
            )
        elif len(set(names)) < len(names) and len(names) % len(set(names)) == 0:
            size = len(set(names))
            if all(set(names[i : i + size]) == set(names) for i in range(0, len(names), size)):
                groups = (named[i : i + size] for i in range(0, len(named), size))
                rows = [sorted(group, key=lambda item: label_of(item.name)) for group in groups]
                items = tuple(Items("()", tuple(item.value for item in row)) for row in rows)
    elif meaning.kind in ("list", "set") and len(items) > 1 and isinstance(items[0], Named):
        first = items[0]
        if all(isinstance(item, Quantity) for item in items[1:]) and isinstance(first.value, Quantity):
            items = (first.value, *items[1:])  # x = 1, 2, 3
    if (
        meaning.kind in ("list", "set")
        and items
        and all(isinstance(item, Named) and isinstance(item.name, Group) for item in items)
    ):
        items = tuple(item.value for item in items)  # type: ignore[union-attr]
    if len(items) == 1:
        return items[0]
    return Items(meaning.kind, items, meaning.joined)


def _whole_numbers(condition: Node) -> Items | None:
    """The whole numbers in a bounded set, one by one."""
    try:
        pieces = find_region(condition)
        ends = [(float(piece.low), float(piece.high)) for piece in pieces]
    except (NoRegion, NoValue, TypeError):
        return None
    if sum(high - low for low, high in ends) > MAX_ITEMS:
        return None
    found = [
        number
        for piece, (low, high) in zip(pieces, ends, strict=True)
        for number in range(math.floor(low), math.ceil(high) + 1)
        if (low < number < high)
        or (piece.low_closed and is_close(piece.low, Fraction(number)))
        or (piece.high_closed and is_close(piece.high, Fraction(number)))
    ]
    return Items("set", tuple(Quantity(Number(Fraction(number))) for number in found))


def _aligned(gold: Items, answer: Items) -> tuple[Items, Items]:
    """Names taken off where only one side has them, in alphabetical order against a tuple; matched where both have."""
    named = [all(isinstance(item, Named) for item in side.items) for side in (gold, answer)]
    if all(named):
        names = [[label_of(item.name) for item in side.items] for side in (gold, answer)]  # type: ignore[union-attr]
        if sorted(names[0]) == sorted(names[1]) and len(set(names[0])) == len(names[0]):
            order = [names[1].index(name) for name in names[0]]
            bare = [tuple(item.value for item in side.items) for side in (gold, answer)]  # type: ignore[union-attr]
            return Items("()", bare[0]), Items("()", tuple(bare[1][place] for place in order))
        return gold, answer
    sides = []
    for side, has_names, other in zip((gold, answer), named, (answer, gold), strict=True):
        if not has_names:
            mixed = tuple(item.value if isinstance(item, Named) else item for item in side.items)
            kept = any(isinstance(item, Named | Formula) for item in other.items)
            sides.append(side if kept else Items(side.kind, mixed, side.joined))
        elif other.kind in ORDERED:
            in_order = sorted(side.items, key=lambda item: label_of(item.name))  # type: ignore[union-attr]
            sides.append(Items(other.kind, tuple(item.value for item in in_order)))  # type: ignore[union-attr]
        else:
            sides.append(Items(side.kind, tuple(item.value for item in side.items), side.joined))  # type: ignore[union-attr]
    return sides[0], sides[1]


def _compare_one_of(several: Items, one: Meaning, context: Context, compare: Compare, *, whole: str) -> Result:
    if several.kind == "matrix" or several.kind in ORDERED:
        if isinstance(one, Formula):
            return "unclear", "a formula against several values"
        return "different", "one value is not several"
    outcomes = [compare(*((item, one) if whole == "gold" else (one, item)), context)[0] for item in several.items]
    if all(outcome == "same" for outcome in outcomes):
        return "same", "several forms of one value"
    if "same" in outcomes:
        if whole == "gold":
            return "different", f"only one of {len(outcomes)} values"
        names = {label_of(item.name) for item in several.items if isinstance(item, Named)}
        one_name = len(names) == 1 and all(isinstance(item, Named) for item in several.items)
        if (several.joined == "or" or one_name) and "unclear" not in outcomes:
            return "different", "other values besides the right one"
        return "unclear", "the right value is one of several given"
    if "unclear" in outcomes:
        return "unclear", "one value against several"
    return "different", "none of the values"


def _as_vectors(gold: Items, answer: Items) -> tuple[Items, Items]:
    """A matrix of one row or one column against a tuple; nested brackets as a matrix."""

    def flat(side: Items) -> Items:
        if side.kind == "matrix":
            rows = side.items
            if len(rows) == 1 and isinstance(rows[0], Items):
                return Items("()", rows[0].items)
            if all(isinstance(row, Items) and len(row.items) == 1 for row in rows):
                return Items("()", tuple(row.items[0] for row in rows))  # type: ignore[union-attr]
        return side

    if gold.kind == answer.kind == "matrix":
        shapes = [(len(s.items), len(s.items[0].items)) for s in (gold, answer)]  # type: ignore[union-attr]
        if shapes[0] != shapes[1] and 1 not in (*shapes[0], *shapes[1]):
            return gold, answer
    return flat(gold), flat(answer)


def _compare_in_order(gold: Items, answer: Items, context: Context, compare: Compare) -> Result:
    if len(gold.items) != len(answer.items):
        return "different", f"{len(answer.items)} items, not {len(gold.items)}"
    results = [_member(a, b, context, compare) for a, b in zip(gold.items, answer.items, strict=True)]
    for place, (outcome, why) in enumerate(results, start=1):
        if outcome == "different":
            return outcome, f"item {place}: {why}"
    return next((result for result in results if result[0] == "unclear"), ("same", "the same items in order"))


def _member(a: Meaning, b: Meaning, context: Context, compare: Compare) -> Result:
    """Compare two members; rows of a matrix may be in any brackets."""
    if isinstance(a, Items) and isinstance(b, Items) and a.kind in ORDERED and b.kind in ORDERED:
        return _compare_in_order(a, b, context, compare)
    return compare(a, b, context)


def compare_unordered(gold: Items, answer: Items, context: Context, compare: Compare) -> Result:
    """Match the items of both sides one to one, in any order."""
    table = [[compare(a, b, context)[0] for b in answer.items] for a in gold.items]
    free = set(range(len(answer.items)))
    unmatched = []
    for row, _ in enumerate(gold.items):
        hit = next((column for column in sorted(free) if table[row][column] == "same"), None)
        if hit is None:
            unmatched.append(row)
        else:
            free.discard(hit)
    if not unmatched and not free:
        return "same", "the same items"
    lonely_gold = [row for row in unmatched if all(outcome == "different" for outcome in table[row])]
    lonely_answer = [column for column in free if all(table[row][column] == "different" for row in range(len(table)))]
    if lonely_gold or lonely_answer:
        told = f"{len(lonely_gold)} missing, {len(lonely_answer)} that should not be there"
        return "different", f"other items: {told}"
    if not unmatched or not free:
        repeats = all("same" in (table[row][column] for row in range(len(table))) for column in free) and all(
            "same" in table[row] for row in unmatched
        )
        scalars = any(isinstance(item, Quantity) for item in gold.items)
        if repeats and gold.kind == answer.kind == "list" and scalars:
            return "unclear", "the same values, some of them repeated"
        if repeats:
            return "same", "the same items, some of them repeated"
    return "unclear", "items that cannot be compared"


def _is_increasing(pair: Items) -> bool:
    """Whether brackets hold two numbers, the smaller first, as those of an interval do."""
    try:
        values = [evaluate(item.node) for item in pair.items if isinstance(item, Quantity)]
        return len(values) == len(pair.items) == 2 and bool(widen(values[0]) < widen(values[1]))
    except (NoValue, TypeError):
        return False


def _compare_mixed(gold: Items, answer: Items, context: Context, compare: Compare) -> Result:
    """A tuple against a bare list or a set."""
    if len(gold.items) == len(answer.items) and _compare_in_order(gold, answer, context, compare)[0] == "same":
        if "set" in (gold.kind, answer.kind):
            return "unclear", "the same items, once as a set and once in order"
        return "same", "the same items in order"
    result = compare_unordered(gold, answer, context, compare)
    return result if result[0] == "different" else ("unclear", "the same items in another order or form")
