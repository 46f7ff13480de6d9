r"""What a final answer means: a quantity with its unit, a time of day, several items, a relation, or words.

One text may have several readings (`1\frac12`, `1,234`, `2 m`); the first is the likeliest.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from pipeline.answers import words
from pipeline.answers.evaluation import NoValue, children, evaluate, is_close, walk
from pipeline.answers.expressions import compare_expressions
from pipeline.answers.matrices import to_matrix
from pipeline.answers.notation import normalise
from pipeline.answers.numerals import HAN_ONLY, HAN_RUN, read_numeral
from pipeline.answers.operands import NUMBER_SETS
from pipeline.answers.surroundings import read_compound, split_condition, split_unit, tidy
from pipeline.answers.syntax import parse
from pipeline.answers.times import Clock, Date, read_clock, read_date
from pipeline.answers.tree import Apply, Group, Matrix, Node, Number, Relation, Style, Symbol, Unreadable, Word
from pipeline.answers.units import Unit, find_unit


@dataclass(frozen=True)
class Quantity:
    """One expression with its unit; `noun` is what is counted where that is no unit of measure."""

    node: Node
    unit: Unit | None = None
    noun: str = ""


@dataclass(frozen=True)
class Items:
    """Several meanings: `list` and `set` in any order; `()`, `[]`, `(]`, `[)` in theirs; `matrix` row by row."""

    kind: str
    items: tuple[Meaning, ...]
    joined: str = ","


@dataclass(frozen=True)
class Named:
    """`x = 5`, `f(x) = x^2`, `(x, y) = (1, 2)`: a name and its value."""

    name: Node
    value: Meaning
    node: Relation


@dataclass(frozen=True)
class Formula:
    """An equation, an inequality, or a set of numbers written otherwise than by its members."""

    node: Node


@dataclass(frozen=True)
class Phrase:
    """An answer in words."""

    text: str


Meaning = Quantity | Clock | Date | Items | Named | Formula | Phrase


@dataclass(frozen=True)
class Reading:
    """One reading of a text; `condition` is what it says of its parameters (`k \\in \\integers`)."""

    meaning: Meaning
    condition: str = ""
    loose: bool = False
    """Whether this reading is unlikely enough that it may not make an answer correct."""


CURRENCIES = {
    "\\dollar": "$",
    "$": "$",
    "€": "€",
    "£": "£",
    "¥": "¥",
    "￥": "¥",
    "₹": "₹",
    "us\\dollar": "$",
    "rs.": "₹",
    "rs": "₹",
}


@lru_cache(maxsize=4096)
def read(text: str) -> tuple[Reading, ...]:
    """All readings of a final answer, the likeliest first. Raises Unreadable."""
    try:
        plain = tidy(normalise(text))
    except ValueError as error:
        raise Unreadable(str(error)) from error
    if not plain:
        raise Unreadable("nothing is left of the answer")
    if words.read_class(plain) is not None:
        return (Reading(Phrase(plain)),)
    if (clock := read_clock(plain)) is not None:
        told = [Reading(clock)]
        if clock.half_told or ":" not in plain or clock.minutes % 60 == 0:
            return tuple(told)
        return (*told, *_read_mathematics(plain))
    if (date := read_date(plain)) is not None:
        return (Reading(date),)
    if (number := read_numeral(plain)) is not None:
        return (Reading(Quantity(Number(number))),)
    return _read_mathematics(plain)


def _read_mathematics(plain: str) -> tuple[Reading, ...]:
    plain, condition = split_condition(plain)
    readings: list[Reading] = []
    if (compound := read_compound(plain)) is not None:
        return (Reading(Quantity(Number(compound[0]), compound[1]), condition),)
    if money := re.match(r"^([-+]?)\s*(US\s?\\dollar|\\dollar|[€£¥￥₹]|Rs\.?)\s*(?=[-\d.])(.*)$", plain):
        inner = _read_plain(money[1] + money[3], condition)
        unit = find_unit(CURRENCIES[money[2].replace(" ", "").lower()])
        return tuple(_with_unit(reading, unit) for reading in inner)
    failure: Unreadable | None = None
    for body, unit, noun, loose in split_unit(plain):
        try:
            for reading in _read_plain(body, condition):
                if (unit or noun) and isinstance(reading.meaning, Phrase):
                    continue
                reading = replace(reading, loose=reading.loose or loose)
                readings.append(_with_unit(reading, unit, noun) if unit or noun else reading)
        except Unreadable as error:
            failure = error
    if readings:
        return tuple(dict.fromkeys(readings))
    if len(re.findall(r"[^\W\d_]{2,}", plain)) and not re.search(r"[=<>^_\\]", plain.replace("\\deg", "")):
        return (Reading(Phrase(plain), condition),)
    raise failure or Unreadable(f"cannot read {plain[:60]!r}")


def _with_unit(reading: Reading, unit: Unit | None, noun: str = "") -> Reading:
    meaning = reading.meaning
    if isinstance(meaning, Quantity) and meaning.unit is None:
        return replace(reading, meaning=replace(meaning, unit=unit, noun=noun))
    if isinstance(meaning, Named) and isinstance(meaning.value, Quantity):
        return replace(reading, meaning=replace(meaning, value=replace(meaning.value, unit=unit, noun=noun)))
    return reading


def _read_plain(body: str, condition: str) -> list[Reading]:
    """Readings of mathematics without a unit, one for each style that matters."""
    body = body.strip()
    if HAN_ONLY.search(body):
        body = re.sub(
            HAN_RUN.pattern + r"(?![\u4e00-\u9fff])",
            lambda m: f"({number})" if (number := read_numeral(m[0])) is not None else m[0],
            body,
        )
    style = Style()
    first = to_meaning(parse(body, style))
    readings = [Reading(first, condition)]
    others = {
        "mixed": replace(style, mixed=False, ambiguous=set()),
        "tight": replace(style, tight=True, ambiguous=set()),
        "thousands": replace(style, thousands=False, ambiguous=set()),
        "decimal_comma": replace(style, decimal_comma=True, ambiguous=set()),
    }
    for choice in sorted(style.ambiguous):
        try:
            readings.append(Reading(to_meaning(parse(body, others[choice])), condition, loose=choice == "mixed"))
        except Unreadable:
            continue
    return readings


def to_meaning(node: Node) -> Meaning:
    """What a tree means. Raises Unreadable for words in the middle of mathematics."""
    signs = sum(isinstance(part, Apply) and part.name in ("pm", "mp") for part in walk(node))
    if signs and isinstance(node, Group | Relation) and not (isinstance(node, Group) and node.kind in ("list", "set")):
        if signs > 1 and isinstance(node, Group):
            raise Unreadable("several signs ± in one tuple")
        if isinstance(node, Group) or not is_name(node.sides[0]):
            return Items("list", tuple(to_meaning(choose_sign(node, sign)) for sign in (1, -1)))
    if isinstance(node, Group):
        kept = tuple(to_meaning(item) for item in node.items)
        wordy = [isinstance(item, Phrase) for item in kept]
        if any(wordy) and not all(wordy):
            raise Unreadable("words among mathematics")
        return Items(node.kind, kept, node.joined)
    if isinstance(node, Matrix):
        return Items("matrix", tuple(Items("()", tuple(map(to_meaning, row))) for row in node.rows))
    if isinstance(node, Relation):
        return _relation(node)
    if isinstance(node, Word):
        return Phrase(node.text)
    if isinstance(node, Apply) and node.name in ("cup", "cap", "setminus", "whole", "congruent"):
        return Formula(node)
    if isinstance(node, Symbol) and node.name.rstrip("+*-") in NUMBER_SETS:
        return Formula(node)
    if signs:
        return Items("list", tuple(Quantity(choose_sign(node, sign)) for sign in (1, -1)))
    if isinstance(node, Apply) and node.name == "*" and len(node.args) == 2:
        left, right = node.args
        if isinstance(left, Word) and left.text in CURRENCIES and not _has_words(right):
            return Quantity(right, find_unit(CURRENCIES[left.text]))
        if isinstance(right, Word) and not _has_words(left):
            unit = find_unit(right.text)
            return Quantity(left, unit, "" if unit else right.text)
    if (matrix := to_matrix(node)) is not None:
        return to_meaning(matrix)
    if _has_words(node):
        raise Unreadable("words in the middle of mathematics")
    if isinstance(node, Apply) and node.name == "call" and len(node.args) > 2 and all(map(is_constant, node.args[1:])):
        return Items("()", tuple(map(to_meaning, node.args[1:])))  # the point P(1, 2)
    if any(isinstance(part, Group | Matrix) for part in children(node)):
        return Formula(node)
    return Quantity(node)


def _has_words(node: Node) -> bool:
    return any(isinstance(part, Word) for part in walk(node))


def _relation(node: Relation) -> Meaning:
    if any(_has_words(side) for side in node.sides[1:]) or (_has_words(node.sides[0]) and not is_name(node.sides[0])):
        raise Unreadable("words in the middle of mathematics")
    if r"\in" in node.signs and len(node.sides) == 2:
        return to_meaning(node.sides[1])
    if set(node.signs) <= {"=", "~="}:
        first = node.sides[0]
        exact = [side for side, sign in zip(node.sides[1:], node.signs, strict=True) if sign == "="]
        value = exact[-1] if exact else node.sides[1]
        if len(node.sides) == 2 and not is_name(first) and is_name(value):
            first, value = value, first
        if is_name(first) and not _mentions(value, first):
            if not isinstance(value, Number | Group | Matrix) and len(exact) > 1 and any(map(is_constant, exact)):
                value = [side for side in exact if is_constant(side)][-1]
            meaning = to_meaning(value)
            return Named(first, meaning, Relation((first, value), ("=",)))
        if node.signs[0] == "~=" and is_constant(first):
            return Quantity(first)
        if all(map(is_constant, node.sides)) and not any(isinstance(side, Group | Matrix) for side in node.sides):
            return Quantity(node.sides[-1]) if _all_equal(node.sides) else Formula(node)
    plain = set(node.signs) <= {"=", "~="} and not any(isinstance(side, Group | Matrix) for side in node.sides)
    if plain and all(compare_expressions(node.sides[0], side)[0] == "same" for side in node.sides[1:]):
        return Quantity(node.sides[-1])  # a chain of transformations
    return Formula(node)


def is_constant(node: Node) -> bool:
    """Whether a tree holds no variable."""
    return not any(isinstance(part, Symbol) and part.name not in ("pi", "e", "i") for part in walk(node)) and not any(
        isinstance(part, Word) for part in walk(node)
    )


def is_name(node: Node) -> bool:
    """Whether a side names what the other side is worth: a symbol, `f(x)`, `AB`, `|AB|`, `(x, y)`, words."""
    if isinstance(node, Symbol):
        return node.name not in ("pi", "e", "i", "infty")
    if isinstance(node, Word):
        return True
    if isinstance(node, Apply):
        if node.name == "call":
            return True
        if node.name in ("sin", "cos", "tan", "cot"):
            return not is_constant(node)
        if node.name == "^":
            return is_name(node.args[0]) and isinstance(node.args[1], Number)
        if node.name in ("*", "abs", ":", "/", "+", "cup", "cap", "setminus"):
            leaves = [part for part in walk(node) if not isinstance(part, Apply)]
            capitals = isinstance(leaves[0], Symbol) and all(
                isinstance(part, Number) or (isinstance(part, Symbol) and _is_label(part.name)) for part in leaves
            )
            return capitals or (node.name == "*" and any(isinstance(part, Word) for part in node.args))
        return node.name in ("sin", "cos", "tan", "max", "min", "deg", "gcd", "det") and all(
            isinstance(part, Symbol) and (_is_label(part.name) or len(part.name) > 1) for part in node.args
        )
    return isinstance(node, Group) and node.kind == "()" and all(isinstance(item, Symbol) for item in node.items)


def _is_label(name: str) -> bool:
    """Whether a symbol is written like a point, an angle or a length: `A`, `S_1`, `angle ABC`."""
    return name[0].isupper() or name.startswith(("angle", "triangle", "overline", "vec"))


def _all_equal(sides: Sequence[Node]) -> bool:
    try:
        values = [evaluate(side) for side in sides]
    except NoValue:
        return False
    return all(is_close(values[0], value, 1e-3) for value in values[1:])


def _mentions(node: Node, name: Node) -> bool:
    if isinstance(name, Symbol):
        return any(part == name for part in walk(node))
    return False


def choose_sign(node: Node, sign: int) -> Node:
    """The tree with every ± taken as one sign, and every ∓ as the other."""
    if isinstance(node, Apply):
        args = tuple(choose_sign(argument, sign) for argument in node.args)
        if node.name in ("pm", "mp"):
            return Apply("neg", args) if (sign < 0) == (node.name == "pm") else args[0]
        return Apply(node.name, args)
    if isinstance(node, Group):
        return Group(node.kind, tuple(choose_sign(item, sign) for item in node.items), node.joined)
    if isinstance(node, Relation):
        return Relation(tuple(choose_sign(side, sign) for side in node.sides), node.signs)
    return node
