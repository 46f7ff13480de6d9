"""What a rung is: it drafts texts that might correct a mistake; the ladder grades them and keeps them all."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass

from pipeline.engines.base import Engine
from pipeline.prompts import Prompts
from pipeline.settings import Settings
from pipeline.types import Attempt, Completion, Mistake, Objection, Record


class Draft(Record):
    """A text that might become `chosen`, or the reason why there is none."""

    text: str | None
    failure: str | None = None
    objection: Objection | None = None
    completion: Completion | None = None
    prompt_hash: str | None = None


@dataclass(frozen=True)
class Sources:
    """What a rung may draw on."""

    teachers: Mapping[str, Engine]
    prompts: Prompts
    attempts: Sequence[Attempt]
    """All graded attempts at the mistake's problem."""


class RungSettings(Settings, ABC):
    """Base of every rung's settings; `drafts` is the rung itself."""

    @property
    def gold_visible(self) -> bool:
        """Whether the writer of the text sees the gold answer."""
        return False

    @property
    def teacher_name(self) -> str | None:
        """The teacher it asks, if any."""
        return None

    @property
    def prompt_name(self) -> str | None:
        """The prompt file it fills, if any."""
        return None

    @abstractmethod
    def drafts(self, mistake: Mistake, sources: Sources) -> AsyncIterator[Draft]:
        """Yield drafts, best first, until the caller has seen enough."""
