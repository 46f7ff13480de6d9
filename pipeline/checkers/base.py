"""What a checker is, and how a final answer is found in a text."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from types import TracebackType
from typing import ClassVar, Self

from pydantic import JsonValue, model_validator

from pipeline.answers.claims import HEDGED
from pipeline.answers.extraction import boxed_contents
from pipeline.cleanups.replace import Pattern
from pipeline.engines.base import Engine, EngineSettings
from pipeline.prompts import Prompts
from pipeline.settings import Settings
from pipeline.types import Grade, Problem

FINAL_LINE = (
    r"^[ \t>*_#-]{0,20}(?:(?:[Tt]he |[Mm]y )?(?:[Ff]inal |FINAL )?(?:A|[Aa]nswer|ANSWER)|最终答案|答案|答)"
    r"[ \t*_]{0,8}[:：][ \t*_]{0,8}([^\s*_].*)$"
)
"""A line that is headed as the answer."""
FINAL_MARKERS = (r"(?<!#)####(?!#)[ \t]*(.+)", FINAL_LINE, r"【(?:最终)?答案】[ \t:：]{0,8}(\S.*)$")
"""Marks that can only mean the final answer; `\\boxed{…}` is read beside them, for its nested braces."""
PHRASE_MARKERS = (
    r"(?:final |correct )?answer(?: to [^.\n]{1,60})? is:?[ \t]*([^\n]+?)(?:\.(?=\s|$)|$)",
    r"答案(?:是|为)[:：]?[ \t]*([^\n。]+)",
)
"""Sentences that state an answer; looked at only where none of the former is found."""

EngineOf = Callable[[str], Engine]
"""The open engine of a name."""


class Checker(ABC):
    """Decides whether a text answers a problem. Opened with `async with`; safe to use from many coroutines."""

    columns: tuple[str, ...] = ()
    """The columns of its settings."""
    needs_question: bool = False
    """Whether it cannot decide without the question's text."""

    @abstractmethod
    async def check(self, problem: Problem, text: str) -> Grade:
        """Grade one text; whatever cannot be decided is `unknown` with the reason, never an exception.

        A checker that asks an engine raises RequestFailed where a request of its own failed for good, for which the
        text is not to blame, and passes StoppedEarly and EngineUnusable on.
        """

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

    needs_gold: ClassVar[bool] = True
    """Whether it cannot decide without a gold answer."""
    scores_only: ClassVar[bool] = False
    """Whether it decides nothing, and says only how good a text is."""
    gives_scores: ClassVar[bool] = False
    """Whether its grades carry a score that orders the texts of a problem."""

    @property
    def name(self) -> str:
        """The checker's name in settings."""
        checker: str = self.checker  # type: ignore[attr-defined]  # every checker's Literal name
        return checker

    @property
    def columns(self) -> tuple[str, ...]:
        """Further columns of the data that the checker reads; they stand in the problem's extras."""
        return ()

    @property
    def engines(self) -> Mapping[str, EngineSettings]:
        """Engines that it asks, by the names under which they are opened, cached and counted."""
        return {}

    def check(self, prompts: Prompts, example: Problem) -> None:
        """Look at prompts and files without a heavy import. Raises ConfigError. The engines are checked apart."""

    @abstractmethod
    def create(self) -> Checker:
        """Make the checker; nothing heavy is imported before it is entered.

        One that asks engines is made here without them: it reads gold answers, and grades no text.
        """

    def connect(self, engine_of: EngineOf, prompts: Prompts) -> Checker:
        """Make the checker with its engines, which may be opened later, before the first text."""
        return self.create()

    def fingerprint(self, engine_of: EngineOf, prompts: Prompts) -> JsonValue:
        """What the verdicts depend on besides problem and text; part of every record's identity."""
        return self.model_dump(mode="json")


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
        found = self.find_marked(text)
        if self.boxed and (boxes := boxed_contents(text)):
            found.append(boxes[-1][2].strip())
        return found or self.find_phrases(text)

    def find_marked(self, text: str) -> list[str]:
        """What the markers mark, the last match of each."""
        return _last_matches(self.markers, text)

    def find_phrases(self, text: str) -> list[str]:
        """What the sentences state, the last match of each; what is only thought or guessed does not count."""
        return _last_matches(self.phrases, text, unless=HEDGED)


def _last_matches(patterns: Iterable[str], text: str, unless: re.Pattern[str] | None = None) -> list[str]:
    found = []
    for pattern in patterns:
        matches = [
            match[1].strip()
            for match in re.finditer(pattern, text, flags=re.MULTILINE)
            if unless is None or not unless.search(text[max(0, match.start() - 40) : match.start() + 20])
        ]
        if matches and matches[-1]:
            found.append(matches[-1])
    return found
