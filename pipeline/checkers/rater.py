"""A model rates each text on a scale; it decides nothing. For data without a ground truth: rung `best_worst`."""

from __future__ import annotations

import contextlib
import statistics
from collections.abc import Mapping
from typing import Any, ClassVar, Literal, Self

from pydantic import Field, JsonValue, ValidationError, model_validator

from pipeline.checkers.base import Checker, CheckerSettings, EngineOf
from pipeline.engines.base import EngineSettings, Request
from pipeline.errors import RequestFailed
from pipeline.jsontext import double_backslashes, find_objects
from pipeline.prompts import Prompt, Prompts, make_mark
from pipeline.settings import one_of
from pipeline.types import Completion, Grade, Message, Problem, Record, SamplingParams
from pipeline.unicode import is_unicode

AnyEngine: Any = one_of("engines", "engine")


class RaterParams(SamplingParams):
    """Sampling parameters of a rater: greedy, with room for its reason."""

    temperature: float = 0.0
    max_tokens: int = 512


class Rating(Record):
    """What a rater is asked to write."""

    reason: str = ""
    score: float


class Settings(CheckerSettings):
    """Whom to ask, how often, on what scale."""

    needs_gold: ClassVar[bool] = False
    scores_only: ClassVar[bool] = True
    gives_scores: ClassVar[bool] = True
    checker: Literal["rater"] = "rater"
    engine: AnyEngine
    """The rater: any engine."""
    prompt: str = "rater"
    """Prompt file without `.jinja`."""
    lowest: float = 1
    """The scale's lower end."""
    highest: float = 10
    """The scale's upper end."""
    votes: int = Field(default=1, ge=1)
    """Ratings asked for; their median counts, where more than half of them can be read."""
    params: RaterParams = RaterParams()
    """Sampling parameters of the rater."""

    @model_validator(mode="after")
    def _sane(self) -> Self:
        if self.lowest >= self.highest:
            raise ValueError(f"lowest: {self.lowest:g} must be below highest ({self.highest:g})")
        if self.votes > 1 and self.params.temperature == 0:
            raise ValueError(f"votes: {self.votes} greedy ratings are all the same; set params.temperature above 0")
        return self

    @property
    def engines(self) -> Mapping[str, EngineSettings]:
        return {"rater": self.engine}

    def check(self, prompts: Prompts, example: Problem) -> None:
        self.question(prompts.load(self.prompt), example, "T")

    def question(self, prompt: Prompt, problem: Problem, text: str) -> str:
        """The filled prompt."""
        mark = make_mark(problem.question, text)
        lowest, highest = f"{self.lowest:g}", f"{self.highest:g}"
        return prompt.fill(problem, response=text, mark=mark, lowest=lowest, highest=highest)

    def create(self) -> Checker:
        return Rater(self)

    def connect(self, engine_of: EngineOf, prompts: Prompts) -> Checker:
        return Rater(self, engine_of, prompts.load(self.prompt))

    def fingerprint(self, engine_of: EngineOf, prompts: Prompts) -> JsonValue:
        settings = self.model_dump(mode="json", exclude={"engine"})
        return {**settings, "engine": engine_of("rater").identity, "prompt_hash": prompts.load(self.prompt).hash}


class Rater(Checker):
    """Asks for all ratings of a text at once."""

    needs_question = True

    def __init__(self, settings: Settings, engine_of: EngineOf | None = None, prompt: Prompt | None = None) -> None:
        self.settings, self.engine_of, self.prompt = settings, engine_of, prompt

    def gold_error(self, problem: Problem) -> str | None:
        return None

    async def check_answer(self, problem: Problem, answer: str) -> Grade:
        return await self.check(problem, answer)

    async def check(self, problem: Problem, text: str) -> Grade:
        assert self.engine_of is not None
        assert self.prompt is not None
        s = self.settings
        if not is_unicode(text):
            return Grade(verdict="unknown", extracted=None, reason="the text is not valid Unicode")
        messages = (Message(role="user", content=s.question(self.prompt, problem, text)),)
        (made,) = await self.engine_of("rater").complete_many([Request(messages=messages, params=s.params, n=s.votes)])
        if isinstance(made, RequestFailed):
            raise RequestFailed(f"rater: {made}") from made
        if isinstance(made, Exception):
            raise made
        read = [read_rating(completion, s.lowest, s.highest) for completion in made]
        ratings = [rating for rating in read if isinstance(rating, Rating)]
        if 2 * len(ratings) <= s.votes:
            told = next(rating for rating in read if isinstance(rating, str))
            reason = f"rater: {len(read) - len(ratings)} of {len(read)} ratings cannot be read ({told})"[:300]
            return Grade(verdict="unknown", extracted=None, reason=reason)
        score = statistics.median(rating.score for rating in ratings)
        reason = next((" ".join(rating.reason.split()) for rating in ratings if rating.reason.strip()), "")
        return Grade(verdict="unknown", extracted=None, reason=f"rater: {score:g}: {reason}"[:400], score=score)


def read_rating(completion: Completion, lowest: float, highest: float) -> Rating | str:
    """The rating in a reply, or why there is none."""
    if completion.finish_reason != "stop":
        return "cut off at max_tokens" if completion.finish_reason == "length" else completion.finish_reason
    text = completion.text
    ratings = []
    for value, _ in find_objects(double_backslashes(text)):
        with contextlib.suppress(ValidationError):
            ratings.append(Rating.model_validate(value))
    if not ratings:
        return f"no JSON rating in {' '.join(text.split())[:80]!r}"
    rating = ratings[-1]
    if not lowest <= rating.score <= highest:  # false for NaN, too
        return f"a score of {rating.score:g} outside the scale {lowest:g} to {highest:g}"
    return rating
