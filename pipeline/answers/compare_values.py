"""Quantities: exact values, units, percentages, degrees, bases, rounded decimals."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from pipeline.answers.evaluation import NoValue, Value, evaluate, is_close, multiply, symbols, walk, widen
from pipeline.answers.evaluation import context as precise
from pipeline.answers.expressions import compare_expressions
from pipeline.answers.outcome import Context, Result
from pipeline.answers.reading import (
    Quantity,
)
from pipeline.answers.tree import Apply, Node, Number, Symbol
from pipeline.answers.units import Unit


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
    if gold.unit and gold.unit.kind == "count" and not answer.unit:  # a dozen is 12 with or without a noun
        factor_gold = gold.unit.factor
    if answer.unit and answer.unit.kind == "count" and not gold.unit:
        factor_answer = answer.unit.factor
    result = _compare_values(gold.node, answer.node, factor_gold, factor_answer, context)
    if units_differ and gold.unit and answer.unit:
        kinds = {gold.unit.kind, answer.unit.kind}
        related = "volume" in kinds or {kind[:6] for kind in kinds} == {"length"}
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
    ratios = [node.args if isinstance(node, Apply) and node.name == ":" else () for node in (gold, answer)]
    if max(map(len, ratios)) > 2:
        return _compare_ratios(*ratios)
    if symbols(gold) or symbols(answer):
        if not scale_gold == scale_answer == 1:
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


def _compare_ratios(gold: Sequence[Node], answer: Sequence[Node]) -> Result:
    """Ratios of three and more parts, equal up to a common factor."""
    if len(gold) != len(answer):
        return "unclear", "a ratio against something else"
    for a, b in zip(gold[1:], answer[1:], strict=True):
        outcome, why = compare_expressions(Apply("*", (a, answer[0])), Apply("*", (b, gold[0])))
        if outcome != "same":
            return outcome, "another ratio" if outcome == "different" else why
    return "same", "the same ratio"


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
