"""Answers that are texts: equal after normalisation, or not."""

from __future__ import annotations

import re
import unicodedata
from typing import Literal

from pipeline.checkers.base import AnswerSettings, Checker
from pipeline.types import Grade, Problem

EDGES = " \t\r\n.,;:!?\"'`*_“”‘’«»()[]{}。，；：！？、《》（）【】"
"""Characters that carry no meaning at the ends of an answer."""


def normalise(text: str, *, ignore_case: bool = True, ignore_punctuation: bool = True) -> str:
    r"""Full-width forms made plain, `\text{…}` and dollar signs taken off, white space joined; the rest by option."""
    plain = unicodedata.normalize("NFKC", text)
    plain = re.sub(r"\\(?:text|textbf|textit|mathrm|mathbf|mbox)\s*\{([^{}]*)\}", r"\1", plain).replace("$", " ")
    plain = " ".join(plain.split())
    if ignore_punctuation:
        plain = plain.strip(EDGES)
    return plain.casefold() if ignore_case else plain


class Settings(AnswerSettings):
    """What does not matter between two equal texts."""

    checker: Literal["exact"] = "exact"
    ignore_case: bool = True
    """Whether `Paris` and `paris` are the same."""
    ignore_punctuation: bool = True
    """Whether marks at the ends of an answer do not count."""
    whole_text: bool = False
    """Compare the whole text instead of the marked final answer."""

    def create(self) -> Checker:
        return Exact(self)


class Exact(Checker):
    """Pure and fast."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    def gold_error(self, problem: Problem) -> str | None:
        if not self._plain(problem.gold):
            return f"checker 'exact': nothing is left of the gold answer {problem.gold!r}"
        return None

    async def check(self, problem: Problem, text: str) -> Grade:
        found = [text.strip()] if self.settings.whole_text else self.settings.find_answers(text)
        if not found:
            return Grade(verdict="unknown", extracted=None, reason="no final answer found")
        return self._compare(problem.gold, found)

    async def check_answer(self, problem: Problem, answer: str) -> Grade:
        return self._compare(problem.gold, [answer])

    def _compare(self, gold: str, found: list[str]) -> Grade:
        read = {self._plain(answer) for answer in found}
        extracted = found[-1]
        if "" in read:
            return Grade(verdict="unknown", extracted=extracted, reason="the final answer is empty")
        if len(read) > 1:
            reason = f"marked answers disagree: {', '.join(found)}"[:200]
            return Grade(verdict="unknown", extracted=extracted, reason=reason)
        if read == {self._plain(gold)}:
            return Grade(verdict="correct", extracted=extracted, reason=f"the same text as {gold}"[:200])
        return Grade(verdict="wrong", extracted=extracted, reason=f"another text than {gold}"[:200])

    def _plain(self, text: str) -> str:
        s = self.settings
        return normalise(text, ignore_case=s.ignore_case, ignore_punctuation=s.ignore_punctuation)
