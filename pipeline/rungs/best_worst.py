"""For data without a ground truth: the student's best-rated sample corrects its worst-rated ones.

The ratings are `Grade.score`: a reward function's, a judge's or people's (checkers `reward`, `rater`, `ratings`).
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Literal

from pydantic import Field

from pipeline.grade import called
from pipeline.rungs.base import Draft, RungSettings, Sources
from pipeline.types import Mistake


class Settings(RungSettings):
    """How far apart best and worst must be, and how many of the worst are taken."""

    rung: Literal["best_worst"] = "best_worst"
    margin: float = Field(default=0.0, ge=0)
    """A sample counts as a mistake where its score is lower than the best one's by more than this."""
    worst: int = Field(default=1, ge=1)
    """So many samples of a problem are taken for mistakes, the lowest ones first."""

    @property
    def on_policy(self) -> bool:
        return True

    async def drafts(self, mistake: Mistake, sources: Sources) -> AsyncIterator[Draft]:
        best = list(called("correct", sources.attempts))
        if not best:
            yield Draft(text=None, failure="no sample of the problem has a score")
        for _, made, grade in best:
            yield Draft(text=made.text, grade=grade)
