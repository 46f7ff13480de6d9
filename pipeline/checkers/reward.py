"""A reward function of yours scores each text and decides nothing: for data without a ground truth (`best_worst`)."""

from __future__ import annotations

import asyncio
import inspect
import math
from collections.abc import Awaitable, Callable
from typing import ClassVar, Literal

from pipeline.checkers.base import Checker, CheckerSettings
from pipeline.settings import import_function
from pipeline.types import Grade, Problem

Function = Callable[[Problem, str], float | Awaitable[float | None] | None]
"""(problem, text) -> the higher the better, None where it cannot say; it may be `async`, else a thread runs it."""


class Settings(CheckerSettings):
    """Where the function is."""

    needs_gold: ClassVar[bool] = False
    scores_only: ClassVar[bool] = True
    gives_scores: ClassVar[bool] = True
    checker: Literal["reward"] = "reward"
    function: str
    """`package.module:function`."""

    def create(self) -> Checker:
        return Reward(import_function(self.function), self.function)


class Reward(Checker):
    """A function that raises has scored nothing: the text is `unknown` with the reason, without a score."""

    needs_question = True

    def __init__(self, function: Function, name: str) -> None:
        self.function, self.name = function, name

    def gold_error(self, problem: Problem) -> str | None:
        return None

    async def check_answer(self, problem: Problem, answer: str) -> Grade:
        return await self.check(problem, answer)

    async def check(self, problem: Problem, text: str) -> Grade:
        try:
            if inspect.iscoroutinefunction(self.function):
                made = await self.function(problem, text)
            else:
                made = await asyncio.to_thread(self.function, problem, text)
            score = math.nan if made is None or isinstance(made, bool | str) else float(made)
        except Exception as error:  # recorded with its reason; hostile text must not end the run
            reason = f"{self.name} raised {type(error).__name__}: {error}"[:200]
            return Grade(verdict="unknown", extracted=None, reason=reason)
        if not math.isfinite(score):
            return Grade(verdict="unknown", extracted=None, reason=f"{self.name} returned {made!r}, no number"[:200])
        return Grade(verdict="unknown", extracted=None, reason=f"scored by {self.name}", score=score)
