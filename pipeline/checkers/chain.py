"""A second opinion: one checker decides, and another is asked where the first says `wrong` or `unknown`.

checker:
  checker: chain
  first: math
  second: {checker: judge, engine: {engine: endpoint, base_url: …, model: …}}

| first | second | verdict |
|---|---|---|
| `unknown` | anything | the second's |
| `correct` or `wrong` | the same | the first's |
| `correct` or `wrong` | the opposite | `unknown`: a `wrong` has to be earned |
| `correct` or `wrong` | `unknown` | the first's; `unknown` under `must_confirm` |
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any, Literal, Self

from pydantic import Field, JsonValue

from pipeline.checkers.base import Checker, CheckerSettings, EngineOf
from pipeline.engines.base import EngineSettings
from pipeline.prompts import Prompts
from pipeline.types import Grade, Opinion, Problem, Verdict

if TYPE_CHECKING:
    AnyChecker = Any


class Settings(CheckerSettings):
    """Who decides, who is asked then, and when."""

    checker: Literal["chain"] = "chain"
    first: AnyChecker
    """Grades every text."""
    second: AnyChecker
    """Asked where the first's verdict is one of `ask_on`; it may be a chain, too."""
    ask_on: tuple[Verdict, ...] = Field(default=("wrong", "unknown"), min_length=1)
    """Verdicts of the first on which the second is asked."""
    must_confirm: bool = False
    """Whether a verdict that the second was asked about, and cannot tell, becomes `unknown`."""

    @property
    def columns(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys((*self.first.columns, *self.second.columns)))

    @property
    def engines(self) -> Mapping[str, EngineSettings]:
        return {**self.first.engines, **{self._renamed(n): engine for n, engine in self.second.engines.items()}}

    def _renamed(self, name: str) -> str:
        """How an engine of the second is called here: by its own name, unless the first has one of that name."""
        prefix = ""
        while any(prefix + taken in self.first.engines for taken in self.second.engines):
            prefix += "second_"
        return prefix + name

    def check(self, prompts: Prompts, example: Problem) -> None:
        self.first.check(prompts, example)
        self.second.check(prompts, example)

    def create(self) -> Checker:
        return Chain(self, self.first.create(), self.second.create())

    def connect(self, engine_of: EngineOf, prompts: Prompts) -> Checker:
        second = self.second.connect(lambda name: engine_of(self._renamed(name)), prompts)
        return Chain(self, self.first.connect(engine_of, prompts), second)

    def fingerprint(self, engine_of: EngineOf, prompts: Prompts) -> JsonValue:
        return {
            **self.model_dump(mode="json", exclude={"first", "second"}),
            "first": self.first.fingerprint(engine_of, prompts),
            "second": self.second.fingerprint(lambda name: engine_of(self._renamed(name)), prompts),
        }


class Chain(Checker):
    """Two checkers, one after the other."""

    def __init__(self, settings: Settings, first: Checker, second: Checker) -> None:
        self.settings, self.first, self.second = settings, first, second
        self.columns = settings.columns
        self.needs_question = first.needs_question or second.needs_question
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        await self._stack.enter_async_context(self.first)
        await self._stack.enter_async_context(self.second)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    def gold_error(self, problem: Problem) -> str | None:
        """A gold answer that the first cannot read is left to the second, where that is asked on `unknown`."""
        unread = None if "unknown" in self.settings.ask_on else self.first.gold_error(problem)
        return unread or self.second.gold_error(problem)

    async def check(self, problem: Problem, text: str) -> Grade:
        return await self._ask(problem, lambda checker: checker.check(problem, text))

    async def check_answer(self, problem: Problem, answer: str) -> Grade:
        return await self._ask(problem, lambda checker: checker.check_answer(problem, answer))

    async def _ask(self, problem: Problem, check: Callable[[Checker], Awaitable[Grade]]) -> Grade:
        unread = self.first.gold_error(problem)
        first = Grade(verdict="unknown", extracted=None, reason=unread) if unread else await check(self.first)
        if first.verdict not in self.settings.ask_on:
            return first
        return self._combine(first, await check(self.second))

    def _combine(self, first: Grade, second: Grade) -> Grade:
        s = self.settings
        verdict = first.verdict
        if first.verdict == "unknown":
            verdict = second.verdict
        elif second.verdict != first.verdict and (second.verdict != "unknown" or s.must_confirm):
            verdict = "unknown"
        said = [
            Opinion(
                checker=settings.checker,
                verdict=grade.verdict,
                reason=grade.reason.removeprefix(f"{settings.checker}: "),
            )
            for settings, grade in ((s.first, first), (s.second, second))
        ]
        return Grade(
            verdict=verdict,
            extracted=first.extracted if first.extracted is not None else second.extracted,
            reason="; ".join(f"{o.checker} says {o.verdict} ({o.reason})" for o in said)[:800],
            score=second.score if first.verdict == "unknown" else first.score,
            opinions=tuple(said),
        )
