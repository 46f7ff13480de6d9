"""The teacher is shown the question and the gold answer and writes the chain of thought that leads there."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from typing import Literal

from pydantic import Field

from pipeline.errors import RequestFailed
from pipeline.rungs.base import Draft, RungSettings, Sources
from pipeline.types import Message, Mistake, SamplingParams

SOLUTION = re.compile(r"<solution>(.*?)</solution>", re.DOTALL)
DOUBT = re.compile(r"<doubt>(.*?)</doubt>", re.DOTALL)
ATTEMPT_RIGHT = re.compile(r"<attempt_right>(.*?)</attempt_right>", re.DOTALL)


class TeacherParams(SamplingParams):
    """Sampling parameters of a teacher: less random, with more room."""

    temperature: float = 0.7
    max_tokens: int = 1024


class Settings(RungSettings):
    """Which teacher, how often, and how the answer is to be written."""

    rung: Literal["gold_guided"] = "gold_guided"
    teacher: str
    """A key of `teachers`."""
    samples: int = Field(default=1, ge=1)
    """Texts asked for, one after the other, until one is right."""
    prompt: str = "gold_guided"
    """Prompt file without `.jinja`; `gold_guided_attempt` shows the attempt, too, and costs a request a mistake."""
    answer_format: str = "End with a line of the form: #### <answer>"
    """Told to the teacher, so that its texts end as the student's do."""
    reply: Literal["tagged", "plain"] = "tagged"
    """`tagged`: the solution stands between <solution> tags; `plain`: the whole reply is the solution."""
    params: TeacherParams = TeacherParams()
    """Sampling parameters of the teacher."""

    @property
    def gold_visible(self) -> bool:
        return True

    @property
    def teacher_name(self) -> str:
        return self.teacher

    @property
    def prompt_name(self) -> str:
        return self.prompt

    async def drafts(self, mistake: Mistake, sources: Sources) -> AsyncIterator[Draft]:
        prompt = sources.prompts.load(self.prompt)
        content = prompt.fill(mistake.problem, answer_format=self.answer_format, attempt=mistake.text)
        messages = [Message(role="user", content=content)]
        for index in range(self.samples):
            try:
                (completion,) = await sources.teachers[self.teacher].complete(
                    messages, params=self.params, offset=index
                )
            except RequestFailed as error:
                yield Draft(text=None, failure=str(error), prompt_hash=prompt.hash)
                continue
            draft = Draft(text=completion.text)
            if self.reply == "tagged":
                draft = read_reply(completion.text, completion.finish_reason)
            yield draft.model_copy(update={"completion": completion, "prompt_hash": prompt.hash})


def read_reply(reply: str, finish_reason: str) -> Draft:
    """The solution in a teacher's reply, or why there is none."""
    if found := SOLUTION.findall(reply):
        text = found[-1].strip()
        return Draft(text=text) if text else Draft(text=None, failure="the teacher's solution is empty")
    if doubt := DOUBT.search(reply):
        failure = f"the teacher doubts the gold answer: {doubt.group(1).strip()}"[:500]
        return Draft(text=None, failure=failure, objection="gold_wrong")
    if right := ATTEMPT_RIGHT.search(reply):
        failure = f"the teacher calls the attempt right: {right.group(1).strip()}"[:500]
        return Draft(text=None, failure=failure, objection="attempt_right")
    if finish_reason == "length":
        return Draft(text=None, failure="the teacher's reply was cut off at max_tokens")
    return Draft(text=None, failure="the teacher's reply has no <solution>…</solution>")
