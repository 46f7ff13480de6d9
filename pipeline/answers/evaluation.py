"""The value of a tree: an exact rational where it has one, 60 digits where it does not.

Every cost is bounded: powers, factorials and sums that would grow beyond it raise NoValue instead.
"""

from __future__ import annotations

import hashlib
import itertools
import math
import threading
from collections.abc import Callable, Iterator, Mapping
from fractions import Fraction
from functools import lru_cache
from typing import Any

import mpmath

from pipeline.answers.tree import Apply, Group, Matrix, Node, Number, Relation, Symbol, Word

DIGITS = 60
EXACT_BITS = 20_000
"""Size up to which powers and factorials are computed exactly."""
LARGEST = 10**12
"""Exponent, and argument of a factorial, beyond which there is no value."""
TERMS = 200
"""Terms of sums and products, nested ones counted together."""

context = mpmath.MPContext()
"""Our own context: mpmath's global one belongs to whoever else uses it."""
context.dps = DIGITS
LOCK = threading.RLock()
"""Held by whoever reads or compares where several threads do: the context changes its precision as it works."""
Value = Any
"""Fraction, or a real or complex number of `context`."""
Assignment = Mapping[str, Fraction]


class NoValue(ArithmeticError):
    """The tree has no value: a division by zero, words, a size beyond the bounds."""


def evaluate(node: Node, at: Assignment | None = None) -> Value:
    """Value of a tree with its symbols assigned. Raises NoValue."""
    return _evaluate(node, at) if at else _evaluate_constant(node)


@lru_cache(maxsize=2048)
def _evaluate_constant(node: Node) -> Value:
    return _evaluate(node, None)


def _evaluate(node: Node, at: Assignment | None) -> Value:
    try:
        result = _Evaluation(at or {}).value(node)
    except (ArithmeticError, ValueError, TypeError, RecursionError, mpmath.libmp.NoConvergence) as error:
        raise NoValue(f"{type(error).__name__}: {error}"[:120]) from error
    if not isinstance(result, Fraction) and not (context.isfinite(result.real) and context.isfinite(result.imag)):
        raise NoValue("not finite")
    return result


def is_close(a: Value, b: Value, tolerance: float = 1e-30) -> bool:
    """Whether two values are the same: exactly for rationals, else up to a relative difference."""
    if isinstance(a, Fraction) and isinstance(b, Fraction) and tolerance <= 1e-30:
        return a == b
    a, b = widen(a), widen(b)
    size = max(abs(a), abs(b))
    return bool(abs(a - b) <= tolerance * size) or bool(size < 1e-45)


def widen(value: Value) -> Value:
    """A value as a number of `context`."""
    if isinstance(value, Fraction):
        return context.mpf(value.numerator) / value.denominator
    return value


def symbols(node: Node) -> set[str]:
    """Free symbols of a tree, constants left out, indices of sums too."""
    if isinstance(node, Symbol):
        return set() if node.name in ("pi", "e", "i", "infty") else {node.name}
    if isinstance(node, Apply):
        if node.name in ("sum", "prod"):
            index, *bounds, body = node.args
            return set().union(*map(symbols, bounds)) | (symbols(body) - symbols(index))
        args = node.args[1:] if node.name == "call" else node.args
        return set().union(*map(symbols, args)) if args else set()
    return set().union(*map(symbols, children(node)))


def children(node: Node) -> tuple[Node, ...]:
    """The trees right below one."""
    if isinstance(node, Apply):
        return node.args
    if isinstance(node, Group):
        return node.items
    if isinstance(node, Relation):
        return node.sides
    if isinstance(node, Matrix):
        return tuple(entry for row in node.rows for entry in row)
    return ()


def walk(node: Node) -> Iterator[Node]:
    """A tree's nodes."""
    yield node
    for child in children(node):
        yield from walk(child)


