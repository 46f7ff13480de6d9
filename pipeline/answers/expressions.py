"""Expressions and relations in variables, compared by their values at chosen points.

Two rational expressions that agree at random points are equal but for a negligible chance (Schwartz 1980, Zippel 1979);
here the points are fixed, and 60 digits are compared.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from typing import Literal

from pipeline.answers.evaluation import (
    NoValue,
    Value,
    add,
    context,
    divide,
    evaluate,
    is_close,
    multiply,
    symbols,
    walk,
    widen,
)
from pipeline.answers.tree import FLIPPED, Apply, Group, Matrix, Node, Relation, Symbol

Result = tuple[Literal["same", "different", "unclear"], str]
WHOLE = frozenset("nmkjlNMK")
"""Letters that stand for whole numbers by custom."""
OTHER_NAMES = "the same expression in other variables"
POINTS = 7
NEEDED = 3
ONLY_WHOLE = frozenset({"!", "!!", "binom", "floor", "ceil", "mod", "sum", "prod", "gcd", "lcm"})


def compare_expressions(gold: Node, answer: Node) -> Result:
    """Compare two expressions with variables at points of their common domain."""
    if gold == answer:
        return "same", "the same expression"
    names = sorted(symbols(gold) | symbols(answer))
    if all(_is_lettering(side) for side in (gold, answer)):
        return "unclear", "letters in another order"
    if not names:
        return _compare_constants(gold, answer)
    whole = _whole(names, gold, answer)
    outcome = _agree(gold, answer, _points(names, whole, signed=False))
    if outcome is None:
        return "unclear", "no common points where both have a value"
    if not outcome:
        bare = isinstance(gold, Symbol) and isinstance(answer, Symbol)
        if not bare and symbols(gold) != symbols(answer) and _same_but_for_names(gold, answer):
            return "unclear", OTHER_NAMES
        if any(isinstance(part, Apply) and part.name == "call" for node in (gold, answer) for part in walk(node)):
            return "unclear", "unknown functions or sequences that may be related"
        if symbols(gold) and symbols(answer) - symbols(gold) and not bare:
            return "unclear", "an expression in other variables"
        return "different", "another value for the same variables"
    negative = _agree(gold, answer, _points(names, whole, signed=True))
    if negative is False and not whole:
        return "unclear", "equal for positive values only"
    return "same", "equal at all points tried"


def _is_lettering(node: Node) -> bool:
    """Whether a tree is capitals side by side, which may be points or a word, not a product."""
    return isinstance(node, Apply) and all(
        (isinstance(part, Apply) and part.name == "*") or (isinstance(part, Symbol) and part.name.isupper())
        for part in walk(node)
    )


def _compare_constants(gold: Node, answer: Node) -> Result:
    try:
        return (
            ("same", "the same value") if is_close(evaluate(gold), evaluate(answer)) else ("different", "another value")
        )
    except NoValue as error:
        return "unclear", f"no value ({error})"


def _agree(gold: Node, answer: Node, points: Iterator[Mapping[str, Fraction]]) -> bool | None:
    """Whether two trees agree wherever both have a value; None where that is nowhere enough."""
    seen = missing = 0
    for point in points:
        try:
            first = evaluate(gold, point)
        except NoValue:
            first = None
        try:
            second = evaluate(answer, point)
        except NoValue:
            second = None
        if first is None or second is None:
            missing += 1
            continue
        if not is_close(first, second, 1e-25):
            return False
        seen += 1
    return True if seen >= NEEDED else None


def _points(names: Sequence[str], whole: frozenset[str], *, signed: bool) -> Iterator[Mapping[str, Fraction]]:
    numbers = random.Random(7)
    for place in range(POINTS):
        at = {}
        for offset, name in enumerate(names):
            if name in whole:
                at[name] = Fraction(numbers.randint(2, 6) + place + offset)
            else:
                value = Fraction(numbers.randint(1_000, 30_000), 10_007)
                at[name] = -value if signed and numbers.random() < 0.6 else value
        yield at


def _whole(names: Sequence[str], *nodes: Node) -> frozenset[str]:
    """Variables that take whole numbers only: by custom, or since a factorial or the like needs it."""
    if any(isinstance(part, Apply) and part.name in ONLY_WHOLE for node in nodes for part in walk(node)):
        return frozenset(names)
    return frozenset(name for name in names if name[0] in WHOLE)


def rename(node: Node, names: Mapping[str, str]) -> Node:
    """The tree with symbols renamed."""
    if isinstance(node, Symbol):
        return Symbol(names.get(node.name, node.name))
    if isinstance(node, Apply):
        return Apply(node.name, tuple(rename(argument, names) for argument in node.args))
    if isinstance(node, Group):
        return Group(node.kind, tuple(rename(item, names) for item in node.items), node.joined)
    if isinstance(node, Relation):
        return Relation(tuple(rename(side, names) for side in node.sides), node.signs)
    if isinstance(node, Matrix):
        return Matrix(tuple(tuple(rename(entry, names) for entry in row) for row in node.rows))
    return node


def _same_but_for_names(gold: Node, answer: Node) -> bool:
    theirs, ours = sorted(symbols(gold)), sorted(symbols(answer))
    if len(theirs) != len(ours):
        return False
    renamed = rename(answer, dict(zip(ours, theirs, strict=True)))
    return bool(_agree(gold, renamed, _points(theirs, _whole(theirs, gold, renamed), signed=False)))


def same_family(gold: Sequence[Node], answer: Sequence[Node]) -> bool | None:
    r"""Whether two lists of `a + k d`, k over all integers, hold the same numbers; None where they are none such."""
    families = [[_linear(node) for node in nodes] for nodes in (gold, answer)]
    if any(family is None for side in families for family in side):
        return None
    steps = [abs(step) for side in families for _, step in side]  # type: ignore[misc]
    longest = max(steps, key=widen)
    classes = []
    for side in families:
        members: list[Value] = []
        for start, step in side:  # type: ignore[misc]
            ratio = divide(longest, abs(step))
            if not is_close(ratio, Fraction(round(float(ratio)))) or float(ratio) > 48:
                return None
            for index in range(round(float(ratio))):
                value = divide(add(start, multiply(step, Fraction(index))), longest)
                member = widen(value) - context.floor(widen(value) + context.mpf(10) ** -20)
                if not any(abs(member - other) < 1e-15 for other in members):
                    members.append(member)
        classes.append(sorted(members))
    return len(classes[0]) == len(classes[1]) and all(abs(a - b) < 1e-15 for a, b in zip(*classes, strict=True))


def _linear(node: Node) -> tuple[Value, Value] | None:
    names = symbols(node)
    if len(names) != 1:
        return None
    name = next(iter(names))
    try:
        values = [evaluate(node, {name: Fraction(k)}) for k in (0, 1, 2, 5)]
    except NoValue:
        return None
    step = add(values[1], multiply(Fraction(-1), values[0]))
    straight = all(
        is_close(add(values[0], multiply(step, Fraction(k))), value, 1e-25)
        for k, value in ((2, values[2]), (5, values[3]))
    )
    return (values[0], step) if straight and not is_close(step, Fraction(0)) and not getattr(step, "imag", 0) else None


def compare_relations(gold: Node, answer: Node) -> Result:
    """Compare two equations or inequalities by what their sides differ by, up to a constant factor."""
    if not (isinstance(gold, Relation) and isinstance(answer, Relation)) or len(gold.sides) != len(answer.sides):
        return "unclear", "relations of different forms"
    if len(gold.sides) > 2:
        return _compare_chains(gold, answer)
    if symbols(gold) != symbols(answer):
        if _relations_same_but_for_names(gold, answer):
            return "unclear", "the same relation in other variables"
        if symbols(answer) - symbols(gold):
            return "unclear", "a relation between other variables"
        return "different", "a relation between fewer variables"
    kinds = [_kind(relation.signs[0]) for relation in (gold, answer)]
    if kinds[0] != kinds[1]:
        return "different", f"{answer.signs[0]} is not {gold.signs[0]}"
    ratio = _constant_ratio(gold, answer)
    if ratio is None:
        return _not_proportional(gold, answer)
    if kinds[0] == "=":
        return "same", "the same equation up to a factor"
    sign = answer.signs[0] if ratio > 0 else FLIPPED.get(answer.signs[0], answer.signs[0])
    return ("same", "the same inequality") if sign == gold.signs[0] else ("different", "another direction or end")


def _kind(sign: str) -> str:
    return "<" if sign in FLIPPED else "=" if sign in ("=", "~=") else sign


def _gap(relation: Relation) -> Node:
    return Apply("+", (relation.sides[0], Apply("neg", (relation.sides[1],))))


def _constant_ratio(gold: Relation, answer: Relation) -> float | None:
    names = sorted(symbols(gold))
    ratios: list[Value] = []
    for point in _points(names, _whole(names, gold, answer) - {"x", "y", "z"}, signed=False):
        try:
            ratios.append(divide(evaluate(_gap(gold), point), evaluate(_gap(answer), point)))
        except (NoValue, ZeroDivisionError):
            continue
    if len(ratios) < NEEDED or any(getattr(ratio, "imag", 0) for ratio in ratios):
        return None
    return float(ratios[0]) if all(is_close(ratios[0], ratio, 1e-25) for ratio in ratios[1:]) else None


def _relations_same_but_for_names(gold: Relation, answer: Relation) -> bool:
    theirs, ours = sorted(symbols(gold)), sorted(symbols(answer))
    if len(theirs) != len(ours):
        return False
    renamed = rename(answer, dict(zip(ours, theirs, strict=True)))
    assert isinstance(renamed, Relation)
    return _constant_ratio(gold, renamed) is not None


def _not_proportional(gold: Relation, answer: Relation) -> Result:
    """Where one relation holds and the other does not, they differ; two equations of degree one surely do."""
    names = sorted(symbols(gold))
    if gold.signs[0] in FLIPPED:
        for point in _points(names, frozenset(), signed=True):
            held = (_holds(gold, point), _holds(answer, point))
            if None not in held and held[0] != held[1]:
                return "different", "one holds where the other does not"
        return "unclear", "inequalities that cannot be compared"
    for one, other in ((gold, answer), (answer, gold)):
        for point in _on_curve(one, names):
            try:
                gap = evaluate(_gap(other), point)
                sizes = [abs(widen(evaluate(side, point))) for side in other.sides]
            except NoValue:
                continue
            if abs(widen(gap)) > 1e-6 * (1 + max(sizes)):
                return "different", "a point of one equation is none of the other"
    return "unclear", "equations that cannot be compared"


def _holds(relation: Relation, point: Mapping[str, Fraction]) -> bool | None:
    try:
        left, right = (widen(evaluate(side, point)) for side in relation.sides)
        return bool({"<": left < right, ">": left > right, "<=": left <= right, ">=": left >= right}[relation.signs[0]])
    except (NoValue, TypeError):
        return None


def _on_curve(relation: Relation, names: Sequence[str]) -> Iterator[Mapping[str, Fraction]]:
    """Real points of an equation: all variables but one chosen, the last found by bisection."""
    gap = _gap(relation)
    for unknown in reversed(names):
        for point in _points(names, frozenset(), signed=True):
            at = dict(point)
            ends: list[tuple[Fraction, bool]] = []
            for step in range(-12, 13):
                at[unknown] = Fraction(step * 31 + 1, 17)
                try:
                    value = evaluate(gap, at)
                except NoValue:
                    ends = []
                    continue
                if getattr(value, "imag", 0):
                    ends = []
                    continue
                ends.append((at[unknown], bool(widen(value) > 0)))
                if len(ends) > 1 and ends[-1][1] != ends[-2][1]:
                    if (root := _bisect(gap, at, unknown, ends[-2][0], ends[-1][0], ends[-2][1])) is not None:
                        yield {**point, unknown: root}
                    break


def _bisect(
    gap: Node, at: dict[str, Fraction], unknown: str, low: Fraction, high: Fraction, positive: bool
) -> Fraction | None:
    first: Value = None
    for _ in range(50):
        middle = (low + high) / 2
        try:
            value = widen(evaluate(gap, {**at, unknown: middle}))
        except NoValue:
            return None
        first = abs(value) if first is None else first
        if bool(value > 0) == positive:
            low = middle
        else:
            high = middle
    return middle if abs(value) <= 1e-9 * (1 + first) else None  # a pole changes its sign, too


def _compare_chains(gold: Relation, answer: Relation) -> Result:
    if gold.signs != answer.signs:
        flipped = tuple(FLIPPED.get(sign, sign) for sign in reversed(answer.signs))
        if flipped != gold.signs:
            return "unclear", "chains with different signs"
        answer = Relation(tuple(reversed(answer.sides)), flipped)
    results = [compare_expressions(a, b) for a, b in zip(gold.sides, answer.sides, strict=True)]
    if all(result[0] == "same" for result in results):
        return "same", "the same chain"
    return "unclear", "chains that cannot be compared"
