"""A finished preference data set, row by row: a run's `dataset/`, or any folder or file whose rows have its form.

A row has prompt, chosen and rejected, as conversations (lists of {role, content}) or as strings, and any of `COLUMNS`.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

from pipeline.errors import ConfigError, DataError
from pipeline.rows import Row, read_rows
from pipeline.settings import nearest
from pipeline.types import Message

Turns = list[dict[str, str]]
Side = str | Turns
Form = Literal["conversation", "text"]
Value = str | float | bool | None
Kind = Literal["text", "number", "truth"]

SIDES = ("prompt", "chosen", "rejected")
COLUMNS: Mapping[str, Kind] = {
    **dict.fromkeys(("id", "problem_id", "answer", "rejected_answer", "rung", "teacher", "view"), "text"),
    **dict.fromkeys(("edit_ratio", "chosen_score", "rejected_score", "weight", "margin"), "number"),
    **dict.fromkeys(("gold_visible", "confirms"), "truth"),
}
"""What a row may tell of itself, besides its texts."""
ROLES = get_args(Message.model_fields["role"].annotation)
SPLITS = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("validation", "valid", "val", "dev"), "validation"),
    **dict.fromkeys(("test", "testing", "eval", "evaluation"), "test"),
}
ROWS_AT_ONCE = 256


@dataclass(frozen=True, slots=True)
class Preference:
    """One pair: what was asked, the text to prefer and the text to avoid."""

    split: str
    prompt: Side
    chosen: Side
    rejected: Side
    values: Mapping[str, Value]
    """Of `COLUMNS`, those that the data set has."""


@dataclass
class Preferences:
    """An opened data set; iterating reads it once, a few hundred rows at a time."""

    files: list[tuple[str, Path]]
    """With the split of each, in order."""
    form: Form
    """What its pairs are given as."""
    columns: tuple[str, ...]
    """Of `COLUMNS`, those that it has."""
    unknown: tuple[str, ...]
    """Its columns that are not read."""
    rows: int
    left_out: Counter[str] = field(default_factory=Counter)
    """Rows that are no pair, by reason, of those that have been read."""

    def __iter__(self) -> Iterator[Preference]:
        for split, path in self.files:
            for row in _read(path, (*SIDES, *self.columns)):
                prompt, chosen, rejected = (self._side(row, name) for name in SIDES)
                if _is_empty(chosen) or _is_empty(rejected):
                    self.left_out["pairs with an empty text"] += 1
                elif chosen == rejected:
                    self.left_out["pairs with two equal texts"] += 1
                else:
                    values = {name: _value(row, name) for name in self.columns}
                    yield Preference(split, prompt, chosen, rejected, values)

    def _side(self, row: Row, name: str) -> Side:
        value = _present(row, name)
        if isinstance(value, str):
            if self.form == "conversation":
                raise DataError(row.file, "is a string, where others are conversations", line=row.line, field=name)
            side: Side = _encodable(value, row, name)
        else:
            turns = _turns(value, row, name)
            side = turns if self.form == "conversation" else as_text(turns, name == "prompt")
        if name == "prompt" and _is_empty(side):
            raise DataError(row.file, "is empty", line=row.line, field=name)
        return side


def open_preferences(source: Path, form: Form | None = None) -> Preferences:
    """Find the files of a run folder, a folder or a file, and what they hold; `form` asks for one of the two.

    Raises DataError for files, columns or lines that cannot be read, ConfigError where strings should become
    conversations.
    """
    files = _find_files(source)
    names: dict[str, None] = {}
    rows, first = 0, None
    for _, path in files:
        found, count = _columns(path)
        if count and (missing := [name for name in SIDES if name not in found]):
            advice = nearest(missing[0], list(found))
            raise DataError(path, f"no such column; a row needs {', '.join(SIDES)}{advice}", field=missing[0])
        names |= dict.fromkeys(found)
        rows += count
        first = first or (path if count else None)
    if first is None:
        raise DataError(source, "holds no row; see the run's summary.json for where its attempts went")
    given = _form(first)
    if (given, form) == ("text", "conversation"):
        raise ConfigError(f"{source}: its rows are plain strings, of which no conversation can be made; take text")
    known = tuple(name for name in COLUMNS if name in names)
    unknown = tuple(name for name in names if name not in SIDES and name not in COLUMNS)
    return Preferences(files, form or given, known, unknown, rows)


def as_text(turns: Turns, prompt: bool) -> str:
    """A conversation as a run's own data set has it in its form `text`: contents apart by an empty line, and a line
    break where the answer begins."""
    return "\n\n".join(turn["content"] for turn in turns) + ("\n" if prompt else "")


def _find_files(source: Path) -> list[tuple[str, Path]]:
    if source.is_file():
        if source.suffix not in (".parquet", ".jsonl"):
            raise DataError(source, "is neither .parquet nor .jsonl")
        return [(_split(source), source)]
    is_run = (source / "pairs.jsonl").is_file() or (source / "dataset").is_dir()
    for folder in (source / "dataset",) if is_run else (source, source / "data"):
        paths = sorted(p for p in folder.glob("*") if p.suffix in (".parquet", ".jsonl") and p.name[0] not in "._")
        if paths:
            order = list(dict.fromkeys(SPLITS.values()))
            return sorted(((_split(path), path) for path in paths), key=lambda found: order.index(found[0]))
    if is_run:
        raise DataError(source, "is a run without a data set; finish it with `errata build`")
    what = "holds no .parquet or .jsonl file" if source.is_dir() else "there is no such file or folder"
    raise DataError(source, f"{what}; give a run's folder, or a folder or file of preference pairs")


def _split(path: Path) -> str:
    """The split that a file's name begins with; `train` where it names none."""
    words = re.split("[^a-z]", path.stem.lower(), maxsplit=1)
    return SPLITS.get(words[0], "train")


