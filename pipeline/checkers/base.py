"""What a checker is, and how a final answer is found in a text."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from types import TracebackType
from typing import Self

from pydantic import model_validator

from pipeline.cleanups.replace import Pattern
from pipeline.settings import Settings
from pipeline.types import Grade, Problem

FINAL_MARKERS = (r"####[ \t]*(.+)", r"^[ \t]*(?:A|Answer|ANSWER|答案|答)[ \t]*[:：][ \t]*(.+)$")
"""Marks that can only mean the final answer; `\\boxed{…}` is read beside them, for its nested braces."""
PHRASE_MARKERS = (
    r"(?:final |correct )?answer(?: to [^.\n]{1,60})? is:?[ \t]*([^\n]+?)(?:\.(?=\s|$)|$)",
    r"答案(?:是|为)[:：]?[ \t]*([^\n。]+)",
)
"""Sentences that state an answer; looked at only where none of the former is found."""


class Checker(ABC):
    """Decides whether a text answers a problem. Opened with `async with`; safe to use from many coroutines."""

    columns: tuple[str, ...] = ()
    """The columns of its settings."""

    @abstractmethod
    async def check(self, problem: Problem, text: str) -> Grade:
        """Grade one text; whatever cannot be decided is `unknown` with the reason, never an exception."""

    @abstractmethod
    async def check_answer(self, problem: Problem, answer: str) -> Grade:
        """Grade a bare final answer, as if it had been found in a text."""

    @abstractmethod
    def gold_error(self, problem: Problem) -> str | None:
        """Why the problem's gold answer cannot be read, or None when it can."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Free what the checker holds."""


class CheckerSettings(Settings, ABC):
    """Base of every checker's settings."""

    @property
    def columns(self) -> tuple[str, ...]:
        """Further columns of the data that the checker reads; they stand in the problem's extras."""
        return ()

    @abstractmethod
    def create(self) -> Checker:
        """Make the checker; nothing heavy is imported before it is entered."""


class AnswerSettings(CheckerSettings):
    """Settings of checkers that look for a final answer in the text."""

    markers: tuple[Pattern, ...] = FINAL_MARKERS
    """Patterns whose first group is the final answer; the last match in the text counts."""
    phrases: tuple[Pattern, ...] = PHRASE_MARKERS
    """Patterns used where no marker and no `\\boxed{}` is found."""
    boxed: bool = True
    """Whether `\\boxed{…}` marks a final answer."""

    @model_validator(mode="after")
    def _one_group(self) -> Self:
        for pattern in (*self.markers, *self.phrases):
            if re.compile(pattern).groups < 1:
                raise ValueError(f"the pattern {pattern!r} needs a group (…) around the answer")
        return self

    def find_answers(self, text: str) -> list[str]:
        """Final answers found in the text: the last match of each kind of mark, empty where there is no mark."""
        found = [matches[-1] for matches in (_matches(marker, text) for marker in self.markers) if matches]
        if self.boxed and (boxes := boxed_contents(text)):
            found.append(boxes[-1])
        if not found:
            found = [matches[-1] for matches in (_matches(phrase, text) for phrase in self.phrases) if matches]
        return [answer.strip() for answer in found]


def _matches(pattern: str, text: str) -> list[str]:
    return [match.group(1) for match in re.finditer(pattern, text, flags=re.MULTILINE)]


def boxed_contents(text: str) -> list[str]:
    r"""Contents of every `\boxed{…}` with balanced braces, in order."""
    contents = []
    for match in re.finditer(r"\\f?boxed\s*\{", text):
        depth = 1
        for position in range(match.end(), len(text)):
            depth += {"{": 1, "}": -1}.get(text[position], 0)
            if depth == 0:
                contents.append(text[match.end() : position])
                break
    return contents