class _Evaluation:
    def __init__(self, at: Assignment) -> None:
        self.at = dict(at)
        self.terms = 0

    def value(self, node: Node) -> Value:
        if isinstance(node, Number):
            return node.value
        if isinstance(node, Symbol):
            return self.symbol(node.name)
        if isinstance(node, Apply):
            if node.name in ("sum", "prod"):
                return self.series(node)
            if node.name == "call":
                return self.call(node)
            if node.name == "det" and isinstance(node.args[0], Matrix):
                return self.determinant(node.args[0])
            if node.name in OPERATIONS:
                return OPERATIONS[node.name](*[self.value(argument) for argument in node.args])
            raise NoValue(f"{node.name} has no value")
        if isinstance(node, Word):
            raise NoValue(f"the word {node.text!r}")
        raise NoValue("no number")

    def symbol(self, name: str) -> Value:
        if name in self.at:
            return self.at[name]
        if name in ("pi", "e"):
            return +getattr(context, name)
        if name == "i":
            return context.mpc(0, 1)
        raise NoValue(f"{name} is not assigned")

    def call(self, node: Apply) -> Value:
        """An unknown function: some number that its name and its arguments' values decide."""
        name = node.args[0]
        assert isinstance(name, Symbol)
        values = [self.value(argument) for argument in node.args[1:]]
        told = f"{name.name}({','.join(context.nstr(widen(value), 20) for value in values)})"
        digest = hashlib.blake2b(told.encode(), digest_size=6).digest()
        return Fraction(int.from_bytes(digest, "big"), 2**47) + Fraction(1, 3)

    def series(self, node: Apply) -> Value:
        index, low, high, body = node.args
        assert isinstance(index, Symbol)
        first, last = _integer(self.value(low)), _integer(self.value(high))
        self.terms += max(0, last - first + 1)
        if self.terms > TERMS:
            raise NoValue("too many terms")
        before = self.at.get(index.name)
        total = Fraction(0 if node.name == "sum" else 1)
        for number in range(first, last + 1):
            self.at[index.name] = Fraction(number)
            term = self.value(body)
            total = add(total, term) if node.name == "sum" else multiply(total, term)
        if before is None:
            self.at.pop(index.name, None)
        else:
            self.at[index.name] = before
        return total

    def determinant(self, matrix: Matrix) -> Value:
        rows = [[self.value(entry) for entry in row] for row in matrix.rows]
        if len(rows) != len(rows[0]) or len(rows) > 5:
            raise NoValue("a determinant of that shape")
        total: Value = Fraction(0)
        for order in itertools.permutations(range(len(rows))):
            sign = (-1) ** sum(a > b for a, b in itertools.combinations(order, 2))
            term: Value = Fraction(sign)
            for row, column in enumerate(order):
                term = multiply(term, rows[row][column])
            total = add(total, term)
        return total


def _both(a: Value, b: Value) -> tuple[Value, Value]:
    return (a, b) if isinstance(a, Fraction) and isinstance(b, Fraction) else (widen(a), widen(b))


def _bounded(value: Value) -> Value:
    if isinstance(value, Fraction) and value.numerator.bit_length() + value.denominator.bit_length() > 4 * EXACT_BITS:
        return widen(value)
    return value


def add(*terms: Value) -> Value:
    """Sum of values."""
    total = terms[0]
    for term in terms[1:]:
        a, b = _both(total, term)
        total = _bounded(a + b)
    return total


def multiply(*factors: Value) -> Value:
    """Product of values."""
    total = factors[0]
    for factor in factors[1:]:
        a, b = _both(total, factor)
        total = _bounded(a * b)
    return total


def divide(*parts: Value) -> Value:
    """Quotient of values, from the left. Raises ZeroDivisionError."""
    total = parts[0]
    for part in parts[1:]:
        a, b = _both(total, part)
        total = _bounded(a / b)
    return total


def power(base: Value, exponent: Value) -> Value:
    """base ^ exponent, exactly where that stays small; the real root of a negative number where there is one."""
    if isinstance(exponent, Fraction) and abs(exponent) > LARGEST:
        raise NoValue("an exponent beyond the bounds")
    if not isinstance(exponent, Fraction) and abs(exponent) > LARGEST:
        raise NoValue("an exponent beyond the bounds")
    if isinstance(base, Fraction) and isinstance(exponent, Fraction):
        if base == 0:
            if exponent < 0:
                raise ZeroDivisionError("a negative power of zero")
            return Fraction(int(exponent == 0))
        bits = max(base.numerator.bit_length(), base.denominator.bit_length())
        if exponent.denominator == 1:
            if bits * abs(exponent) <= EXACT_BITS or abs(base) == 1:
                return base ** int(exponent % 2 if base == -1 else exponent if base != 1 else 0)
            return context.power(widen(base), int(exponent))
        if exponent.denominator <= 64:
            return root(power(base, Fraction(exponent.numerator)), Fraction(exponent.denominator))
    return context.power(widen(base), widen(exponent))


def root(value: Value, degree: Value = Fraction(2)) -> Value:
    """The degree-th root: exact where it is rational, real for odd degrees of negative numbers."""
    n = _integer(degree)
    if n == 0 or abs(n) > 1000:
        raise NoValue("a root of that degree")
    if isinstance(value, Fraction):
        if value < 0 and n % 2:
            return multiply(Fraction(-1), root(-value, degree))
        if value >= 0:
            exact = [_exact_root(part, abs(n)) for part in (value.numerator, value.denominator)]
            if exact[0] is not None and exact[1] is not None:
                result = Fraction(exact[0], exact[1])
                return result if n > 0 else 1 / result
        return context.root(widen(value), n) if n > 0 else 1 / context.root(widen(value), -n)
    return context.root(value, n)


