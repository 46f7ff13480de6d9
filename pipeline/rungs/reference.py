"""The data set's own rationale."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Literal

from pipeline.rungs.base import Draft, RungSettings, Sources
from pipeline.types import Mistake


class Settings(RungSettings):
    """Needs a rationale column; asks no teacher."""

    rung: Literal["reference"] = "reference"

    @property
    def gold_visible(self) -> bool:
        return True

    @property
    def needs_rationale(self) -> bool:
        return True

    async def drafts(self, mistake: Mistake, sources: Sources) -> AsyncIterator[Draft]:
        if mistake.problem.rationale is None:
            yield Draft(text=None, failure="the problem has no rationale")
        else:
            yield Draft(text=mistake.problem.rationale)
