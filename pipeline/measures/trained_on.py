"""What data sets show of the problems that were trained on: their prompts, for the guard of held-out ones."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from pipeline.errors import DataError
from pipeline.measures.held_out import Seen
from pipeline.preferences import open_preferences
from pipeline.rows import read_rows


def seen_in(source: Path) -> Iterator[Seen]:
    """The prompts of a data set of pairs, or of a file of single texts. Raises DataError for what holds no prompt."""
    texts = source.is_file()
    yield from _seen_in_texts(source) if texts else _seen_in_pairs(source)


def _seen_in_pairs(source: Path) -> Iterator[Seen]:
    for number, pair in enumerate(open_preferences(source), start=1):
        told = pair.values.get("problem_id")
        yield Seen(None if told is None else str(told), _question(pair.prompt), f"{source}, pair {number}")


def _seen_in_texts(source: Path) -> Iterator[Seen]:
    """Rows of `errata sft`: prompt and completion (or chosen), or messages."""
    for row in read_rows(str(source)):
        prompt = row.values.get("prompt") or row.values.get("messages")
        if not isinstance(prompt, str | list):
            raise DataError(source, "has no prompt", line=row.line, field="prompt")
        yield Seen(None, _question(prompt), f"{source}:{row.line}")


def _question(prompt: object) -> str:
    """A prompt as a text: of a conversation, its first question."""
    if isinstance(prompt, str):
        return prompt
    turns = prompt if isinstance(prompt, list | tuple) else []
    return next((str(turn["content"]) for turn in turns if turn.get("role") == "user"), "")
