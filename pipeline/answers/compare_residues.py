"""Residue classes: `x \\equiv 3 \\pmod 7`, `7k + 3`, or the bare residue."""

from __future__ import annotations

from fractions import Fraction

from pipeline.answers.evaluation import NoValue, evaluate, symbols
from pipeline.answers.outcome import Result
from pipeline.answers.reading import (
    Formula,
    Items,
    Meaning,
    Named,
    Quantity,
    choose_sign,
)
from pipeline.answers.tree import Apply, Relation


def compare_residues(gold: Meaning, answer: Meaning) -> Result | None:
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
            residues = [evaluate(choose_sign(node.args[0], sign)) for sign in (1, -1)]
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
