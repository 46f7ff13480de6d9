"""The first wrong step is located; the student goes on from what is right before it. The text stays the student's.

Lines of arithmetic are recomputed, which costs nothing; where that finds nothing, a teacher is asked which step it is.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import ClassVar, Literal

from pydantic import Field, model_validator

from pipeline.errors import ConfigError, RequestFailed
from pipeline.replies import Asks
from pipeline.rungs.base import Draft, Needs, Sources
from pipeline.settings import Settings as Group
from pipeline.steps.locate import first_wrong_step
from pipeline.steps.split import split_steps
from pipeline.teaching import TeacherRung
from pipeline.types import Message, Mistake, Usage

Locator = Literal["recompute", "teacher"]


class StudentDraw(Group):
    """How the student's continuations are drawn; what is left out is as in `sample.params`."""

    temperature: float | None = None
    top_p: float | None = None
    max_tokens: int | None = Field(default=None, ge=1)


class Settings(TeacherRung):
    """Who locates, and how often the student goes on."""

    asks: ClassVar[Asks] = "step"
    rung: Literal["continue_fix"] = "continue_fix"
    teacher: str | None = None  # type: ignore[assignment]  # recomputation needs none
    """A key of `teachers`; not needed where `locate` is `[recompute]`."""
    prompt: str = "continue_fix"
    """Prompt file without `.jinja`."""
    locate: tuple[Locator, ...] = ("recompute", "teacher")
    """Tried in this order."""
    samples: int = Field(default=4, ge=1)
    """Continuations drawn, one after the other, until one is right (`correct.choose: first`)."""
    student: StudentDraw = StudentDraw()
    """How they are drawn."""

    @model_validator(mode="after")
    def _somebody_locates(self) -> Settings:
        for name in ("answer_format", "language"):
            if getattr(self, name) != type(self).model_fields[name].default:
                raise ValueError(f"{name}: has no meaning here, the student writes the text")
        if not self.locate:
            raise ValueError("locate: name recompute, teacher or both")
        if "teacher" in self.locate and self.teacher is None:
            raise ValueError("teacher: name one, or set locate: [recompute]")
        return self

    @property
    def teacher_name(self) -> str | None:
        return self.teacher if "teacher" in self.locate else None

    @property
    def on_policy(self) -> bool:
        return True

    @property
    def written_for_us(self) -> bool:
        return False

    def check(self, needs: Needs) -> None:
        if self.teacher_name is not None:
            super().check(needs)
        if not needs.student.continues:
            raise ConfigError(
                "rung continue_fix: the student's engine cannot go on from a text that is begun; engines transformers "
                "and vllm can, and an endpoint whose `continuation` is set"
            )

    def values(self, mistake: Mistake) -> dict[str, object]:
        return {"steps": [step.text for step in split_steps(mistake.text)]}

    async def drafts(self, mistake: Mistake, sources: Sources) -> AsyncIterator[Draft]:
        place = await self._locate(mistake, sources)
        steps = split_steps(mistake.text)
        if place.first_wrong_step is None:
            yield place
            return
        if not 0 <= place.first_wrong_step < len(steps):
            failure = f"the teacher names step {place.first_wrong_step + 1} of {len(steps)}"
            yield place.model_copy(update={"failure": failure, "first_wrong_step": None})
            return
        prefix = mistake.text[: steps[place.first_wrong_step].start]
        begun = (Message(role="assistant", content=prefix),) if prefix.strip() else ()
        conversation = (*sources.conversation, *begun)
        own = self.student.model_dump(exclude_none=True)
        params = sources.student_params.model_copy(update=own)
        before = place.usage  # the teacher's tokens are the first continuation's
        known = 0 if begun else len(sources.attempts)  # without a prefix it is the question that was asked before
        for index in range(known, known + self.samples):
            told: dict[str, object] = {"usage": before, "completion": None}
            try:
                (written,) = await sources.student.complete(conversation, params=params, offset=index)
            except RequestFailed as error:
                told |= {"failure": str(error)}
            else:
                text = join(prefix if begun else "", written.text)
                told |= {"text": text, "completion": written, "usage": before + written.usage}
            yield place.model_copy(update=told)
            before = Usage()

    async def _locate(self, mistake: Mistake, sources: Sources) -> Draft:
        """A draft without text that says where the mistake begins, or why nobody knows."""
        for locator in self.locate:
            if locator == "recompute":
                problem = mistake.problem
                found = first_wrong_step(mistake.text, question=problem.question, rationale=problem.rationale)
                if found is not None:
                    return Draft(text=None, diagnosis=found.reason, first_wrong_step=found.index, teacher_asked=False)
                continue
            return self.draft(mistake, await self.ask(mistake, sources, 0), self.prompt_hash(sources.prompts))
        return Draft(text=None, failure="no step's arithmetic is wrong", teacher_asked=False)


def join(prefix: str, continuation: str) -> str:
    """The whole text. Where a chat template has cut the prefix's line break off, the student writes it once more."""
    return prefix + (continuation.lstrip("\n") if prefix.endswith("\n") else continuation)
