"""What the rungs' tests share: a problem, a mistake, and sources with scripted engines."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from pipeline.answer_format.form import AnswerFormat
from pipeline.engines.base import Engine
from pipeline.engines.scripted import Scripted
from pipeline.prompts import Prompts
from pipeline.rungs.base import Draft, RungSettings, Sources
from pipeline.types import Attempt, Completion, Grade, Message, Mistake, Problem, SamplingParams

PROBLEM = Problem(
    id="p",
    question="Tom has 23 apples. Tom finds 4 boxes of 6 apples. Then the number doubles. How many apples has Tom now?",
    answer="94",
    rationale="4 * 6 = 24\n23 + 24 = 47\n47 * 2 = 94\n#### 94",
)
WRONG = "4 * 6 = 24\n23 + 24 = 47\n47 + 2 = 49\n#### 49"
RIGHT = "4 * 6 = 24\n23 + 24 = 47\n47 * 2 = 94\n#### 94"
LINES = AnswerFormat(final="#### {answer}", layout="lines")


def make_mistake(text: str = WRONG, problem: Problem = PROBLEM) -> Mistake:
    return Mistake(id="m", problem=problem, attempt_id="a", text=text, extracted="49")


def make_attempt(text: str, verdict: str, index: int = 0, score: float | None = None) -> Attempt:
    grade = Grade(verdict=verdict, extracted=None, reason=verdict, score=score)  # type: ignore[arg-type]
    fixed = {"problem_id": "p", "engine": "student", "settings": "s"}
    return Attempt(id=f"a{index}", index=index, completion=Completion(text=text), grade=grade, **fixed)


class Asked:
    """Engines that reply from a list, in order, and keep what they were asked."""

    def __init__(self, *replies: str | Exception) -> None:
        self.replies = list(replies)
        self.messages: list[Sequence[Message]] = []
        self.params: list[SamplingParams] = []
        self.engine: Engine = Scripted(self._reply)
        complete = self.engine.complete

        async def watched(messages: Sequence[Message], **options: Any) -> list[Completion]:
            self.params.append(options["params"])
            return await complete(messages, **options)

        self.engine.complete = watched  # type: ignore[method-assign]

    def _reply(self, messages: Sequence[Message], index: int) -> str | Exception:
        self.messages.append(tuple(messages))
        return self.replies.pop(0)


Drafts = Callable[..., list[Draft]]


@pytest.fixture
def drafts() -> Drafts:
    """All drafts of a rung for a mistake."""

    def collect(
        rung: RungSettings,
        teacher: Asked | None = None,
        *,
        mistake: Mistake | None = None,
        student: Engine | None = None,
        attempts: Sequence[Attempt] = (),
        enforces: bool = False,
        prompts: Path | None = None,
        params: SamplingParams | None = None,
    ) -> list[Draft]:
        mistake = mistake or make_mistake()
        sources = Sources(
            teachers={} if teacher is None else {"t": teacher.engine},
            prompts=Prompts(prompts),
            attempts=attempts,
            student=student or Asked().engine,
            conversation=(Message(role="user", content=mistake.problem.question),),
            student_params=params or SamplingParams(),
            format=LINES,
            enforces_schema=frozenset({"t"}) if enforces else frozenset(),
        )

        async def run() -> list[Draft]:
            return [draft async for draft in rung.drafts(mistake, sources)]

        return asyncio.run(run())

    return collect
