r"""Multiple choice: the letter and the option's text, wherever the answer gives both, must agree.

The surest statements that a text has decide: marks (`\boxed{B}`, `Answer: B`, `<answer>`, JSON), then sentences that
choose (`so the answer is B`, `故选B`) and lines that hold nothing but an option, then sentences that call an option
right, then the last sentence. An answer that names no option, or one by its letter and another by its text, or
hesitates between several, is `unknown`; what it says it is *not* does not count.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal

from pipeline.answers.choices import Claim, find_claim, read_statement
from pipeline.answers.extraction import after_thinking
from pipeline.answers.options import LETTERS, clean, reader_of
from pipeline.checkers.base import AnswerSettings, Checker
from pipeline.cleanups.replace import Pattern
from pipeline.types import Grade, Problem

MARKERS = (
    r"(?<!#)####(?!#)[ \t]*(.+)",
    r"^[ \t>*_#-]{0,20}(?i:(?:(?:the|my|your|so|thus) )?(?:(?:final|correct|right|best|selected|chosen) ){0,2}"
    r"(?:answer|ans|choice|option|selection)|(?:最终|正确|参考)?(?:答案|选项)|答|故?选择?|结论)"
    r"[ \t*_.]{0,8}(?:[:：=→⇒]|->|=>)[ \t*_]{0,8}(\S.*)$",
    r"【(?:最终|正确)?答案】[ \t:：]{0,8}(\S.*)$",
    r"<(?i:final_)?(?i:answer|choice|option)>\s{0,20}([^<]{1,400}?)\s{0,20}</",
    r"[\"'](?i:(?:final|correct|selected)?[_ ]?(?:answer|choice|option)(?:_letter)?|答案|正确答案"
    r"|选项)[\"']\s{0,4}[:：]\s{0,4}"
    r"(\[[^\]\n]{1,200}\]|\"[^\"\n]{1,300}|'[^'\n]{1,300}|[^,}\n]{1,100})",
)
"""A heading `A:` is no mark here: it lists an option."""
PHRASES = (r"答案(?:是|为|应为|应是)[:：]?[ \t]*([^\n。]+)",)


class Settings(AnswerSettings):
    """Where the options' texts are."""

    checker: Literal["choice"] = "choice"
    options: str | None = "choices"
    """Column with the list of the options' texts; none: letters alone are read."""
    markers: tuple[Pattern, ...] = MARKERS
    """Patterns whose first group is the final answer; all their matches must agree."""
    phrases: tuple[Pattern, ...] = PHRASES
    """Patterns of sentences that choose an option, besides those that are always known."""

    @property
    def columns(self) -> tuple[str, ...]:
        return () if self.options is None else (self.options,)

    def create(self) -> Checker:
        return Choice(self)


class Choice(Checker):
    """Pure and fast."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.columns = settings.columns

    def options(self, problem: Problem) -> tuple[str, ...]:
        """The texts of the options; empty where none are known."""
        given = problem.extras.get(self.settings.options or "", ())
        return tuple(str(option) for option in given) if isinstance(given, tuple) else ()

    def gold_error(self, problem: Problem) -> str | None:
        options = self.options(problem)
        if len(options) > len(LETTERS):
            return f"checker 'choice' reads {len(LETTERS)} options at most, there are {len(options)}"
        if read_gold(problem.gold, options):
            return None
        which = f"neither a letter up to {LETTERS[len(options) - 1]} nor an option's text" if options else "no letter"
        return f"checker 'choice': the gold answer {problem.gold[:80]!r} is {which}"

    async def check(self, problem: Problem, text: str) -> Grade:
        options = self.options(problem)
        gold = read_gold(problem.gold, options)
        found = find_claim(after_thinking(text), reader_of(options), self.settings, several=len(gold) > 1)
        if found is None:
            return Grade(verdict="unknown", extracted=None, reason="no option is named as the answer")
        return _compare(found, gold)

    async def check_answer(self, problem: Problem, answer: str) -> Grade:
        options = self.options(problem)
        found = read_statement(reader_of(options), answer)
        if found is None:
            return Grade(verdict="unknown", extracted=answer[:80], reason=f"names no option: {answer[:80]!r}")
        return _compare(found, read_gold(problem.gold, options))


def _compare(found: Claim, gold: set[str]) -> Grade:
    if found.problem:
        return Grade(verdict="unknown", extracted=found.shown, reason=found.problem)
    told = ", ".join(sorted(found.letters))
    if found.letters == gold:
        return Grade(verdict="correct", extracted=told, reason=f"names option {told}")
    if len(gold) == 1 and found.letters & gold:
        reason = f"names several options ({told}), the right one among them"
        return Grade(verdict="unknown", extracted=told, reason=reason)
    return Grade(verdict="wrong", extracted=told, reason=f"names option {told}, not {', '.join(sorted(gold))}")


def read_gold(answer: str, options: Sequence[str]) -> set[str]:
    """The gold letters; empty where the answer is neither letters nor the text of one option.

    Several letters may be an option's text: `A and C` where the options are statements about statements.
    """
    reader = reader_of(tuple(options))
    same = reader.same_text(answer)
    plain = clean(answer).strip(" .,;:!?\"'()[]{}。、")
    if re.fullmatch(r"[A-Ja-j](?:[\s,;、&]{0,4}(?:and\s)?[A-Ja-j]){0,9}", plain):
        letters = set(re.findall(r"[A-J]", re.sub("and", " ", plain).upper()))
        if letters <= set(reader.letters) and (len(letters) == 1 or len(same) != 1):
            return letters
    return set(same) if len(same) == 1 else set()
