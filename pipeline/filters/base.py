"""What a filter is: it looks at one pair at a time, and says what speaks against it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from pipeline.settings import Settings
from pipeline.types import Finding

Action = Literal["drop", "flag"]


@dataclass(frozen=True, slots=True)
class Texts:
    """A pair as filters see it."""

    id: str
    prompt: str
    """The whole prompt as text, system turn included."""
    question: str
    """Its last user turn."""
    chosen: str
    rejected: str
    answer: str | None = None
    """The gold answer, where the data tell it."""
    problem: str | None = None
    """Id of the problem, where the data tell it."""
    rejected_answer: str | None = None
    """What was read from the rejected text, where the data tell it."""


Look = Callable[[Texts], Finding | None]


class FilterSettings(Settings, ABC):
    """Base of every filter's settings; `find` is the filter itself."""

    action: Action = "flag"
    """What becomes of a pair with such a finding."""

    @property
    def name(self) -> str:
        """The filter's name in settings and findings."""
        name: str = self.filter  # type: ignore[attr-defined]  # every filter's Literal name
        return name

    def prepare(self, control: Sequence[Texts]) -> Look:
        """The filter, once it has seen the student's own pairs (right against wrong); there may be none."""
        return self.find

    @abstractmethod
    def find(self, pair: Texts) -> Finding | None:
        """What speaks against the pair; the first place, where there are several."""

    def say(self, reason: str, *, span: tuple[int, int] | None = None, score: float | None = None) -> Finding:
        """A finding of this filter; the span is one of the chosen text, in characters."""
        return Finding(rule=self.name, action=self.action, reason=reason, span=span, score=score)