def _columns(path: Path) -> tuple[Sequence[str], int]:
    """A file's columns and its number of rows."""
    if path.suffix == ".parquet":
        with _parquet(path) as file:
            return list(file.schema_arrow.names), file.metadata.num_rows
    names: dict[str, None] = {}
    count = 0
    for row in _read(path):
        names |= dict.fromkeys(row.values)
        count += 1
    return list(names), count


def _form(path: Path) -> Form:
    row = next(_read(path, ("prompt",)))
    return "text" if isinstance(_present(row, "prompt"), str) else "conversation"


def _read(path: Path, columns: Sequence[str] = ()) -> Iterator[Row]:
    if path.suffix == ".jsonl":
        for row in read_rows(str(path)):
            if row.error is not None:
                raise DataError(row.file, row.error, line=row.line)
            yield row
        return
    with _parquet(path) as file:
        here = [name for name in columns if name in file.schema_arrow.names]
        number = 0
        for batch in file.iter_batches(batch_size=ROWS_AT_ONCE, columns=here):
            for values in batch.to_pylist():
                number += 1
                yield Row(str(path), number, values)


def _parquet(path: Path) -> Any:
    import pyarrow
    import pyarrow.parquet

    try:
        return pyarrow.parquet.ParquetFile(path)
    except pyarrow.ArrowInvalid as error:
        raise DataError(path, f"is not a Parquet file: {error}") from error


def _present(row: Row, name: str) -> object:
    value = row.values.get(name)
    if value is None:
        raise DataError(row.file, "is missing", line=row.line, field=name)
    return value


def _turns(value: object, row: Row, name: str) -> Turns:
    turns: Turns = []
    for turn in value if isinstance(value, list) else [value]:
        role, content = (turn.get("role"), turn.get("content")) if isinstance(turn, dict) else (None, None)
        if not isinstance(turn, dict) or role not in ROLES or not isinstance(content, str):
            form = f"a string, or a list of {{role, content}} with role {', '.join(ROLES)}"
            raise DataError(row.file, f"is not {form}", line=row.line, field=name)
        if more := [key for key in turn if key not in ("role", "content") and turn[key] is not None]:
            raise DataError(row.file, f"a message has {more[0]!r}, which is not exported", line=row.line, field=name)
        turns.append({"role": str(role), "content": _encodable(content, row, name)})
    return turns


def _value(row: Row, name: str) -> Value:
    value, kind = row.values.get(name), COLUMNS[name]
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    if isinstance(value, int | float) and not isinstance(value, bool):
        if kind == "number" and math.isfinite(value):
            return float(value)
        value = str(value)
    if kind == "text" and isinstance(value, str):
        return _encodable(value, row, name)
    if kind == "truth" and isinstance(value, bool):
        return value
    wanted = {"number": "a number", "text": "a text", "truth": "true or false"}[kind]
    raise DataError(row.file, f"is {row.values[name]!r}, not {wanted}", line=row.line, field=name)


def _encodable(text: str, row: Row, name: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise DataError(row.file, f"is no valid Unicode text: {error.reason}", line=row.line, field=name) from error
    return text


def _is_empty(side: Side) -> bool:
    return not side.strip() if isinstance(side, str) else not any(turn["content"].strip() for turn in side)
