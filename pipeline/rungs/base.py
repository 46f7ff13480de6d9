"""What a rung is: it drafts texts that might correct a mistake; the ladder grades them and keeps them all."""

from __future__ import annotations

import inspect
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass

from pydantic import model_validator

from pipeline.answer_format.form import AnswerFormat
from pipeline.engines.base import Engine, EngineSettings
from pipeline.errors import ConfigError
from pipeline.prompts import Prompts
from pipeline.settings import Settings
from pipeline.types import (
    Attempt,
    Completion,
    Extra,
    Grade,
    Message,
    Mistake,
    Objection,
    Problem,
    Record,
    SamplingParams,
    Usage,
)


class Draft(Record):
    """A text that might become `chosen`, or the reason why there is none; with both, the text is kept and refused."""

    text: str | None
    failure: str | None = None
    objection: Objection | None = None
    completion: Completion | None = None
    usage: Usage = Usage()
    prompt_hash: str | None = None
    diagnosis: str | None = None
    first_wrong_step: int | None = None
    repaired: bool = False
    teacher_asked: bool = True
    """Whether the rung's teacher, if it has one, was asked for this."""
    grade: Grade | None = None
    """Where the text has been graded before; else the ladder does it."""

    @model_validator(mode="after")
    def _says_why(self) -> Draft:
        if self.text is None and self.failure is None and self.first_wrong_step is None:
            raise ValueError("a draft without a text needs the failure that says why")
        return self


@dataclass(frozen=True)
class Sources:
    """What a rung may draw on."""

    teachers: Mapping[str, Engine]
    prompts: Prompts
    attempts: Sequence[Attempt]
    """All graded attempts at the mistake's problem."""
    student: Engine
    conversation: tuple[Message, ...]
    """What the student was asked."""
    student_params: SamplingParams
    format: AnswerFormat
    """How the student writes its answers."""
    enforces_schema: frozenset[str] = frozenset()
    """Names of the teachers whose servers make a text follow a JSON schema."""


@dataclass(frozen=True)
class Needs:
    """What a rung's settings are checked against."""

    prompts: Prompts
    example: Problem
    """A problem as the run's have it; without answer or rationale where its data have none."""
    student: EngineSettings
    teachers: Mapping[str, EngineSettings]


def extra(problem: Problem, name: str) -> Extra:
    """A further column of the problem. Raises ConfigError where `problems.extras` does not name it."""
    if name not in problem.extras:
        known = ", ".join(problem.extras) or "empty"
        raise ConfigError(f"column {name!r} is not among problems.extras ({known}); add it there")
    return problem.extras[name]


class RungSettings(Settings, ABC):
    """Base of every rung's settings; `drafts` is the rung itself."""

    @classmethod
    def __pydantic_init_subclass__(cls, **_: object) -> None:
        drafts = vars(cls).get("drafts")
        if drafts is not None and not inspect.isasyncgenfunction(drafts):
            raise TypeError("drafts must be an `async def` that yields Draft")

    @property
    def name(self) -> str:
        """The rung's name in settings and records."""
        rung: str = self.rung  # type: ignore[attr-defined]  # every rung's Literal name
        return rung

    @property
    def on_policy(self) -> bool:
        """Whether the text is the student's own, in its own words and format."""
        return False

    @property
    def gold_visible(self) -> bool:
        """Whether the writer of the text sees the gold answer."""
        return False

    @property
    def needs_gold(self) -> bool:
        """Whether there is nothing to write from without a gold answer."""
        return self.gold_visible

    @property
    def needs_rationale(self) -> bool:
        """Whether there is nothing to write from without the data's own worked solution."""
        return False

    @property
    def teacher_name(self) -> str | None:
        """The teacher it asks, if any."""
        return None

    @property
    def written_for_us(self) -> bool:
        """Whether a teacher writes the text: only then can it be told to leave something out."""
        return self.teacher_name is not None

    def check(self, needs: Needs) -> None:
        """Look at what the rung cannot do without. Raises ConfigError."""
        if self.needs_gold and needs.example.answer is None:
            raise ConfigError(f"rung {self.name}: needs gold answers, and problems.answer is null; name their column")
        if self.needs_rationale and needs.example.rationale is None:
            raise ConfigError(f"rung {self.name}: needs worked solutions; name their column in problems.rationale")

    @abstractmethod
    def drafts(self, mistake: Mistake, sources: Sources) -> AsyncIterator[Draft]:
        """Yield drafts, best first, until the caller has seen enough."""
