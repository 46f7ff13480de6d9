"""The teacher is shown the question and the gold answer and writes the chain of thought that leads there."""

from __future__ import annotations

from typing import Literal

from pipeline.teaching import TeacherRung


class Settings(TeacherRung):
    """Which teacher, how often, and how the answer is to be written."""

    rung: Literal["gold_guided"] = "gold_guided"
    prompt: str = "gold_guided"
    """Prompt file without `.jinja`; `gold_guided_attempt` shows the attempt, too, and costs a request a mistake."""

    @property
    def gold_visible(self) -> bool:
        return True
