"""The chosen text states the gold answer before it derives it: its writer was told.

`16 - 3 - 4 = 9` derives a 9, and so does a sentence in which a computation stands before it. `The answer is 9, since …`
and `We need 9 eggs.` state it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from fractions import Fraction
from typing import Literal

from pydantic import Field

from pipeline.answers.extraction import SPELLED
from pipeline.answers.numerals import HAN_RUN, read_numeral
from pipeline.checkers.numeric import read_number
from pipeline.filters.base import Action, FilterSettings, Look, Texts
from pipeline.steps.split import split_steps
from pipeline.types import Finding

ENOUGH = 50
"""Texts of the control that its quantile needs."""
NUMBER = re.compile(r"(?<![A-Za-z0-9_.,])(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?(?!\d|[.,]\d|[A-Za-z_^](?![A-Za-z]))")
OPERATOR = r"(?:[-+*/×÷−^]|\\times|\\cdot|\\div)"
BEFORE = re.compile(
    r"(?:[+/×÷^<>]|(?<!\*)\*|\\(?:times|cdot|div)|\d,|\b(?:by|than|[Ss]teps?)|第|[\d)}] ?[-−]|[-−](?=[ \t]))"
    r"[ \t$\\({]{0,4}$"
)
AFTER = re.compile(
    rf"[ \t$\\)}}%]{{0,4}}(?:(?:[A-Za-z]{{1,12}} )?{OPERATOR}[ \t$\\({{]{{0,4}}[\d\\A-Za-z]|[=≈<>]|, ?\d|[、，]\d)"
)
"""What stands before and after a number that is an operand, a member of a list, a bound."""
COMPUTATION = re.compile(rf"[\d)}}%][ \t$\\]{{0,4}}{OPERATOR}[ \t$\\({{]{{0,4}}[\d\\(A-Za-z]|[=≈]")
LINE = re.compile(r"(?:^|\n)[ \t>*_#(（-]{0,8}$")
NUMBERING = re.compile(r"[.)）:：、][ \t*]")
STOP = re.compile(r"[.!?][ \n]|[。！？\n]")
DIGIT = re.compile(r"\d")
SENTENCE = 300
"""Characters before a mention that are looked at."""
LONGEST = 6
"""Decimal places of an answer that is looked for."""


class Settings(FilterSettings):
    """Says nothing of an answer that is no number, that the question holds, or that stands once in the text only."""

    filter: Literal["gold_first"] = "gold_first"
    action: Action = "drop"
    """Dropped: it teaches to know the answer before the work."""
    quantile: float = Field(default=0.01, gt=0, lt=0.5)
    """Share of the control's chosen texts that may state the answer as early. Without 50 of them: the first sentence,
    where nothing is computed before."""
    latest: float = Field(default=0.5, gt=0, le=1)
    """Relative position from which no statement is early, whatever the control says."""
    steps: int = Field(default=3, ge=2)
    """Steps below which a text is too short to have an early place."""

    def prepare(self, control: Sequence[Texts]) -> Look:
        places = [place for pair in control if (place := self._place(pair)) is not None]
        if len(places) < ENOUGH:
            return self.find
        threshold = min(sorted(places)[int(self.quantile * len(places))], self.latest)
        return lambda pair: self._judge(pair, threshold)

    def find(self, pair: Texts) -> Finding | None:
        return self._judge(pair, None)

    def _place(self, pair: Texts) -> float | None:
        """Relative position of the first statement, 1 where there is none; None where there is nothing to look for."""
        gold = read_gold(pair)
        if gold is None:
            return None
        span = find_statement(pair.chosen, gold)
        return span[0] / len(pair.chosen) if span else 1.0

    def _judge(self, pair: Texts, threshold: float | None) -> Finding | None:
        gold = read_gold(pair)
        span = find_statement(pair.chosen, gold) if gold is not None else None
        if span is None or gold is None:
            return None
        place = span[0] / len(pair.chosen)
        if threshold is None:
            before = pair.chosen[: span[0]].lstrip()
            early = not STOP.search(before) and not COMPUTATION.search(before)
        else:
            early = place < threshold
        if not early or len(split_steps(pair.chosen)) < self.steps or is_spelled(gold, pair.question):
            return None
        told = f"states the gold answer {pair.chosen[slice(*span)]} before it derives it, at {place:.0%} of the text"
        return self.say(told, span=span, score=round(place, 4))


def read_gold(pair: Texts) -> str | None:
    """The gold answer's digits without a sign; None where it is no decimal number, or the question has it in digits."""
    number = read_number(pair.answer) if pair.answer else None
    gold = str(abs(number.value)) if number is not None and number.value.denominator == 1 else None
    if number is not None and gold is None and not 10**LONGEST % number.value.denominator:
        gold = digits(f"{float(abs(number.value)):.{LONGEST}f}")
    # a question without a number asks about an earlier turn: "Check this answer."
    asked = pair.question if DIGIT.search(pair.question) else pair.prompt
    return None if gold is None or gold in map(digits, NUMBER.findall(asked)) else gold


def is_spelled(gold: str, question: str) -> bool:
    """Whether the question has a number in words."""
    spelled = [match[0] for pattern in (SPELLED, HAN_RUN) for match in pattern.finditer(question)]
    return Fraction(gold) in map(read_numeral, spelled)


def find_statement(text: str, gold: str) -> tuple[int, int] | None:
    """Span of the first mention of a number where it is not derived and comes again; None where it is derived there.

    Numbers of steps and operands are no mentions.
    """
    mentions = [match for match in NUMBER.finditer(text) if digits(match[0]) == gold]
    for match in mentions[:-1]:
        before = text[max(0, match.start() - 16) : match.start()]
        numbers = LINE.search(before) and NUMBERING.match(text, match.end())
        if numbers or BEFORE.search(before) or AFTER.match(text, match.end()):
            continue
        sentence = STOP.split(text[max(0, match.start() - SENTENCE) : match.start()])[-1]
        return None if COMPUTATION.search(sentence) else match.span()
    return None


def digits(number: str) -> str:
    """One writing for each number: `1,000.50` is `1000.5`."""
    whole, _, places = number.replace(",", "").partition(".")
    places = places.rstrip("0")
    return (whole.lstrip("0") or "0") + (f".{places}" if places else "")
