"""A model decides: it sees question, gold answer and text, in both orders, and votes.

checker:
  checker: judge
  engine: {engine: endpoint, base_url: …, model: …, api_key_env: …}
  votes: 3
  params: {temperature: 0.7}

A request that fails for good is raised, never made a verdict; a reply that cannot be read is a vote for nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, Self

from pydantic import Field, JsonValue, model_validator

from pipeline.checkers.base import Checker, CheckerSettings, EngineOf
from pipeline.engines.base import EngineSettings, Request
from pipeline.errors import ConfigError, RequestFailed
from pipeline.prompts import Prompt, Prompts, make_mark
from pipeline.settings import one_of
from pipeline.types import Completion, Grade, Message, Problem, SamplingParams
from pipeline.unicode import is_unicode
from pipeline.votes import count_votes, read_vote

AnyEngine: Any = one_of("engines", "engine")
ORDERS = ("reference_first", "response_first")


class JudgeParams(SamplingParams):
    """Sampling parameters of a judge: greedy, with room for its reason."""

    temperature: float = 0.0
    max_tokens: int = 1024


class Settings(CheckerSettings):
    """Whom to ask, how often, and how much they must agree."""

    checker: Literal["judge"] = "judge"
    engine: AnyEngine
    """The judge: any engine. `extra_body: {response_format: {type: json_object}}` helps where a server knows it."""
    prompt: str = "judge"
    """Prompt file without `.jinja`."""
    votes: int = Field(default=1, ge=1)
    """Replies asked for in each order."""
    both_orders: bool = True
    """Ask twice, with the reference answer before the text and after it: a verdict should not hang on that."""
    agreement: float = Field(default=1.0, gt=0.5, le=1)
    """Share of all votes, unreadable and unsure ones included, that a verdict needs; with less it is `unknown`."""
    params: JudgeParams = JudgeParams()
    """Sampling parameters of the judge."""

    @model_validator(mode="after")
    def _votes_differ(self) -> Self:
        if self.votes > 1 and self.params.temperature == 0:
            raise ValueError(f"votes: {self.votes} greedy votes are all the same; set params.temperature above 0")
        return self

    @property
    def engines(self) -> Mapping[str, EngineSettings]:
        return {"judge": self.engine}

    def check(self, prompts: Prompts, example: Problem) -> None:
        asked = make_questions(prompts.load(self.prompt), example, "T", self.both_orders)
        if len(asked) != len(set(asked)):
            raise ConfigError(f"prompt {self.prompt!r} does not use `order`; set both_orders: false or use it")

    def create(self) -> Checker:
        return Judge(self)

    def connect(self, engine_of: EngineOf, prompts: Prompts) -> Checker:
        return Judge(self, engine_of, prompts.load(self.prompt))

    def fingerprint(self, engine_of: EngineOf, prompts: Prompts) -> JsonValue:
        settings = self.model_dump(mode="json", exclude={"engine"})
        return {**settings, "engine": engine_of("judge").identity, "prompt_hash": prompts.load(self.prompt).hash}


class Judge(Checker):
    """Asks once for each order and vote, all side by side."""

    needs_question = True

    def __init__(self, settings: Settings, engine_of: EngineOf | None = None, prompt: Prompt | None = None) -> None:
        self.settings, self.engine_of, self.prompt = settings, engine_of, prompt

    def gold_error(self, problem: Problem) -> str | None:
        return None

    async def check_answer(self, problem: Problem, answer: str) -> Grade:
        if answer.split() == problem.gold.split():
            return Grade(verdict="correct", extracted=answer, reason="judge: not asked, it is the gold answer itself")
        return await self.check(problem, answer)

    async def check(self, problem: Problem, text: str) -> Grade:
        if why := unfit(text):
            return Grade(verdict="unknown", extracted=None, reason=f"judge: not asked, {why}")
        return count_votes([read_vote(made) for made in await self._ask(problem, text)], self.settings.agreement)

    async def _ask(self, problem: Problem, text: str) -> list[Completion]:
        if self.engine_of is None or self.prompt is None:
            raise RuntimeError("this judge was made to read gold answers; `connect` makes one that asks")
        s = self.settings
        contents = make_questions(self.prompt, problem, text, s.both_orders)
        asked = [Request(messages=(Message(role="user", content=c),), params=s.params, n=s.votes) for c in contents]
        replies: list[Completion] = []
        for made in await self.engine_of("judge").complete_many(asked):
            if isinstance(made, RequestFailed):
                raise RequestFailed(f"judge: {made}") from made
            if isinstance(made, Exception):
                raise made
            replies += made
        if not replies:
            raise RequestFailed("judge: the engine gave no reply")
        return replies


def unfit(text: str) -> str | None:
    """Why a text cannot be shown to a judge, if so."""
    if not text.strip():
        return "the text is empty"
    return None if is_unicode(text) else "the text is not valid Unicode"


def make_questions(prompt: Prompt, problem: Problem, text: str, both_orders: bool) -> list[str]:
    """The judge's prompt in each order."""
    mark = make_mark(problem.question, problem.gold, text)
    orders = ORDERS if both_orders else ORDERS[:1]
    return [prompt.fill(problem, gold=True, response=text, order=order, mark=mark) for order in orders]