def _exact_root(value: int, degree: int) -> int | None:
    if value.bit_length() > EXACT_BITS:
        return None
    if degree == 2:
        guess = math.isqrt(value)
        return guess if guess * guess == value else None
    if value.bit_length() > 1000:
        return None
    guess = round(float(value) ** (1 / degree)) if value.bit_length() < 900 else int(context.root(value, degree))
    return next((near for near in (guess - 1, guess, guess + 1) if near >= 0 and near**degree == value), None)


def _integer(value: Value) -> int:
    if isinstance(value, Fraction) and value.denominator == 1 and abs(value) <= LARGEST:
        return int(value)
    raise NoValue("not a whole number")


def factorial(value: Value) -> Value:
    """n!, exactly while it is small."""
    n = _integer(value)
    if n < 0:
        raise NoValue("the factorial of a negative number")
    return Fraction(math.factorial(n)) if n <= 2100 else context.factorial(n)


def double_factorial(value: Value) -> Value:
    """n!!, every second factor."""
    n = _integer(value)
    if not 0 <= n <= 2000:
        raise NoValue("a double factorial of that size")
    return Fraction(math.prod(range(n, 0, -2)))


def binomial(n: Value, k: Value) -> Value:
    """n choose k for whole numbers."""
    top, bottom = _integer(n), _integer(k)
    if top < 0 or bottom < 0:
        raise NoValue("a binomial coefficient of negative numbers")
    return Fraction(math.comb(top, bottom)) if top <= 5000 else context.binomial(top, bottom)


def in_base(digits: Value, base: Value) -> Value:
    """The value of digits written in a base. Raises ValueError for a digit that the base has not."""
    return Fraction(int(str(_integer(digits)), _integer(base)))


def _rounded(down: bool) -> Callable[[Value], Value]:
    def apply(value: Value) -> Value:
        if isinstance(value, Fraction):
            return Fraction(math.floor(value) if down else math.ceil(value))
        if value.imag:
            raise NoValue("a complex number has no order")
        if abs(value) > LARGEST:
            raise NoValue("a number beyond the bounds")
        return Fraction(int(context.floor(value.real) if down else context.ceil(value.real)))

    return apply


def _real(value: Value) -> Value:
    if not isinstance(value, Fraction) and value.imag:
        raise NoValue("a complex number has no order")
    return value


def _log(value: Value, base: Value | None = None) -> Value:
    if base is None:
        return context.log(widen(value))
    if isinstance(value, Fraction) and isinstance(base, Fraction) and base > 0 and base != 1 and value > 0:
        quotient = context.log(widen(value)) / context.log(widen(base))
        near = Fraction(round(float(quotient) * 12), 12)
        if abs(quotient - widen(near)) < 1e-40:
            return near
        return quotient
    return context.log(widen(value)) / context.log(widen(base))


def _mp(name: str) -> Callable[[Value], Value]:
    def apply(value: Value) -> Value:
        if abs(value) > LARGEST:
            raise NoValue("an argument beyond the bounds")
        result = getattr(context, name)(widen(value))
        return Fraction(0) if abs(result) < context.mpf(10) ** (10 - DIGITS) else result

    return apply


def _absolute(value: Value) -> Value:
    return abs(value)


def _modulo(a: Value, b: Value) -> Value:
    return Fraction(_integer(a) % _integer(b))


def _fold(function: Callable[..., int]) -> Callable[..., Value]:
    return lambda *values: Fraction(function(*map(_integer, values)))


OPERATIONS: dict[str, Callable[..., Value]] = {
    "+": add,
    "*": multiply,
    "/": divide,
    ":": divide,
    "^": power,
    "neg": lambda value: -value,
    "sqrt": root,
    "!": factorial,
    "!!": double_factorial,
    "binom": binomial,
    "based": in_base,
    "in base": lambda value, _: value,
    "floor": _rounded(True),
    "ceil": _rounded(False),
    "abs": _absolute,
    "mod": _modulo,
    "%": lambda value: value / 100,
    "deg": lambda value: widen(value) * context.pi / 180,
    "log": _log,
    "ln": _log,
    "lg": lambda value: _log(value, Fraction(10)),
    "exp": lambda value: power(+context.e, value),
    "max": lambda *values: max(values, key=lambda value: widen(_real(value))),
    "min": lambda *values: min(values, key=lambda value: widen(_real(value))),
    "gcd": _fold(math.gcd),
    "lcm": _fold(math.lcm),
    **{name: _mp(name) for name in ("sin", "cos", "tan", "cot", "sec", "csc", "sinh", "cosh", "tanh")},
    **{f"arc{name}": _mp(f"a{name}") for name in ("sin", "cos", "tan", "cot")},
}
"""What the operators and functions compute."""
