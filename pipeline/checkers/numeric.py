"""Problems whose answer is one number, compared as exact rationals: digits, or words in English and Chinese.

Units of measure are converted where both sides have one (1.5 h is 90 minutes); other words do not count.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

from pydantic import Field

from pipeline.answers.doubts import CHANGING
from pipeline.answers.numerals import HAN, HAN_RUN, HAN_SCALES, LONGEST, read_numeral
from pipeline.answers.numerals import SCALES as ENGLISH_SCALES
from pipeline.answers.surroundings import NUMBER_WORDS, read_compound
from pipeline.answers.units import Unit, find_unit
from pipeline.checkers.base import AnswerSettings, Checker
from pipeline.types import Grade, Problem

SCALES = ENGLISH_SCALES | {"百": 10**2, "千": 10**3} | HAN_SCALES
LONGEST_TEXT = 400
"""Characters beyond which a final answer is no number."""
TOLERANCE = 1e-6
CURRENCY = "$€£¥￥₹"
CONVERSIONS = tuple(map(Fraction, (7, 12, 24, 60, 100, 1000, 3600)))
"""Factors between common units; a number that is off by one of them may be in another unit that is not told."""
NUMBER = re.compile(
    rf"""^[{CURRENCY}\s]*
    (?P<sign>[-+−])?\s*[{CURRENCY}]?\s*
    (?:(?P<whole>\d{{1,50}})\s+(?=\d+/))?                     # the 1 of 1 1/2
    (?P<number>\d{{1,3}}(?:,\d{{3}}){{1,16}}(?:\.\d{{1,50}})?|\d{{1,50}}(?:\.\d{{0,50}})?|\.\d{{1,50}})
    (?:\s*/\s*(?P<divisor>\d{{1,50}}))?
    \s*(?P<percent>%)?
    \s*(?P<unit>[^\W\d_][^\d+*/=<>(),:;^\n]{{0,40}}|°\w?)?
    [\s.!。]*$""",
    re.VERBOSE,
)


@dataclass(frozen=True)
class Quantity:
    """One number with what stands around it."""

    value: Fraction
    percent: bool = False
    unit: Unit | None = None
    places: int | None = None
    """Decimal places as written, None where there are none."""


def read_number(text: str) -> Quantity | None:
    """The value of a text that is one number, with currency, percent sign, unit or words around it.

    None where the text is anything else: an expression, two numbers, a time of day.
    """
    if len(text) > LONGEST_TEXT:
        return None
    text = re.sub(r"\s+", " ", text)
    plain = unicodedata.normalize("NFKC", text).replace("\\$", "$").replace("\\%", "%").strip("`*_ \t")
    plain = re.sub(r"(?<=\d)\s*(?:percent|pct|per cent)\b", "%", plain.strip().strip("$"))
    match = NUMBER.match(plain)
    if match is not None and match["divisor"] is not None and int(match["divisor"]) == 0:
        return None
    if match is None:
        return _read_words(plain)
    value = Fraction(match["number"].replace(",", "").rstrip(".") or "0")
    if match["divisor"] is not None:
        value /= int(match["divisor"])
    if match["whole"] is not None:
        value += int(match["whole"])
    unit = (match["unit"] or "").strip()
    for word, scale in SCALES.items():
        if unit.lower().startswith(word):
            value, unit = value * scale, unit[len(word) :].strip()
            break
    if NUMBER_WORDS.search(unit) or CHANGING.search(unit):
        return None
    currency = re.match(rf"[\s+−-]*([{CURRENCY}])", plain)
    sign = -1 if match["sign"] in ("-", "−") else 1
    decimals = match["number"].partition(".")[2]
    measured = find_unit(unit or (currency[1] if currency else ""))
    return Quantity(sign * value, match["percent"] is not None, measured, len(decimals) or None)


def _read_words(plain: str) -> Quantity | None:
    """A number in words, with a unit or a noun after it; or several units of one kind."""
    if len(plain) > LONGEST:
        return None
    if (compound := read_compound(plain)) is not None:
        return Quantity(compound[0], unit=compound[1])
    percent = plain.startswith("百分之")
    if (number := read_numeral(plain)) is not None:
        return Quantity(number * 100 if percent else number, percent)
    if found := re.match(rf"({HAN_RUN.pattern})([^{HAN}\d]{{1,12}})$", plain):
        number, unit = read_numeral(found[1]), found[found.lastindex or 1].strip(" .。")
        return None if number is None else Quantity(number, unit=find_unit(unit))
    head, _, noun = plain.rstrip(" .").rpartition(" ")
    if head and noun.isalpha() and (number := read_numeral(head)) is not None:
        return Quantity(number, unit=find_unit(noun))
    return None


def _is_rounded(short: Quantity, exact: Quantity) -> bool:
    """Whether a decimal is another number, written with more places or as a fraction, cut or rounded."""
    if short.places is None or (exact.places is None and exact.value.denominator == 1):
        return False
    finer = exact.places is None or exact.places > short.places
    return finer and abs(short.value - exact.value) < Fraction(1, 10**short.places)


class Settings(AnswerSettings):
    """Reads the marked final answer as a number."""

    checker: Literal["numeric"] = "numeric"
    tolerance: float | None = Field(default=None, ge=0, lt=1)
    """Relative difference up to which two numbers are the same; by default 1e-6, and whole numbers exactly."""

    def create(self) -> Checker:
        return Numeric(self)


class Numeric(Checker):
    """Pure and fast; unreadable or contradictory answers are `unknown`."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    def gold_error(self, problem: Problem) -> str | None:
        if read_number(problem.gold) is None:
            return f"checker 'numeric' cannot read the gold answer {problem.gold!r} as a number"
        return None

    async def check(self, problem: Problem, text: str) -> Grade:
        return self.compare(problem.gold, text)

    async def check_answer(self, problem: Problem, answer: str) -> Grade:
        return self._compare_found(problem.gold, [answer])

    def compare(self, answer: str, text: str) -> Grade:
        """Grade a text against a gold answer."""
        return self._compare_found(answer, self.settings.find_answers(text))

    def _compare_found(self, answer: str, found: list[str]) -> Grade:
        gold = read_number(answer)
        if gold is None:
            return Grade(verdict="unknown", extracted=None, reason=f"gold answer {answer!r} is not a number")
        if not found:
            return Grade(verdict="unknown", extracted=None, reason="no final answer found")
        read = [read_number(answer) for answer in found]
        if None in read:
            unreadable = found[read.index(None)]
            reason = f"the final answer {unreadable[:80]!r} is not a number"
            return Grade(verdict="unknown", extracted=unreadable, reason=reason)
        values = [number for number in read if number is not None]
        verdicts = {self._is_same(value, gold) for value in values}
        if len(verdicts) > 1:
            reason = f"marked answers disagree: {', '.join(found)}"[:200]
            return Grade(verdict="unknown", extracted=found[-1], reason=reason)
        if verdicts == {True}:
            return Grade(verdict="correct", extracted=found[-1], reason=f"equals {answer}")
        last = values[-1]
        if last.percent != gold.percent and any(
            self._same(last.value * factor, gold.value) for factor in (100, Fraction(1, 100))
        ):
            return Grade(verdict="unknown", extracted=found[-1], reason=f"equals {answer} up to a percent sign")
        if (last.unit is None) != (gold.unit is None) and any(
            self._same(last.value * factor, gold.value) for scale in CONVERSIONS for factor in (scale, 1 / scale)
        ):
            return Grade(verdict="unknown", extracted=found[-1], reason=f"equals {answer} in another unit, perhaps")
        if _is_rounded(last, gold) or _is_rounded(gold, last):
            return Grade(verdict="unknown", extracted=found[-1], reason=f"a rounded form of {answer}, perhaps")
        return Grade(verdict="wrong", extracted=found[-1], reason=f"differs from {answer}")

    def _is_same(self, a: Quantity, b: Quantity) -> bool:
        """Whether two quantities are equal, converted where both have a unit of one kind."""
        if a.unit and b.unit and a.unit.kind == b.unit.kind:
            return self._same(a.value * a.unit.factor, b.value * b.unit.factor)
        return self._same(a.value, b.value)

    def _same(self, a: Fraction, b: Fraction) -> bool:
        tolerance = self.settings.tolerance
        if tolerance is None and a.denominator == b.denominator == 1:
            return a == b
        return abs(a - b) <= Fraction(TOLERANCE if tolerance is None else tolerance) * max(abs(a), abs(b))
