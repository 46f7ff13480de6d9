"""The teacher is shown the data's worked solution with its numbers blotted out, and works them out again."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from typing import Literal

from pipeline.rungs.base import Draft, Sources
from pipeline.steps.mask import mask_numbers
from pipeline.teaching import TeacherRung
from pipeline.types import Mistake

LETTER = re.compile(r"\(?[A-Za-z]\)?\.?")


class Settings(TeacherRung):
    """Which teacher, how often, and how the answer is to be written."""

    rung: Literal["masked_solution"] = "masked_solution"
    prompt: str = "masked_solution"
    """Prompt file without `.jinja`."""

    @property
    def needs_gold(self) -> bool:
        return True

    @property
    def needs_rationale(self) -> bool:
        return True

    def values(self, mistake: Mistake) -> dict[str, object]:
        problem = mistake.problem
        assert problem.rationale is not None
        masked = mask_numbers(problem.rationale, question=problem.question, answer=problem.gold)
        return {"masked_solution": masked}

    async def drafts(self, mistake: Mistake, sources: Sources) -> AsyncIterator[Draft]:
        if mistake.problem.rationale is None:
            yield Draft(text=None, failure="the problem has no rationale", teacher_asked=False)
            return
        if LETTER.fullmatch(mistake.problem.gold.strip()):
            failure = "the gold answer is an option's letter, which cannot be blotted out"
            yield Draft(text=None, failure=failure, teacher_asked=False)
            return
        async for draft in super().drafts(mistake, sources):
            yield draft
