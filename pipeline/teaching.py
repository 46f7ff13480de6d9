"""How a rung asks a teacher: the prompt is filled, the reply read, and asked for once more where it cannot be read."""

from __future__ import annotations

from abc import ABC
from collections.abc import AsyncIterator
from typing import ClassVar, Literal

from pydantic import Field

from pipeline.answer_format.form import AnswerFormat
from pipeline.answer_format.instruct import instruct
from pipeline.engines.base import Engine
from pipeline.errors import ConfigError, RequestFailed
from pipeline.languages import differs_in_language
from pipeline.prompts import Prompts
from pipeline.replies import FIELDS, Asks, Form, Malformed, Reply, read_reply, reply_schema
from pipeline.rungs.base import Draft, Needs, RungSettings, Sources
from pipeline.types import Completion, Message, Mistake, Problem, Record, SamplingParams, Usage, content_id

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


class TeacherParams(SamplingParams):
    """Sampling parameters of a teacher: less random, with more room."""

    temperature: float = 0.7
    max_tokens: int = 2048


class Heard(Record):
    """What came of one question to a teacher."""

    reply: Reply | None
    failure: str | None = None
    completion: Completion | None = None
    usage: Usage = Usage()
    repaired: bool = False


class TeacherRung(RungSettings, ABC):
    """Base of the rungs that ask a teacher."""

    asks: ClassVar[Asks] = "solution"

    teacher: str
    """A key of `teachers`."""
    samples: int = Field(default=1, ge=1)
    """Texts asked for, one after the other, until one is right (`correct.choose: first`)."""
    prompt: str
    """Prompt file without `.jinja`."""
    answer_format: str | None = None
    """Told to the teacher; by default the student's own answer format, in words."""
    reply: Literal["auto", "json", "tagged", "plain"] = "auto"
    """`json` where the server enforces a schema, `tagged` elsewhere (`auto`); `plain`: the whole reply is the text."""
    repairs: int = Field(default=1, ge=0, le=3)
    """How often a reply that cannot be read is asked for again."""
    language: Literal["same", "any"] = "same"
    """`same`: a solution in another script than the question's is refused."""
    params: TeacherParams = TeacherParams()
    """Sampling parameters of the teacher."""

    @property
    def teacher_name(self) -> str | None:
        return self.teacher

    def check(self, needs: Needs) -> None:
        super().check(needs)
        template = needs.prompts.load(self.prompt)
        if "question" not in template.variables:
            raise ConfigError(f"prompt {template.path}: does not show the question: {{{{ question }}}}")
        mistake = Mistake(id="m", problem=needs.example, attempt_id="a", text="1 + 1 = 3\n#### 3", extracted="3")
        for form in ("tagged", "json") if self.reply == "auto" else (self.reply,):
            self.fill(needs.prompts, mistake, form, AnswerFormat())
            self._repair(needs.prompts, mistake.problem, form, "it is empty")

    def values(self, mistake: Mistake) -> dict[str, object]:
        """What the prompt may use besides question and attempt."""
        return {}

    def fill(self, prompts: Prompts, mistake: Mistake, form: Form, target: AnswerFormat) -> str:
        """The filled prompt. Raises ConfigError for a variable that this rung does not show."""
        values = {**self.values(mistake), "attempt": mistake.text}
        values["answer_format"] = self.answer_format or instruct(target)
        values["reply_form"] = self._form(prompts, mistake.problem, form)
        values["question"] = with_choices(mistake.problem)
        return prompts.load(self.prompt).fill(mistake.problem, gold=self.gold_visible, **values)

    def _form(self, prompts: Prompts, problem: Problem, form: Form) -> str:
        shown = {"sees_attempt": self._sees_attempt(prompts), "sees_gold": self.gold_visible}
        told = prompts.load("reply_form").fill(problem, gold=False, reply=form, asks=self.asks, **shown)
        field = FIELDS[self.asks]
        if form != "plain" and (mark := f"<{field}>" if form == "tagged" else f'"{field}"') not in told:
            raise ConfigError(f"prompt {prompts.paths['reply_form']}: must ask for {mark}, which is what is read")
        return told

    def prompt_hash(self, prompts: Prompts) -> str:
        """Hash of the files that the question is made of."""
        return content_id(*(prompts.load(name).hash for name in (self.prompt, "reply_form", "repair")))

    async def ask(self, mistake: Mistake, sources: Sources, index: int) -> Heard:
        """One sample: the question, and once more for each repair. A failed request is told, not raised."""
        form: Form = self.reply if self.reply != "auto" else "tagged"
        if self.reply == "auto" and self.teacher in sources.enforces_schema:
            form = "json"
        params: SamplingParams = self.params
        if form == "json" and self.teacher in sources.enforces_schema:
            params = params.model_copy(update={"json_schema": reply_schema(self.asks)})
        engine: Engine = sources.teachers[self.teacher]
        messages = [Message(role="user", content=self.fill(sources.prompts, mistake, form, sources.format))]
        used, written, fault = Usage(), None, ""
        for asked in range(1 + self.repairs):
            try:
                (written,) = await engine.complete(messages, params=params, offset=index)
            except RequestFailed as error:
                return Heard(reply=None, failure=str(error), completion=written, usage=used, repaired=asked > 0)
            used += written.usage
            reply = self._read(written, form, sources.prompts)
            if isinstance(reply, Reply):
                return Heard(reply=reply, completion=written, usage=used, repaired=asked > 0)
            fault = reply.problem
            again = self._repair(sources.prompts, mistake.problem, form, fault)
            messages += [Message(role="assistant", content=written.text), Message(role="user", content=again)]
        failure = f"the teacher's reply cannot be read: {fault}"
        return Heard(reply=None, failure=failure, completion=written, usage=used, repaired=self.repairs > 0)

    def _read(self, written: Completion, form: Form, prompts: Prompts) -> Reply | Malformed:
        reply = read_reply(written, form, self.asks)
        if isinstance(reply, Reply) and reply.objection == "attempt_right" and not self._sees_attempt(prompts):
            return Malformed(problem="it calls an attempt right that it was not shown")
        return reply

    def _sees_attempt(self, prompts: Prompts) -> bool:
        return bool(prompts.load(self.prompt).variables & {"attempt", "steps"})

    def _repair(self, prompts: Prompts, problem: Problem, form: Form, fault: str) -> str:
        reply_form = self._form(prompts, problem, form)
        return prompts.load("repair").fill(problem, fault=fault, reply_form=reply_form)

    async def drafts(self, mistake: Mistake, sources: Sources) -> AsyncIterator[Draft]:
        for index in range(self.samples):
            yield self.draft(mistake, await self.ask(mistake, sources, index), self.prompt_hash(sources.prompts))

    def draft(self, mistake: Mistake, heard: Heard, prompt_hash: str) -> Draft:
        """What was heard as a draft: its solution (or the step it names), or why there is none to use."""
        reply, failure = heard.reply or Reply(), heard.failure
        if reply.objection is not None:
            said = "calls the attempt right" if reply.objection == "attempt_right" else "doubts the gold answer"
            failure = f"the teacher {said}: {reply.diagnosis or 'no reason given'}"[:500]
        elif reply.solution is not None and self.language == "same":
            failure = differs_in_language(mistake.problem.question, reply.solution)
        return Draft(
            text=None if reply.objection else reply.solution,
            failure=failure,
            objection=reply.objection,
            completion=heard.completion,
            usage=heard.usage,
            prompt_hash=prompt_hash,
            diagnosis=reply.diagnosis,
            first_wrong_step=None if reply.first_wrong_step is None else reply.first_wrong_step - 1,
            repaired=heard.repaired,
        )


def with_choices(problem: Problem) -> str:
    """The question, with its lettered options where it has any."""
    choices = problem.extras.get("choices")
    if not isinstance(choices, tuple):
        return problem.question
    marks = [LETTERS[i] if i < len(LETTERS) else str(i) for i in range(len(choices))]
    return "\n".join([problem.question, "", *(f"{m}. {choice}" for m, choice in zip(marks, choices, strict=True))])
