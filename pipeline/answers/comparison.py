"""Two meanings ──▶ same, different, or unclear, with the reason. Neither of the first two without a positive one."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

from pipeline.answers import words
from pipeline.answers.evaluation import NoValue, Value, add, evaluate, is_close, multiply, symbols, walk, widen
from pipeline.answers.evaluation import context as precise
from pipeline.answers.expressions import OTHER_NAMES, compare_expressions, compare_relations, rename, same_family
from pipeline.answers.reading import (
    Clock,
    Date,
    Formula,
    Items,
    Meaning,
    Named,
    Phrase,
    Quantity,
    Reading,
    _choose_sign,
    is_constant,
    is_name,
)
from pipeline.answers.regions import NoRegion, Region, find_region, same_region
from pipeline.answers.syntax import Apply, Group, Node, Number, Relation, Symbol
from pipeline.answers.units import Unit

Outcome = Literal["same", "different", "unclear"]
Result = tuple[Outcome, str]
ORDERED = frozenset({"()", "[]", "(]", "[)", "matrix"})
MAX_ITEMS = 40
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


def make_context(question: str, tolerance: float) -> Context:
    """Read from the question whether order counts and whether a pair is an interval."""
    ordered = re.search(
        r"respectively|in (?:that|this|increasing|ascending|descending|decreasing|the) order|in order|依次|分别|顺序|从小到大|从大到小",
        question,
        re.IGNORECASE,
    )
    interval = re.search(
        r"interval|domain|range of|inequalit|定义域|值域|取值范围|不等式|解集|区间", question, re.IGNORECASE
    )
    percent = re.search(r"\bpercent|百分之几|百分率|百分比", question, re.IGNORECASE)
    return Context(tolerance, bool(ordered), bool(interval), bool(percent))


def compare_readings(gold: Sequence[Reading], answer: Sequence[Reading], context: Context) -> Result:
    """Compare all readings of two texts: same where a likely pair agrees, different where no pair does."""
    results = []
    for first, second in itertools.product(gold, answer):
        outcome, why = _compare_reading(first, second, context)
        if outcome == "same" and not first.loose and not second.loose:
            return outcome, why
        results.append((outcome, why))
    for outcome, why in results:
        if outcome == "same":
            return "unclear", f"{why}, if the answer is read in an unlikely way"
    clear = [result for result in results if not result[1].startswith(MISMATCH)] or results
    return next((result for result in clear if result[0] == "unclear"), clear[0])


def _compare_reading(gold: Reading, answer: Reading, context: Context) -> Result:
    first, second = gold.meaning, answer.meaning
    if "integers" in (gold.condition, answer.condition):
        nodes = [_family(meaning) for meaning in (first, second)]
        if nodes[0] and nodes[1] and (same := same_family(nodes[0], nodes[1])) is not None:
            return ("same", "the same family of values") if same else ("different", "another family of values")
    result = compare(first, second, context)
    if "integers" in (gold.condition, answer.condition) and result[0] == "different" and isinstance(second, Items | Named):
        return "unclear", "families of several values that may be the same"
    if gold.condition and answer.condition and result == ("unclear", OTHER_NAMES):
        return "same", "the same but for the names of its parameters"
    return result


def _family(meaning: Meaning) -> list[Node] | None:
    meaning = meaning.value if isinstance(meaning, Named) else meaning
    parts = meaning.items if isinstance(meaning, Items) and meaning.kind in ("list", "set") else (meaning,)
    parts = tuple(part.value if isinstance(part, Named) else part for part in parts)
    return (
        [part.node for part in parts if isinstance(part, Quantity)]
        if all(isinstance(p, Quantity) for p in parts)
        else None
    )


def compare(gold: Meaning, answer: Meaning, context: Context) -> Result:
    """Compare two meanings."""
    if isinstance(gold, Clock) or isinstance(answer, Clock):
        return _compare_clocks(gold, answer)
    if isinstance(gold, Date) or isinstance(answer, Date):
        return _compare_dates(gold, answer)
    if isinstance(gold, Phrase) or isinstance(answer, Phrase):
        return _compare_phrases(gold, answer)
    if (result := _compare_residues(gold, answer)) is not None:
        return result
    if (result := _compare_regions(gold, answer, context)) is not None:
        return result
    if isinstance(gold, Named) or isinstance(answer, Named):
        return _compare_named(gold, answer, context)
    if any(
        isinstance(side, Items) or (isinstance(side, Formula) and _simplified(side) is not side)
        for side in (gold, answer)
    ):
        return _compare_items(gold, answer, context)
    if isinstance(gold, Formula) or isinstance(answer, Formula):
        return _compare_formulas(gold, answer)
    assert isinstance(gold, Quantity)
    assert isinstance(answer, Quantity)
    return compare_quantities(gold, answer, context)


# ---- one value


def compare_quantities(gold: Quantity, answer: Quantity, context: Context) -> Result:
    """Compare two expressions with their units."""
    factor_gold, factor_answer = Fraction(1), Fraction(1)
    units_differ = None
    angles = [Unit("angle", Fraction(1)) if _is_marked(side.node, "deg") else side.unit for side in (gold, answer)]
    if any(side.unit and side.unit.kind == "angle" for side in (gold, answer)) and all(angles):
        return _compare_values(gold.node, answer.node, Fraction(1), Fraction(1), context, bare_degrees=False)
    if gold.unit and answer.unit:
        if gold.unit.kind != answer.unit.kind:
            units_differ = f"{answer.unit.kind} is not {gold.unit.kind}"
        else:
            factor_gold, factor_answer = gold.unit.factor, answer.unit.factor
    for side, other in ((gold, answer), (answer, gold)):  # a dozen is 12 with or without a word for what is counted
        if side.unit and side.unit.kind == "count" and not other.unit:
            factor_gold, factor_answer = (
                (side.unit.factor, Fraction(1)) if side is gold else (Fraction(1), side.unit.factor)
            )
    result = _compare_values(gold.node, answer.node, factor_gold, factor_answer, context)
    if units_differ:
        related = {gold.unit.kind[:6], answer.unit.kind[:6]} == {"length"} or "volume" in (
            gold.unit.kind,
            answer.unit.kind,
        )  # type: ignore[union-attr]
        if result[0] == "same":
            return ("unclear", f"the same number, but {units_differ}") if related else ("different", units_differ)
        return result if result[0] == "different" else ("unclear", units_differ)
    unit = gold.unit or answer.unit
    if result[0] == "different" and unit and not (gold.unit and answer.unit):
        for scale in (60, 3600, 24, 7, 12, 100, 1000, 10_000, 1_000_000):
            for factors in ((Fraction(scale), Fraction(1)), (Fraction(1), Fraction(scale))):
                if _compare_values(gold.node, answer.node, *factors, context)[0] == "same":
                    return "unclear", "the same number in another unit, perhaps"
    return result


def _infinite(node: Node) -> int:
    """1 or -1 for an infinity, 0 for anything else."""
    if isinstance(node, Apply) and node.name in ("neg", "+"):
        return -_infinite(node.args[0]) if node.name == "neg" else _infinite(node.args[0])
    return int(node == Symbol("infty"))


def _compare_values(
    gold: Node, answer: Node, scale_gold: Fraction, scale_answer: Fraction, context: Context, bare_degrees: bool = True
) -> Result:
    if _infinite(gold) or _infinite(answer):
        return (
            ("same", "infinite")
            if _infinite(gold) == _infinite(answer)
            else ("different", "only one is infinite, or with another sign")
        )
    if symbols(gold) or symbols(answer):
        if (scale_gold, scale_answer) != (1, 1):
            gold, answer = _scaled(gold, scale_gold), _scaled(answer, scale_answer)
        return compare_expressions(gold, answer)
    try:
        first = multiply(evaluate(gold), scale_gold)
    except NoValue as error:
        return "unclear", f"the gold answer has no value ({error})"
    try:
        second = multiply(evaluate(answer), scale_answer)
    except NoValue as error:
        return "unclear", f"the answer has no value ({error})"
    if is_close(first, second):
        return _same_value(gold, answer)
    places = [_places(node) for node in (gold, answer)]
    has_decimal = any(
        isinstance(part, Number) and part.places is not None for node in (gold, answer) for part in walk(node)
    )
    if has_decimal and is_close(first, second, context.tolerance):
        return "same", "equal within the tolerance"
    for value, other, digits, scale in (
        (first, second, places[0], scale_gold),
        (second, first, places[1], scale_answer),
    ):
        if digits is not None and abs(widen(value) - widen(other)) < widen(scale / Fraction(10) ** digits):
            return "unclear", "one is a rounded form of the other"
    for node, value, other in ((gold, first, second), (answer, second, first)):
        marked = [_is_marked(side, "%") for side in (gold, answer)]
        if _is_marked(node, "%") and not all(marked) and is_close(multiply(value, Fraction(100)), other):
            if context.percent:
                return "same", "the percentage asked for, its sign left out"
            return "unclear", "equal up to a percent sign"
        if bare_degrees and _is_marked(node, "deg") and is_close(to_degrees(value), other):
            return "same", "the same number of degrees"
        if bare_degrees and _has_pi(node) and is_close(to_degrees(value), other):
            return "unclear", "radians and degrees, perhaps"
        if (
            node is gold
            and isinstance(node, Apply)
            and node.name == "based"
            and is_close(evaluate(node.args[0]), other)
        ):
            return "same", "the same digits, the base left out"
    if _could_be_clock(gold) and _could_be_clock(answer):
        return "unclear", "ratios or times of day"
    return "different", "another value"


def _same_value(gold: Node, answer: Node) -> Result:
    """Equal values; what was asked for may still differ: a sum left undone is accepted, `204_5` for 54 is not."""
    bases = [
        node.args[1] if isinstance(node, Apply) and node.name in ("based", "in base") else None
        for node in (gold, answer)
    ]
    if bases[0] is not None and bases[0] != bases[1]:
        return "unclear", "the same value in another base"
    return "same", "the same value"


def to_degrees(radians: Value) -> Value:
    """Radians ──▶ degrees."""
    return multiply(radians, 180 / precise.pi)


def _has_pi(node: Node) -> bool:
    return any(part == Symbol("pi") for part in walk(node))


def _scaled(node: Node, factor: Fraction) -> Node:
    return Apply("*", (Number(factor), node)) if factor != 1 else node


def _places(node: Node) -> int | None:
    """Decimal places where the tree is one decimal (or a percentage of one)."""
    if isinstance(node, Apply) and node.name in ("neg", "deg"):
        return _places(node.args[0])
    if isinstance(node, Apply) and node.name == "%":
        inner = _places(node.args[0])
        return None if inner is None else inner + 2
    return node.places if isinstance(node, Number) else None


def _is_marked(node: Node, mark: str) -> bool:
    return any(isinstance(part, Apply) and part.name == mark for part in walk(node))


def _could_be_clock(node: Node) -> bool:
    return (
        isinstance(node, Apply)
        and node.name == ":"
        and len(node.args) == 2
        and all(isinstance(part, Number) and part.value.denominator == 1 for part in node.args)
        and 10 <= node.args[1].value < 60  # type: ignore[union-attr]
    )


def _compare_clocks(gold: Meaning, answer: Meaning) -> Result:
    if not (isinstance(gold, Clock) and isinstance(answer, Clock)):
        return "unclear", f"{MISMATCH} a time of day"
    if gold.minutes == answer.minutes:
        return "same", "the same time of day"
    if gold.half_told and answer.half_told:
        return "different", "another time of day"
    if gold.minutes % 720 == answer.minutes % 720:
        told, bare = (gold, answer) if gold.half_told else (answer, gold)
        if bare.minutes == told.minutes % 720 or (
            bare.minutes // 60 == 12 and told.minutes % 720 == bare.minutes % 720
        ):
            return "same", "the same time, its half of the day left out"
        return "unclear", "the same time of another half of the day, perhaps"
    return "different", "another time of day"


def _compare_dates(gold: Meaning, answer: Meaning) -> Result:
    if not (isinstance(gold, Date) and isinstance(answer, Date)):
        return "unclear", f"{MISMATCH} a date"
    years = {date.year for date in (gold, answer)} - {None}
    if (gold.month, gold.day) == (answer.month, answer.day) and len(years) < 2:
        return "same", "the same date"
    return "different", "another date"


# ---- words


def _compare_phrases(gold: Meaning, answer: Meaning) -> Result:
    if not (isinstance(gold, Phrase) and isinstance(answer, Phrase)):
        phrase, other = (gold, answer) if isinstance(gold, Phrase) else (answer, gold)
        if isinstance(phrase, Phrase) and words.read_class(phrase.text) == words.KNOWN["none"]:
            empty = isinstance(other, Formula) and other.node == Symbol("emptyset")
            return ("same", "nothing") if empty else ("different", "one says that there is none")
        if (
            isinstance(phrase, Phrase)
            and isinstance(other, Quantity)
            and phrase.text.strip().lower() == getattr(other.node, "name", "").lower()
        ):
            return "same", "the same letter"
        return "unclear", "words against mathematics"
    first, second = words.read_class(gold.text), words.read_class(answer.text)
    if first and second:
        if first == second:
            return "same", "the same word"
        if first[0] == second[0]:
            return "different", "the opposite or another of its kind"
        return "unclear", "words of different kinds"
    split = [words.split_words(phrase.text) for phrase in (gold, answer)]
    denied = [bool(set(side) & {"not", "no", "never", "isn't"}) for side in split]
    if denied[0] != denied[1] and {*split[0]} ^ {*split[1]} <= {"not", "no", "never", "isn't"}:
        return "different", "one denies the other"
    if split[0] == split[1] or "".join(split[0]) == "".join(split[1]):
        return "same", "the same words"
    if len(split[0]) == len(split[1]) == 1:
        ascii_only = all(word.isascii() for side in split for word in side)
        han_only = not any(word.isascii() for side in split for word in side)
        if (ascii_only or han_only) and not (split[0][0] in split[1][0] or split[1][0] in split[0][0]):
            return (
                ("different", "another word") if not first and not second or ascii_only else ("unclear", "other words")
            )
    if sorted(split[0]) == sorted(split[1]) and {"and", ","} & set(" ".join(split[0]).split()):
        return "same", "the same words in another order"
    return "unclear", "other words"


# ---- sets of numbers


def _compare_regions(gold: Meaning, answer: Meaning, context: Context) -> Result | None:
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


# ---- names and formulas


def _compare_named(gold: Meaning, answer: Meaning, context: Context) -> Result:
    if isinstance(gold, Named) and isinstance(answer, Named):
        return _compare_both_named(gold, answer, context)
    named, other = (gold, answer) if isinstance(gold, Named) else (answer, gold)
    assert isinstance(named, Named)
    if isinstance(other, Formula):
        return compare_relations(named.node, other.node)
    values = named.value
    if (
        isinstance(other, Items)
        and isinstance(values, Items)
        and any(isinstance(item, Formula | Named) for item in other.items)
    ):
        nodes = [value.node for value in values.items if isinstance(value, Quantity)]
        if values.kind == "list" and len(nodes) == len(values.items):  # y = ±x against two equations
            equations = [Relation((named.name, node), ("=",)) for node in nodes]
            parts = tuple(
                Named(named.name, Quantity(node), equation) for node, equation in zip(nodes, equations, strict=True)
            )
            pair = (Items("list", parts), other) if isinstance(gold, Named) else (other, Items("list", parts))
            return _compare_unordered(*pair, context)
    if isinstance(other, Items) and other.kind == "list" and all(isinstance(item, Named) for item in other.items):
        if isinstance(named.name, Group) and isinstance(named.value, Items):
            values = _arranged(named.name, other.items)
            if values is not None:
                pair = (named.value, values) if isinstance(gold, Named) else (values, named.value)
                return compare(*pair, context)
    value = named.value
    return compare(value, other, context) if isinstance(gold, Named) else compare(other, value, context)


def _compare_both_named(gold: Named, answer: Named, context: Context) -> Result:
    if gold.name == answer.name or _label(gold.name) == _label(answer.name):
        return compare(gold.value, answer.value, context)
    first, second = gold.name, answer.name
    if all(isinstance(name, Apply) and name.name == "call" and len(name.args) == 2 for name in (first, second)):
        old, new = second.args[1], first.args[1]  # type: ignore[union-attr]
        if isinstance(old, Symbol) and isinstance(new, Symbol) and isinstance(answer.value, Quantity):
            value = Quantity(rename(answer.value.node, {old.name: new.name}), answer.value.unit)
            return compare(gold.value, value, context)
    if isinstance(first, Group) and isinstance(second, Group) and set(first.items) == set(second.items):
        if (
            isinstance(gold.value, Items)
            and isinstance(answer.value, Items)
            and len(answer.value.items) == len(second.items)
        ):
            order = [second.items.index(item) for item in first.items]
            return compare(gold.value, Items("()", tuple(answer.value.items[i] for i in order)), context)
    result = compare(gold.value, answer.value, context)
    both_letters = all(isinstance(name, Symbol) and len(name.name) == 1 for name in (first, second))
    if result[0] == "same" and both_letters:
        if symbols(gold.node) == symbols(answer.node):
            return compare_relations(gold.node, answer.node)
        if {name.name for name in (first, second)} <= {"x", "y", "z"}:  # type: ignore[union-attr]
            return "different", "another coordinate"
        return "unclear", "the same value under another name"
    if result[0] != "same" and (symbols(gold.node) == symbols(answer.node)):
        return compare_relations(gold.node, answer.node)
    return result


def _label(name: Node) -> str:
    return re.sub(r"[\s_]|‹|›", "", name.name.lower()) if isinstance(name, Symbol) else repr(name)


def _arranged(names: Group, items: Sequence[Meaning]) -> Items | None:
    """Values of `x = 1, y = 2` in the order of `(x, y)`."""
    found = {item.name: item.value for item in items if isinstance(item, Named)}
    if set(found) != set(names.items) or len(found) != len(items):
        return None
    return Items("()", tuple(found[name] for name in names.items))


def _compare_formulas(gold: Meaning, answer: Meaning) -> Result:
    if isinstance(gold, Formula) and isinstance(answer, Formula):
        if gold.node == answer.node:
            return "same", "the same formula"
        if all(isinstance(f.node, Relation) for f in (gold, answer)):
            return compare_relations(gold.node, answer.node)
        if all(isinstance(f.node, Symbol) for f in (gold, answer)):
            return "different", "another set of numbers"
        return "unclear", "formulas that cannot be compared"
    formula, other = (gold, answer) if isinstance(gold, Formula) else (answer, gold)
    if isinstance(formula, Formula) and isinstance(other, Quantity):
        if isinstance(formula.node, Relation) and set(formula.node.signs) == {"="}:
            sides = [compare_quantities(Quantity(side), other, Context())[0] for side in formula.node.sides]
            if sides[-1] == "same" and is_name(formula.node.sides[0]):
                return "same", "the value of the equation's side"
            return "unclear", "an equation against a value"
    return "unclear", "a formula against something else"


def _compare_residues(gold: Meaning, answer: Meaning) -> Result | None:
    r"""Residue classes, written `x \equiv 3 \pmod 7` at least once; the other may be `7k + 3`, or the bare residue."""
    if not (_is_congruence(gold) or _is_congruence(answer)):
        return None
    classes = [_residues(meaning) for meaning in (gold, answer)]
    if None in classes:
        return "unclear", "residue classes against something else"
    (first, modulus), (second, other) = classes  # type: ignore[misc]
    if modulus is None or other is None:
        whole = modulus or other
        assert whole is not None
        same = {residue % whole for residue in first} == {residue % whole for residue in second}
        return ("same", "the residue") if same else ("different", "another residue")
    spread = [_spread(residues, step, modulus * other) for residues, step in ((first, modulus), (second, other))]
    return ("same", "the same residue class") if spread[0] == spread[1] else ("different", "another residue class")


def _spread(residues: set[Fraction], step: Fraction, modulus: Fraction) -> set[Fraction]:
    return {(residue + step * k) % modulus for residue in residues for k in range(int(modulus / step))}


def _is_congruence(meaning: Meaning) -> bool:
    parts = meaning.items if isinstance(meaning, Items) else (meaning,)
    return any(
        isinstance(part, Formula) and isinstance(part.node, Apply) and part.node.name == "congruent" for part in parts
    )


def _residues(meaning: Meaning) -> tuple[set[Fraction], Fraction | None] | None:
    """(residues, modulus) of a congruence, of `7k + 3`, or of bare numbers (no modulus)."""
    if isinstance(meaning, Named):
        meaning = meaning.value
    if isinstance(meaning, Items) and meaning.kind in ("list", "set"):
        parts = [_residues(item) for item in meaning.items]
        moduli = {part[1] for part in parts if part and part[1]}
        if None in parts or len(moduli) > 1 or any(part[1] is None for part in parts[-1:] if part and moduli):
            return None
        found = set().union(*(part[0] for part in parts if part))
        modulus = next(iter(moduli), None)
        return ({residue % modulus for residue in found} if modulus else found), modulus
    if not isinstance(meaning, Quantity | Formula):
        return None
    node = meaning.node
    try:
        if isinstance(node, Apply) and node.name == "congruent":
            residues = [evaluate(_choose_sign(node.args[0], sign)) for sign in (1, -1)]
            modulus = evaluate(node.args[1])
            if all(isinstance(value, Fraction) for value in (*residues, modulus)) and 0 < modulus < 10_000:
                return {residue % modulus for residue in residues}, modulus
            return None
        if not symbols(node) and not isinstance(node, Relation):
            value = evaluate(node)
            return ({value}, None) if isinstance(value, Fraction) else None
        if isinstance(node, Relation):
            return _residues(Quantity(node.sides[-1])) if node.signs == (r"\equiv",) else None
        (name,) = symbols(node)
        values = [evaluate(node, {name: Fraction(k)}) for k in (0, 1, 2)]
    except (NoValue, ValueError):
        return None
    if not all(isinstance(value, Fraction) for value in values) or values[2] - values[1] != values[1] - values[0]:
        return None
    step = abs(values[1] - values[0])
    return ({values[0] % step}, step) if 0 < step < 10_000 else None


# ---- several items


def _compare_items(gold: Meaning, answer: Meaning, context: Context) -> Result:
    gold, answer = _simplified(gold), _simplified(answer)
    if not isinstance(gold, Items) and not isinstance(answer, Items):
        return compare(gold, answer, context)
    if isinstance(gold, Items) and not isinstance(answer, Items):
        return _compare_one_of(gold, answer, context, whole="gold")
    if isinstance(answer, Items) and not isinstance(gold, Items):
        return _compare_one_of(answer, gold, context, whole="answer")
    assert isinstance(gold, Items)
    assert isinstance(answer, Items)
    if max(len(gold.items), len(answer.items)) > MAX_ITEMS:
        return "unclear", f"more than {MAX_ITEMS} items"
    gold, answer = _aligned(gold, answer)
    if gold.kind == "matrix" or answer.kind == "matrix":
        return _compare_in_order(*_as_vectors(gold, answer), context)
    if gold.kind in ORDERED and answer.kind in ORDERED:
        result = _compare_in_order(gold, answer, context)
        if result[0] == "same" and gold.kind != answer.kind:
            if gold.kind == "[]" and _is_increasing(gold):
                return "different", "open ends instead of closed ones"
            return "unclear", f"the same items in other brackets: {gold.kind} and {answer.kind}"
        return result
    if gold.kind in ORDERED or answer.kind in ORDERED:
        return _compare_mixed(gold, answer, context)
    result = _compare_unordered(gold, answer, context)
    if result[0] == "same" and context.ordered and _compare_in_order(gold, answer, context)[0] != "same":
        return "unclear", "the same items in another order, and the question asks for one"
    return result


def _simplified(meaning: Meaning) -> Meaning:
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
    if meaning.kind == "list" and len(items) > 1 and all(isinstance(item, Named) for item in items):
        names = [_label(item.name) for item in items]  # type: ignore[union-attr]
        if len({re.sub(r"[\d{}]+$", "", name) for name in names}) == 1:
            meaning = Items(meaning.kind, meaning.items, "or")  # values of one unknown
            items = tuple(item.value for item in items)  # type: ignore[union-attr]
            items = tuple(
                part
                for item in items
                for part in (item.items if isinstance(item, Items) and item.kind == "list" else (item,))
            )
        elif len(set(names)) < len(names) and len(names) % len(set(names)) == 0:
            size = len(set(names))
            if all(set(names[i : i + size]) == set(names) for i in range(0, len(names), size)):
                rows = [
                    sorted(items[i : i + size], key=lambda item: _label(item.name)) for i in range(0, len(items), size)
                ]  # type: ignore[union-attr]
                items = tuple(Items("()", tuple(item.value for item in row)) for row in rows)  # type: ignore[union-attr]
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
        names = [[_label(item.name) for item in side.items] for side in (gold, answer)]  # type: ignore[union-attr]
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
            in_order = sorted(side.items, key=lambda item: _label(item.name))  # type: ignore[union-attr]
            sides.append(Items(other.kind, tuple(item.value for item in in_order)))  # type: ignore[union-attr]
        else:
            sides.append(Items(side.kind, tuple(item.value for item in side.items), side.joined))  # type: ignore[union-attr]
    return sides[0], sides[1]


def _compare_one_of(several: Items, one: Meaning, context: Context, *, whole: str) -> Result:
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
        names = {_label(item.name) for item in several.items if isinstance(item, Named)}
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


def _compare_in_order(gold: Items, answer: Items, context: Context) -> Result:
    if len(gold.items) != len(answer.items):
        return "different", f"{len(answer.items)} items, not {len(gold.items)}"
    results = [_member(a, b, context) for a, b in zip(gold.items, answer.items, strict=True)]
    for place, (outcome, why) in enumerate(results, start=1):
        if outcome == "different":
            return outcome, f"item {place}: {why}"
    return next((result for result in results if result[0] == "unclear"), ("same", "the same items in order"))


def _member(a: Meaning, b: Meaning, context: Context) -> Result:
    """Compare two members; rows of a matrix may be in any brackets."""
    if isinstance(a, Items) and isinstance(b, Items) and a.kind in ORDERED and b.kind in ORDERED:
        return _compare_in_order(a, b, context)
    return compare(a, b, context)


def _compare_unordered(gold: Items, answer: Items, context: Context) -> Result:
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


def _compare_mixed(gold: Items, answer: Items, context: Context) -> Result:
    """A tuple against a bare list or a set."""
    if len(gold.items) == len(answer.items) and _compare_in_order(gold, answer, context)[0] == "same":
        if "set" in (gold.kind, answer.kind):
            return "unclear", "the same items, once as a set and once in order"
        return "same", "the same items in order"
    result = _compare_unordered(gold, answer, context)
    return result if result[0] == "different" else ("unclear", "the same items in another order or form")


_ = add
