"""Sets of real numbers: intervals, unions, inequalities in one unknown, `x != 3`, all real numbers."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from fractions import Fraction

from pipeline.answers.evaluation import Value, add, divide, evaluate, is_close, multiply, root, symbols, widen
from pipeline.answers.tree import FLIPPED, Apply, Group, Node, Relation, Symbol

INFINITY = 10**30
"""Stands for an infinite end; nothing is compared with it but another end."""


@dataclass(frozen=True)
class Piece:
    """An interval with its ends."""

    low: Value
    low_closed: bool
    high: Value
    high_closed: bool


Region = tuple[Piece, ...]
ALL: Region = (Piece(Fraction(-INFINITY), False, Fraction(INFINITY), False),)
MIRRORED = FLIPPED | {"!=": "!="}


class NoRegion(ValueError):
    """The tree is no set of real numbers that can be told."""


def find_region(node: Node) -> Region:
    """The set of real numbers that a tree describes. Raises NoRegion, NoValue."""
    if isinstance(node, Symbol):
        return _number_set(node.name)
    if isinstance(node, Group) and node.kind in ("()", "[]", "(]", "[)") and len(node.items) == 2:
        low, high = (_end(item) for item in node.items)
        if not _less(low, high):
            raise NoRegion("the ends of an interval in the wrong order")
        return (Piece(low, node.kind[0] == "[", high, node.kind[1] == "]"),)
    if isinstance(node, Group) and node.kind == "set":
        return _union(*((Piece(value, True, value, True),) for value in map(_real, node.items)))
    if isinstance(node, Group) and node.kind == "list":
        return _several(node)
    if isinstance(node, Apply) and node.name in ("cup", "cap", "setminus"):
        left, right = (find_region(argument) for argument in node.args)
        if node.name == "cup":
            return _union(left, right)
        return _intersection(left, right if node.name == "cap" else _complement(right))
    if isinstance(node, Relation):
        return _inequality(node)
    raise NoRegion("no set of numbers")


def same_region(a: Region, b: Region) -> bool:
    """Whether two sets are equal."""
    return len(a) == len(b) and all(
        is_close(x.low, y.low)
        and is_close(x.high, y.high)
        and (x.low_closed, x.high_closed) == (y.low_closed, y.high_closed)
        for x, y in zip(a, b, strict=True)
    )


def _number_set(name: str) -> Region:
    if name == "reals":
        return ALL
    if name == "emptyset":
        return ()
    if name == "reals+":
        return (Piece(Fraction(0), False, Fraction(INFINITY), False),)
    if name == "reals-":
        return (Piece(Fraction(-INFINITY), False, Fraction(0), False),)
    raise NoRegion(name)


def _end(node: Node) -> Value:
    if isinstance(node, Symbol) and node.name == "infty":
        return Fraction(INFINITY)
    if isinstance(node, Apply) and node.name == "neg" and node.args[0] == Symbol("infty"):
        return Fraction(-INFINITY)
    return _real(node)


def _real(node: Node) -> Value:
    value = evaluate(node)
    if not isinstance(value, Fraction) and value.imag:
        raise NoRegion("a complex number")
    return value


def _less(a: Value, b: Value) -> bool:
    return bool(widen(a) < widen(b)) and not is_close(a, b)


def _several(node: Group) -> Region:
    regions = [find_region(item) for item in node.items]
    if all(isinstance(item, Relation) for item in node.items):
        names = {name for item in node.items for name in symbols(item)}
        if len(names) > 1:
            raise NoRegion("several unknowns")
        both = regions[0]
        for region in regions[1:]:
            both = _intersection(both, region)
        if node.joined != "or" and both:
            return both
    return _union(*regions)


def _inequality(node: Relation) -> Region:
    if len(node.sides) == 2 and node.signs[0] == r"\in":
        return find_region(node.sides[1])
    both = ALL
    names = [symbols(side) for side in node.sides]
    unknown = next((side for side, found in zip(node.sides, names, strict=True) if found), None)
    if unknown is None:
        raise NoRegion("no unknown")
    opaque = len(set().union(*names)) > 1 or (isinstance(unknown, Apply) and unknown.name == "call")
    if opaque and (sum(bool(found) for found in names) > 1 or (isinstance(unknown, Apply) and unknown.name == "+")):
        raise NoRegion("several unknowns")
    for left, sign, right in zip(node.sides, node.signs, node.sides[1:], strict=False):
        if sign not in MIRRORED:
            raise NoRegion(f"the sign {sign}")
        if opaque:
            left, right = (Symbol("x") if side is unknown else side for side in (left, right))
        both = _intersection(both, _solve(left, sign, right))
    return both


def _solve(left: Node, sign: str, right: Node) -> Region:
    """Solve one inequality whose sides differ by a polynomial of degree two at most, or |linear| and a constant."""
    for side, other, told in ((left, right, sign), (right, left, MIRRORED[sign])):
        if isinstance(side, Apply) and side.name == "abs" and not symbols(other):
            inside = side.args[0]
            minus = Apply("neg", (other,))
            if told in ("<", "<="):
                return _intersection(_solve(inside, told, other), _solve(inside, MIRRORED[told], minus))
            if told in (">", ">="):
                return _union(_solve(inside, told, other), _solve(inside, MIRRORED[told], minus))
    names = symbols(left) | symbols(right)
    if len(names) != 1:
        raise NoRegion("several unknowns")
    name = next(iter(names))

    def gap(x: int) -> Value:
        at = {name: Fraction(x)}
        value = add(evaluate(left, at), multiply(Fraction(-1), evaluate(right, at)))
        if getattr(value, "imag", 0):
            raise NoRegion("sides that are not real")
        return value

    y = [gap(x) for x in (0, 1, 2, 3, 5)]
    a = divide(add(y[2], multiply(Fraction(-2), y[1]), y[0]), Fraction(2))
    b = add(y[1], multiply(Fraction(-1), y[0]), multiply(Fraction(-1), a))
    for x, value in ((3, y[3]), (5, y[4])):
        if not is_close(add(multiply(a, Fraction(x * x)), multiply(b, Fraction(x)), y[0]), value, 1e-25):
            raise NoRegion("neither linear nor quadratic")
    return _solve_quadratic(a, b, y[0], sign)


def _solve_quadratic(a: Value, b: Value, c: Value, sign: str) -> Region:
    zero = Fraction(0)
    if is_close(a, zero):
        if is_close(b, zero):
            raise NoRegion("no unknown is left")
        roots = [divide(multiply(Fraction(-1), c), b)]
    else:
        inside = add(multiply(b, b), multiply(Fraction(-4), a, c))
        if widen(inside) < 0 and not is_close(inside, zero):
            roots = []
        else:
            half = root(inside) if not is_close(inside, zero) else zero
            ends = [divide(add(multiply(Fraction(-1), b), sign * half), multiply(Fraction(2), a)) for sign in (-1, 1)]
            roots = sorted(ends, key=widen) if not is_close(*ends) else ends[:1]
    cuts = [Fraction(-INFINITY), *roots, Fraction(INFINITY)]
    found: list[Region] = []
    for low, high in itertools.pairwise(cuts):
        middle = _between(low, high)
        value = widen(add(multiply(a, middle, middle), multiply(b, middle), c))
        if {"<": value < 0, "<=": value < 0, ">": value > 0, ">=": value > 0, "!=": value != 0}[sign]:
            found.append((Piece(low, False, high, False),))
    if sign in ("<=", ">="):
        found += [(Piece(cut, True, cut, True),) for cut in roots]
    return _union(*found)


def _between(low: Value, high: Value) -> Value:
    infinite_low, infinite_high = is_close(low, Fraction(-INFINITY)), is_close(high, Fraction(INFINITY))
    if infinite_low and infinite_high:
        return Fraction(0)
    if infinite_low:
        return add(high, Fraction(-1))
    if infinite_high:
        return add(low, Fraction(1))
    return divide(add(low, high), Fraction(2))


def _union(*regions: Region) -> Region:
    pieces = sorted((piece for region in regions for piece in region), key=lambda p: (widen(p.low), not p.low_closed))
    merged: list[Piece] = []
    for piece in pieces:
        if merged:
            last = merged[-1]
            touching = is_close(piece.low, last.high) and (piece.low_closed or last.high_closed)
            if _less(piece.low, last.high) or touching:
                if is_close(piece.high, last.high):
                    merged[-1] = Piece(last.low, last.low_closed, last.high, last.high_closed or piece.high_closed)
                elif _less(last.high, piece.high):
                    merged[-1] = Piece(last.low, last.low_closed, piece.high, piece.high_closed)
                continue
            if is_close(piece.low, last.low) and is_close(piece.high, last.high):
                continue
        merged.append(piece)
    return tuple(merged)


def _intersection(a: Region, b: Region) -> Region:
    found = []
    for x in a:
        for y in b:
            low, low_closed = _cut(x.low, x.low_closed, y.low, y.low_closed, upper=False)
            high, high_closed = _cut(x.high, x.high_closed, y.high, y.high_closed, upper=True)
            if _less(low, high) or (is_close(low, high) and low_closed and high_closed):
                found.append((Piece(low, low_closed, high, high_closed),))
    return _union(*found)


def _cut(a: Value, a_closed: bool, b: Value, b_closed: bool, *, upper: bool) -> tuple[Value, bool]:
    """The tighter of two ends."""
    if is_close(a, b):
        return a, a_closed and b_closed
    if _less(a, b) == upper:
        return a, a_closed
    return b, b_closed


def _complement(region: Region) -> Region:
    rest = ALL
    for piece in region:
        below = (Piece(Fraction(-INFINITY), False, piece.low, not piece.low_closed),)
        above = (Piece(piece.high, not piece.high_closed, Fraction(INFINITY), False),)
        outside = tuple(
            p for p in (*below, *above) if _less(p.low, p.high) or (is_close(p.low, p.high) and p.low_closed)
        )
        rest = _intersection(rest, outside)
    return rest
