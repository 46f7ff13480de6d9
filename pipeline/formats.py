"""The format of a run's chosen texts: as configured, or as the student's first answers show it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from pydantic import ValidationError

from pipeline.answer_format.detect import detect
from pipeline.answer_format.form import AnswerFormat, Detected
from pipeline.cleanups.base import CleanupSettings, clean
from pipeline.config import FormatSettings
from pipeline.errors import DataError
from pipeline.files import write_file
from pipeline.types import Attempt, Record, content_id

ANYTHING = AnswerFormat(thinking_varies=True)
"""A format that every text follows."""
FEWEST = 4
"""Texts below which no format is told."""


class Known(Record):
    """`format.json`: what was found, and from which student under which settings."""

    key: str
    found: Detected


async def find_format(
    settings: FormatSettings,
    cleanups: Sequence[CleanupSettings],
    asked: str,
    ask: Callable[[], Awaitable[list[Attempt]]],
    file: Path,
) -> Detected:
    """The student's answer format. Where it is to be found, `ask` gives the student's first answers.

    `asked` is a fingerprint of all that these depend on. What was found stands in `file`, so that a run that
    goes on keeps it. Answers that were cut off do not count.
    """
    if settings.student != "auto":
        given = ANYTHING if settings.student == "any" else settings.student
        return Detected(format=given, texts=0, shares={})
    key = content_id(asked, settings.detect_from, [cleanup.model_dump(mode="json") for cleanup in cleanups])
    known = _read(file)
    if known is not None and known.key == key:
        return known.found
    made = [attempt.completion for attempt in await ask()]
    texts = [clean(text.text, cleanups).strip() for text in made if text and text.finish_reason == "stop"]
    written = [text for text in texts if text]
    if len(written) < FEWEST:
        return Detected(format=ANYTHING, texts=len(written), shares={})
    found = detect(written)
    write_file(file, Known(key=key, found=found).model_dump_json(indent=1) + "\n")
    return found


def _read(file: Path) -> Known | None:
    if not file.exists():
        return None
    try:
        return Known.model_validate_json(file.read_bytes())
    except ValidationError as error:
        raise DataError(file, f"is not what Errata wrote ({error.errors()[0]['msg']}); delete it") from error
