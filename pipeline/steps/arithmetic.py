r"""Equations between numbers that a text states, recomputed: `48/2 = <<48/2=24>>24`, `2 + 3 = 5 + 1 = 6`.

Nothing right may be called false. What may be meant otherwise is undecided: units that change, words that reach over a
number, numbers that were rounded before, dashes.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

from pipeline.answers.evaluation import NoValue, evaluate
from pipeline.answers.syntax import parse
from pipeline.answers.tree import Unreadable
from pipeline.answers.units import find_unit
from pipeline.steps.sides import Chain, Expression, find_chains

NOTE = re.compile(r"<<[^<>\n]{0,200}>>")
"""A calculator's note: `<<48/2=24>>`."""
SIGN = re.compile(r"[=≈≒＝]|\\approx|\\sim|equals")
NUMBER = re.compile(r"[({]*[+-]?(?:\d+(?:\.(?P<places>\d+))?|\.(?P<bare>\d+))(?P<percent>%)?[)}]*")
PERCENT = re.compile(r"(\d+(?:\.\d+)?|\.\d+)%")
DECIMAL = re.compile(r"\d*\.\d\d+")
LONGEST = 400
"""Characters beyond which an expression is not computed."""
LARGEST = 10**100
"""Size from which a result is not told."""
NOISE = 9
"""Decimal places from which a number is a computer's, with its error in the last ones."""
CONVERSIONS = frozenset(
    Fraction(a) ** sign for a in (2, 3, 4, 7, 10, 12, 16, 24, 30, 52, 60, 100, 365, 1000, 3600) for sign in (1, -1)
)
"""Factors between units; numbers that are off by one of them may be in units that are not told."""


@dataclass(frozen=True)
class Side:
    """One side of an equation, and its value: None where that is no rational number."""

    expression: str
    value: Fraction | None
    operators: int


@dataclass(frozen=True)
class Equation:
    """Two sides or more, as they stand in `text[start:end]`; `holds` is None where nobody can tell."""

    text: str
    start: int
    end: int
    sides: tuple[Side, ...]
    holds: bool | None

    @property
    def result(self) -> Fraction | None:
        """What it arrives at."""
        return self.sides[-1].value


def find_equations(text: str) -> list[Equation]:
    """The equations in which a text computes something, in order; calculators' notes are equations of their own."""
    if SIGN.search(text) is None:
        return []
    notes = [(note.start() + 2, note[0][2:-2]) for note in NOTE.finditer(text)]
    bare = NOTE.sub(lambda note: " " * len(note[0]), text)
    found = [
        _read(chain, text, start)
        for start, part in [(0, bare), *notes]
        for chain in find_chains(part)
        if any(side.operators for side in chain.sides)
    ]
    return sorted(found, key=lambda equation: (equation.start, equation.end))


def _read(chain: Chain, text: str, offset: int) -> Equation:
    start, end = offset + chain.sides[0].start, offset + chain.sides[-1].end
    told = text[start:end]
    money = any(sign in told for sign in "$€£¥￥¢%")
    sides = [_Reading(side) for side in chain.sides]
    verdicts = set(_judge(sides, chain.about, money))
    holds = False if False in verdicts else None if None in verdicts else True
    return Equation(
        told, start, end, tuple(Side(side.text, side.value, side.written.operators) for side in sides), holds
    )


class _Reading:
    """What one side may mean: percent signs count, or they do not."""

    def __init__(self, written: Expression) -> None:
        self.written, self.text = written, written.text
        self.value = _compute(PERCENT.sub(r"(\1/100)", self.text))
        self.values = [self.value]
        if "%" in self.text:
            self.values.append(_compute(self.text.replace("%", "")))
        number = NUMBER.fullmatch(self.text)
        self.percent = bool(number and number["percent"])
        self.places = len(number["places"] or number["bare"] or "") if number else None
        """Decimal places of a number, None for a computation."""

    def first(self) -> Fraction | None:
        """The number that a computation begins with."""
        number = NUMBER.match(self.text)
        return _compute(PERCENT.sub(r"(\1/100)", number[0])) if number else None

    def behind_dash(self) -> Fraction | None:
        """The value of what follows a dash that may be no minus: `Monday - 3 * 4 = 12`."""
        dash, written = self.written.dash, self.written
        return _compute("".join(written.parts[dash : written.complete])) if dash and written.operators > 1 else None


@lru_cache(maxsize=4096)
def _compute(expression: str) -> Fraction | None:
    if len(expression) > LONGEST:
        return None
    try:
        value = evaluate(parse(expression))
    except (Unreadable, NoValue):
        return None
    small = isinstance(value, Fraction) and max(abs(value.numerator), value.denominator) < LARGEST
    return value if small else None


def _judge(sides: list[_Reading], about: list[bool], money: bool) -> Iterator[bool | None]:
    """For each side but the last whether the next one equals it: False only where no reading makes it so."""
    for index, (a, b) in enumerate(itertools.pairwise(sides)):
        if a.value is None or b.value is None or None in a.values or None in b.values:
            yield None
            continue
        verdicts = {_compare(a, b, i, j) for i in range(len(a.values)) for j in range(len(b.values))}
        goes_on = index + 2 < len(sides) and a.value == b.first()  # 2 + 3 = 5 + 1 = 6
        if True in verdicts or goes_on:
            yield True
        elif None in verdicts or about[index] or a.written.doubtful or b.written.doubtful:
            yield None
        else:
            behind = a.behind_dash()
            dashed = behind is not None and behind in (b.value, -b.value)
            yield None if dashed or _is_conversion(a, b, money) or _is_coarse(a, b) else False


def _compare(a: _Reading, b: _Reading, i: int, j: int) -> bool | None:
    """Whether reading i of one side equals reading j of the other; None for a number cut, rounded up or unsigned."""
    x, y = a.values[i], b.values[j]
    assert x is not None
    assert y is not None
    if x == y:
        return True
    gap = abs(x - y)
    for side, reading in ((a, i), (b, j)):
        if side.places is None:
            continue
        last = Fraction(1, 10 ** (side.places + 2 * (side.percent and reading == 0)))
        noise = side.places >= NOISE and gap * 10**NOISE <= abs(x)
        if gap * 2 <= last or noise or (gap < last and side.written.dotted):
            return True
        if gap < last:
            return None
    unsigned = x == -y and (x < 0 if a.places is None else y < 0)
    return None if unsigned else False  # 5 - 8 = 3 less


def _is_conversion(a: _Reading, b: _Reading, money: bool) -> bool:
    """Whether the sides may be in different units."""
    words = [*a.written.words, *b.written.words]
    if a.written.words and re.fullmatch(r"\d+/\d+", a.text):
        return True  # 1/2 cup = 4 ounces
    known = {(unit.kind, unit.factor) for unit in map(find_unit, words) if unit}
    if len({kind for kind, _ in known}) < len(known):
        return True
    return bool((known or money) and a.value and b.value and abs(a.value / b.value) in CONVERSIONS)


def _is_coarse(a: _Reading, b: _Reading) -> bool:
    """Whether the sides differ by no more than the rounding of a decimal in them explains: 0.33 * 300 = 100."""
    assert a.value is not None
    assert b.value is not None
    digits = [int(decimal.replace(".", "")) for decimal in DECIMAL.findall(f"{a.text} {b.text}")]
    error = max((Fraction(1, 2 * number) for number in digits if number), default=Fraction(0))
    return abs(a.value - b.value) <= error * max(abs(a.value), abs(b.value))
