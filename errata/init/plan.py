"""What a configuration is made of, once everything is decided."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pipeline.checkers.base import CheckerSettings
from pipeline.engines import endpoint
from pipeline.engines.base import EngineSettings
from pipeline.problems import ProblemSettings

MAX_TOKENS = 1024
"""Room for an answer, where the student's context does not ask for less."""
LEARNING_RATE = 1e-6


@dataclass(frozen=True)
class Plan:
    """All that `render` writes down."""

    name: str
    problems: ProblemSettings
    checker: CheckerSettings
    student: EngineSettings
    teachers: Mapping[str, endpoint.Settings] = field(default_factory=dict)
    reference: bool = False
    """Whether the data's own worked solutions correct the mistakes."""
    cleanups: tuple[str, ...] = ()
    held_out: ProblemSettings | None = None
    max_tokens: int = MAX_TOKENS
    learning_rate: float = LEARNING_RATE
    train_model: str | None = None
    """The model to train, where the student is not one on this machine."""
    max_cost: float | None = None
    prompts: Path | None = None
