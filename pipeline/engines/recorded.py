"""Answers read from a file: how real answers of models we do not have come in.

Each row holds a question and one or more answers to it, in text columns or in columns that hold a list of texts.
Dotted names reach into nested columns (`175b_finetuning.solution`). Rows with the same question are joined.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, Self, get_args

from pipeline.engines.base import Engine, EngineSettings
from pipeline.errors import ConfigError, DataError, RequestFailed
from pipeline.rows import column, read_rows
from pipeline.types import Completion, FinishReason, Message, SamplingParams, content_id
from pipeline.unicode import is_unicode

FINISH_REASONS: tuple[FinishReason, ...] = get_args(FinishReason)


class Settings(EngineSettings):
    """Where the recorded answers are."""

    engine: Literal["recorded"] = "recorded"
    path: Path
    """JSONL, CSV or Parquet file."""
    question: str = "question"
    """Column of the question; it is matched with the last user message."""
    answers: tuple[str, ...] = ("answer",)
    """Columns of the answers, in the order of the sample index; a column may hold a list."""
    finish_reason: str | None = None
    """Column of the finish reason, where the file has one; `length` marks an answer that was cut off."""

    def create(self) -> Engine:
        return Recorded(self)

    def check(self) -> None:
        if not self.path.is_file():
            raise ConfigError(f"student.path: there is no file {self.path} with recorded answers")


class Recorded(Engine):
    """Looks answers up by question; has as many as were recorded, which may be fewer than are asked for."""

    cacheable = False

    def __init__(self, settings: Settings) -> None:
        super().__init__()
        self.settings = settings
        self.answers: dict[str, list[Completion]] = defaultdict(list)

    @property
    def identity(self) -> str:
        listed = {question: [a.model_dump() for a in answers] for question, answers in self.answers.items()}
        return f"recorded:{content_id(listed)}"

    async def __aenter__(self) -> Self:
        s = self.settings
        for row in read_rows(str(s.path)):
            question = column(row, s.question)
            finish = column(row, s.finish_reason) if s.finish_reason else "stop"
            for name in s.answers:
                value = column(row, name)
                for text in value if isinstance(value, list) else [value]:
                    if not isinstance(text, str) or not is_unicode(text):
                        told = f"an answer must be text, not {text!r}"[:200]
                        raise DataError(row.file, told, line=row.line, field=name)
                    if finish not in FINISH_REASONS:
                        told = f"{finish!r} is not one of {', '.join(FINISH_REASONS)}"[:200]
                        raise DataError(row.file, told, line=row.line, field=s.finish_reason)
                    made = Completion.model_validate({"text": text, "finish_reason": finish})
                    self.answers[str(question)].append(made)
        return self

    async def complete(
        self, messages: Sequence[Message], *, n: int = 1, params: SamplingParams, offset: int = 0
    ) -> list[Completion]:
        question = messages[-1].content
        if question not in self.answers:
            raise RequestFailed(f"{self.settings.path} has no recorded answer to this question")
        return self.answers[question][offset : offset + n]
