"""A function of yours, by import path."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from typing import ClassVar, Literal

from pipeline.checkers.base import Checker, CheckerSettings
from pipeline.settings import import_function
from pipeline.types import Grade, Problem
from pipeline.unicode import is_unicode

Verdict = Grade | bool | None
Function = Callable[[Problem, str], Verdict | Awaitable[Verdict]]
"""(problem, text) -> a Grade, True for correct, False for wrong, None for unknown; it may be `async`."""


class Settings(CheckerSettings):
    """Where the function is."""

    needs_gold: ClassVar[bool] = False
    gives_scores: ClassVar[bool] = True
    checker: Literal["custom"] = "custom"
    function: str
    """`package.module:function`."""

    def create(self) -> Checker:
        return Custom(import_function(self.function), self.function)


class Custom(Checker):
    """What the function raises is this text's verdict, `unknown` with the reason; the others go on."""

    def __init__(self, function: Function, name: str) -> None:
        self.function, self.name = function, name

    def gold_error(self, problem: Problem) -> str | None:
        return None

    async def check_answer(self, problem: Problem, answer: str) -> Grade:
        return await self.check(problem, answer)

    async def check(self, problem: Problem, text: str) -> Grade:
        try:
            made = self.function(problem, text)
            verdict = await made if inspect.isawaitable(made) else made
        except Exception as error:  # recorded with its reason; hostile text must not end the run
            reason = f"{self.name} raised {type(error).__name__}: {error}"[:200].encode(errors="replace").decode()
            return Grade(verdict="unknown", extracted=None, reason=reason)
        if isinstance(verdict, Grade):
            if is_unicode(f"{verdict.reason}{verdict.extracted}"):
                return verdict
            reason = f"{self.name} returned a Grade whose texts are not valid Unicode"
            return Grade(verdict="unknown", extracted=None, reason=reason)
        if verdict is None or isinstance(verdict, bool):
            word: Literal["correct", "wrong", "unknown"] = (
                "unknown" if verdict is None else "correct" if verdict else "wrong"
            )
            return Grade(verdict=word, extracted=None, reason=f"{self.name} returned {verdict}")
        reason = f"{self.name} returned {verdict!a}, which is no Grade, True, False or None"[:200]
        return Grade(verdict="unknown", extracted=None, reason=reason)
