"""The student's own correct sample: on-policy, free, and in the student's own words."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Literal

from pipeline.edits import edit_ratio
from pipeline.grade import called
from pipeline.rungs.base import Draft, RungSettings, Sources
from pipeline.types import Mistake


class Settings(RungSettings):
    """The correct attempts at the same problem, the one closest to the mistake first."""

    rung: Literal["own_correct"] = "own_correct"

    @property
    def on_policy(self) -> bool:
        return True

    async def drafts(self, mistake: Mistake, sources: Sources) -> AsyncIterator[Draft]:
        texts = dict.fromkeys(made.text for _, made, _ in called("correct", sources.attempts))
        if not texts:
            yield Draft(text=None, failure="the student has no correct attempt at this problem")
        for text in sorted(texts, key=lambda text: edit_ratio(mistake.text, text)):
            yield Draft(text=text)
