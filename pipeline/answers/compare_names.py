"""Named values, equations and other formulas."""

from __future__ import annotations

from pipeline.answers.compare_items import compare_unordered, label_of
from pipeline.answers.evaluation import symbols
from pipeline.answers.expressions import compare_relations, rename
from pipeline.answers.outcome import Compare, Context, Result
from pipeline.answers.reading import (
    Formula,
    Items,
    Meaning,
    Named,
    Quantity,
)
from pipeline.answers.tree import Apply, Group, Relation, Symbol, Word


def compare_named(gold: Meaning, answer: Meaning, context: Context, compare: Compare) -> Result:
    """Compare two meanings of which at least one is named."""
    if isinstance(gold, Named) and isinstance(answer, Named):
        return _compare_both_named(gold, answer, context, compare)
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
            return compare_unordered(*pair, context, compare)
    arranged = _arranged(named, other)
    if arranged is not None:
        return compare(named.value, arranged, context) if named is gold else compare(arranged, named.value, context)
    value = named.value
    return compare(value, other, context) if isinstance(gold, Named) else compare(other, value, context)


def _compare_both_named(gold: Named, answer: Named, context: Context, compare: Compare) -> Result:
    if gold.name == answer.name or label_of(gold.name) == label_of(answer.name):
        return compare(gold.value, answer.value, context)
    first, second = gold.name, answer.name
    if isinstance(first, Word) and isinstance(second, Word) and {first.text, second.text} == {"largest", "smallest"}:
        return "different", "the other extremum"
    if all(isinstance(name, Apply) and name.name == "call" and len(name.args) == 2 for name in (first, second)):
        old, new = second.args[1], first.args[1]  # type: ignore[union-attr]
        if isinstance(old, Symbol) and isinstance(new, Symbol) and isinstance(answer.value, Quantity):
            value = Quantity(rename(answer.value.node, {old.name: new.name}), answer.value.unit)
            return compare(gold.value, value, context)
    if (
        isinstance(first, Group)
        and isinstance(second, Group)
        and set(first.items) == set(second.items)
        and (
            isinstance(gold.value, Items)
            and isinstance(answer.value, Items)
            and len(answer.value.items) == len(second.items)
        )
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


def _arranged(named: Named, other: Meaning) -> Items | None:
    """The values of `x = 1, y = 2` in the order of `(x, y) = …`."""
    if not (isinstance(named.name, Group) and isinstance(named.value, Items) and isinstance(other, Items)):
        return None
    found = {item.name: item.value for item in other.items if isinstance(item, Named)}
    if set(found) != set(named.name.items) or len(found) != len(other.items):
        return None
    return Items("()", tuple(found[name] for name in named.name.items))


def compare_formulas(gold: Meaning, answer: Meaning) -> Result:
    """Compare two meanings of which at least one is an equation, an inequality or a set of numbers."""
    if isinstance(gold, Formula) and isinstance(answer, Formula):
        if gold.node == answer.node:
            return "same", "the same formula"
        if all(isinstance(f.node, Relation) for f in (gold, answer)):
            return compare_relations(gold.node, answer.node)
        if all(isinstance(f.node, Symbol) for f in (gold, answer)):
            return "different", "another set of numbers"
        return "unclear", "formulas that cannot be compared"
    formula, other = (gold, answer) if isinstance(gold, Formula) else (answer, gold)
    if isinstance(formula, Formula) and isinstance(other, Quantity) and isinstance(formula.node, Relation):
        return "unclear", "an equation against a value"
    return "unclear", "a formula against something else"
