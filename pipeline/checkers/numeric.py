"""Problems whose answer is one number, compared as exact rationals."""

from __future__ import annotations

import re
import unicodedata
from fractions import Fraction
from typing import Literal

from pipeline.checkers.base import AnswerSettings, Checker
from pipeline.types import Grade, Problem

SCALES = {
    "hundred": 10**2, "thousand": 10**3, "million": 10**6, "billion": 10**9, "trillion": 10**12,
    "百": 10**2, "千": 10**3, "万": 10**4, "亿": 10**8,
}  # fmt: skip
CURRENCY = "$€£¥￥₹"
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


def read_number(text: str) -> tuple[Fraction, bool] | None:
    """The value of a text that is one number, with currency, percent sign or unit around it; and whether a percentage.

    None where the text is anything else: an expression, two numbers, a time of day.
    """
    plain = unicodedata.normalize("NFKC", text).replace("\\$", "$").replace("\\%", "%").strip("`*_ \t")
    match = NUMBER.match(plain.strip().strip("$"))
    if match is None or (match["divisor"] is not None and int(match["divisor"]) == 0):
        return None
    value = Fraction(match["number"].replace(",", "").rstrip(".") or "0")
    if match["divisor"] is not None:
        value /= int(match["divisor"])
    if match["whole"] is not None:
        value += int(match["whole"])
    unit = (match["unit"] or "").lower()
    for word, scale in SCALES.items():
        if unit.startswith(word):
            value *= scale
            break
    return (-value if match["sign"] in ("-", "−") else value), match["percent"] is not None


class Settings(AnswerSettings):
    """Reads the marked final answer as a number."""

    checker: Literal["numeric"] = "numeric"
    tolerance: float = 1e-6
    """Relative difference up to which two numbers are the same."""

    def create(self) -> Checker:
        return Numeric(self)


class Numeric(Checker):
    """Pure and fast; unreadable or contradictory answers are `unknown`."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    def gold_error(self, problem: Problem) -> str | None:
        if read_number(problem.answer) is None:
            return f"checker 'numeric' cannot read the gold answer {problem.answer!r} as a number"
        return None

    async def check(self, problem: Problem, text: str) -> Grade:
        return self.compare(problem.answer, text)

    async def check_answer(self, problem: Problem, answer: str) -> Grade:
        return self._compare_found(problem.answer, [answer])

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
        verdicts = {self._same(value[0], gold[0]) for value in values}
        if len(verdicts) > 1:
            reason = f"marked answers disagree: {', '.join(found)}"[:200]
            return Grade(verdict="unknown", extracted=found[-1], reason=reason)
        if verdicts == {True}:
            return Grade(verdict="correct", extracted=found[-1], reason=f"equals {answer}")
        value, percent = values[-1]
        if percent != gold[1] and any(self._same(value * factor, gold[0]) for factor in (100, Fraction(1, 100))):
            return Grade(verdict="unknown", extracted=found[-1], reason=f"equals {answer} up to a percent sign")
        return Grade(verdict="wrong", extracted=found[-1], reason=f"differs from {answer}")

    def _same(self, a: Fraction, b: Fraction) -> bool:
        return abs(a - b) <= Fraction(self.settings.tolerance) * max(abs(a), abs(b))
