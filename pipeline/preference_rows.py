"""Cells of a row -> texts, conversations and values, with errors that name file, line and field."""

from __future__ import annotations

import difflib
import math
from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Literal, get_args

from pipeline.errors import DataError
from pipeline.preference_prompts import Side, Turns
from pipeline.rows import Row
from pipeline.types import Message

Value = str | float | bool | None
Kind = Literal["text", "number", "truth"]

ROLES = get_args(Message.model_fields["role"].annotation)
TRUTHS = {"true": True, "false": False}
WANTED: Mapping[Kind, str] = {"number": "a number", "text": "a text", "truth": "true or false"}
NAMED_ELSEWHERE: Mapping[str, tuple[str, ...]] = {
    "prompt": ("question", "instruction", "input", "query", "problem"),
    "chosen": ("accepted", "preferred", "better"),
    "rejected": ("dispreferred", "refused", "worse"),
}
"""What others call the columns that a row needs. It is asked, never taken for granted."""
LISTED = 40
"""Names of columns in a message."""


def read_side(row: Row, column: str) -> Side:
    """A text or a conversation. Raises DataError for anything else."""
    value = row.values.get(column)
    if value is None:
        raise DataError(row.file, "is missing", line=row.line, field=column)
    return _encodable(value, row, column) if isinstance(value, str) else _turns(value, row, column)


def _turns(value: object, row: Row, column: str) -> Turns:
    turns: Turns = []
    for turn in value if isinstance(value, list) else [value]:
        role, content = (turn.get("role"), turn.get("content")) if isinstance(turn, dict) else (None, None)
        if not isinstance(turn, dict) or role not in ROLES or not isinstance(content, str):
            form = f"a string, or a list of {{role, content}} with role {', '.join(ROLES)}"
            raise DataError(row.file, f"is not {form}", line=row.line, field=column)
        if more := [key for key in turn if key not in ("role", "content") and turn[key] is not None]:
            raise DataError(row.file, f"a message has {more[0]!r}, which is not exported", line=row.line, field=column)
        turns.append({"role": str(role), "content": _encodable(content, row, column)})
    return turns


def read_value(row: Row, name: str, column: str, kind: Kind, *, untyped: bool = False) -> Value:
    """The value `name`, read from a column and converted where its meaning stays; None where there is none.

    `untyped`: in a file of texts an empty cell is none. Raises DataError for what cannot be converted.
    """
    value = row.values.get(column)
    if isinstance(value, str):
        if not value and (untyped or kind != "text"):
            return None
        value = _from_text(value, kind)
    elif isinstance(value, Decimal):
        value = float(value) if kind == "number" else str(value)
    elif isinstance(value, date):
        value = value.isoformat()
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    if kind == "number" and isinstance(value, int | float) and not isinstance(value, bool) and _is_finite(value):
        return float(value)
    if kind == "truth" and isinstance(value, bool):
        return value
    if kind == "text" and isinstance(value, bool):
        return str(value).lower()
    if kind == "text" and isinstance(value, str | int | float):
        return _encodable(str(value), row, column)
    told = (
        f'is {_shown(row.values[column])}, not {WANTED[kind]}; to read on without it, give columns={{"{name}": None}}'
    )
    raise DataError(row.file, told, line=row.line, field=column)


def _from_text(value: str, kind: Kind) -> object:
    if kind == "truth":
        return TRUTHS.get(value.strip().lower(), value)
    if kind == "number":
        try:
            return float(value)
        except ValueError:
            return value
    return value


def _is_finite(number: float) -> bool:
    try:
        return math.isfinite(number)
    except OverflowError:  # an integer beyond all floats
        return False


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 200 else f"{text[:200]}…"


def _encodable(text: str, row: Row, column: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise DataError(row.file, f"is no valid Unicode text: {error.reason}", line=row.line, field=column) from error
    return text


def advise(wanted: str, columns: Sequence[str]) -> str:
    """`; did you mean 'x'? available: …` for a column that is not there, with what to do about it."""
    known = [name for name in NAMED_ELSEWHERE.get(wanted, ()) if name in columns]
    longer = [name for name in columns if wanted in name.lower()]
    close = difflib.get_close_matches(wanted, columns, n=1, cutoff=0.5)
    guess = next(iter(known + longer + close), None)
    listed = ", ".join(sorted(columns)[:LISTED]) + (
        f" and {len(columns) - LISTED} more" if len(columns) > LISTED else ""
    )
    asked = f"; did you mean {guess!r}?" if guess else ";"
    mended = f'; rename it, or give columns={{"{wanted}": "{guess or "NAME"}"}}'
    return f"{asked} available: {listed or 'none'}{mended}"
