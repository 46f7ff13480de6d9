"""People's ratings of texts, from a file. For data without a ground truth: rung `best_worst`.

student: {engine: recorded, path: answers.jsonl, response: response}
checker: {checker: ratings, path: answers.jsonl, question: question, response: response, score: rating}
"""

from __future__ import annotations

import math
from collections import defaultdict
from typing import ClassVar, Literal

from pydantic import JsonValue

from pipeline.checkers.base import Checker, CheckerSettings, EngineOf
from pipeline.errors import ConfigError, DataError
from pipeline.identity import file_hash
from pipeline.prompts import Prompts
from pipeline.rows import Row, column, read_rows
from pipeline.types import Grade, Problem, content_id
from pipeline.unicode import is_unicode


class Settings(CheckerSettings):
    """Where the ratings are. Several rows of one text are several people's: their mean counts."""

    needs_gold: ClassVar[bool] = False
    scores_only: ClassVar[bool] = True
    gives_scores: ClassVar[bool] = True
    checker: Literal["ratings"] = "ratings"
    path: str
    """A .jsonl, .csv or .parquet file with a row for each rating."""
    question: str = "question"
    """Column of the question, as the problems have it."""
    response: str = "response"
    """Column of the text that was rated, word for word."""
    score: str = "score"
    """Column of the rating: a number, the higher the better; rows without one are not counted."""

    def check(self, prompts: Prompts, example: Problem) -> None:
        from pathlib import Path

        if not Path(self.path).is_file():
            raise ConfigError(f"checker ratings: there is no file {self.path}")

    def create(self) -> Checker:
        return Ratings(self)

    def fingerprint(self, engine_of: EngineOf, prompts: Prompts) -> JsonValue:
        return {**self.model_dump(mode="json"), "content": file_hash(self.path)}


class Ratings(Checker):
    """Looks texts up; one that nobody has rated is `unknown` without a score."""

    needs_question = True

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        found: defaultdict[str, list[float]] = defaultdict(list)
        for row in read_rows(settings.path):
            score = self._score(row)
            if score is not None:
                found[_key(self._text(row, settings.question), self._text(row, settings.response))].append(score)
        if not found:
            raise DataError(settings.path, "holds no rating", field=settings.score)
        self.means = {key: (sum(s / len(scores) for s in scores), len(scores)) for key, scores in found.items()}

    def _score(self, row: Row) -> float | None:
        value = column(row, self.settings.score)
        if value is None or value == "" or value != value:  # null, an empty cell of CSV, one of Parquet
            return None
        try:
            score = float(value) if isinstance(value, str | int | float) else math.nan  # CSV's cells are texts
            score = math.nan if isinstance(value, bool) else score
        except (TypeError, ValueError, OverflowError):
            score = math.nan
        if not math.isfinite(score):
            told = f"must be a number or empty, not {value!r}"[:200]
            raise DataError(row.file, told, line=row.line, field=self.settings.score)
        return score

    def _text(self, row: Row, name: str) -> str:
        value = column(row, name)
        if not isinstance(value, str) or not is_unicode(value):
            raise DataError(row.file, f"must be a text, not {value!a}"[:200], line=row.line, field=name)
        return value

    def gold_error(self, problem: Problem) -> str | None:
        return None

    async def check_answer(self, problem: Problem, answer: str) -> Grade:
        return await self.check(problem, answer)

    async def check(self, problem: Problem, text: str) -> Grade:
        known = self.means.get(_key(problem.question, text))
        if known is None:
            return Grade(verdict="unknown", extracted=None, reason="nobody has rated this text")
        mean, people = known
        return Grade(verdict="unknown", extracted=None, reason=f"mean of {people} ratings", score=round(mean, 6))


def _key(question: str, response: str) -> str:
    return content_id(question.strip(), response.strip())
