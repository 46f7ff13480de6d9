"""Rows of JSONL, CSV, Parquet or a `datasets` source, each with the file and line it stands in."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from pipeline.data_folders import load_folder
from pipeline.errors import DataError
from pipeline.settings import nearest

Value = object
"""A cell: text, number, list, or a nested mapping."""


class Row(NamedTuple):
    """One row; `error` is set, and `values` empty, where the line could not be read."""

    file: str
    line: int
    values: dict[str, Value]
    error: str | None = None


def read_rows(source: str, *, subset: str | None = None, split: str = "train") -> Iterator[Row]:
    """Yield the rows of a file, or of a `datasets` id or saved folder. Lines are counted from 1.

    Raises DataError when the source as a whole cannot be read; a single unreadable line comes as a Row with `error`.
    """
    path = Path(source)
    if path.is_file():
        match path.suffix.lower():
            case ".jsonl" | ".ndjson":
                yield from _read_jsonl(path)
            case ".csv":
                yield from _read_csv(path)
            case ".parquet":
                yield from _read_parquet(path)
            case other:
                raise DataError(path, f"cannot read files ending in {other!r}; use .jsonl, .csv or .parquet")
    elif path.is_dir():
        yield from _read_dataset(source, subset, split)
    elif path.suffix or path.is_absolute() or source.startswith("."):
        raise DataError(path, "there is no such file")
    else:
        yield from _read_dataset(source, subset, split)


def _read_jsonl(path: Path) -> Iterator[Row]:
    with path.open(encoding="utf-8", errors="strict") as lines:
        try:
            for number, line in enumerate(lines, start=1):
                if line.strip():
                    yield _parse_line(path, number, line)
        except UnicodeDecodeError as error:
            raise DataError(path, f"is not UTF-8 text: {error}") from error


def _parse_line(path: Path, number: int, line: str) -> Row:
    try:
        values = json.loads(line)
    except (ValueError, RecursionError) as error:
        return Row(str(path), number, {}, f"malformed JSON: {error}")
    if not isinstance(values, dict):
        return Row(str(path), number, {}, f"a row must be a JSON object, not {type(values).__name__}")
    return Row(str(path), number, values)


def _read_csv(path: Path) -> Iterator[Row]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file, strict=True)
        try:
            for values in reader:
                extra, short = values.pop(None, None), [key for key, value in values.items() if value is None]
                error = None
                if extra is not None:
                    error = f"has {len(extra)} cells more than the header"
                elif short:
                    error = f"has no cell for {', '.join(map(repr, short))}"
                yield Row(str(path), reader.line_num, {} if error else dict(values), error)
        except (csv.Error, UnicodeDecodeError) as error:
            raise DataError(path, f"is not a CSV file: {error}", line=reader.line_num) from error


def _read_parquet(path: Path) -> Iterator[Row]:
    import pyarrow.parquet

    with reading_parquet(path), pyarrow.parquet.ParquetFile(path) as file:
        refuse_pickles(path, file.schema_arrow)
        number = 0
        for batch in file.iter_batches():
            for values in batch.to_pylist():
                number += 1
                yield Row(str(path), number, values)


def refuse_pickles(path: Path, schema: Any) -> None:
    """Raises DataError for a Parquet file with pickled cells, which reading runs once Ray is imported."""
    for field in schema:
        if _is_pickled(field.type):
            raise DataError(path, "holds pickled objects, which are code; save plain values", field=field.name)


def _is_pickled(kind: Any) -> bool:
    import pyarrow

    if isinstance(kind, pyarrow.BaseExtensionType):
        return str(kind.extension_name).startswith("ray.") or _is_pickled(kind.storage_type)
    if pyarrow.types.is_dictionary(kind):
        return _is_pickled(kind.value_type)
    return any(_is_pickled(kind.field(number).type) for number in range(kind.num_fields))


@contextmanager
def reading_parquet(path: Path) -> Iterator[None]:
    """A DataError in place of what Arrow raises for a broken file: at its opening, in a page, in a text."""
    import pyarrow

    try:
        yield
    except (pyarrow.ArrowException, OSError, ValueError, OverflowError) as error:
        told = " ".join(str(error).split())
        raise DataError(path, f"is not a Parquet file that can be read: {told}") from error


def _read_dataset(source: str, subset: str | None, split: str) -> Iterator[Row]:
    import datasets

    folder = Path(source)
    try:
        rows = (
            load_folder(folder, subset, split)
            if folder.is_dir()
            else datasets.load_dataset(source, subset, split=split)
        )
    except DataError:
        raise
    except Exception as error:  # whatever is wrong with a folder of somebody's, or with a hub
        told = " ".join(str(error).split()) or type(error).__name__
        raise DataError(source, f"is neither a file nor a data set that can be loaded: {told}") from error
    for number, values in enumerate(rows, start=1):
        yield Row(f"{source}[{split}]", number, values)


def column(row: Row, name: str) -> Value:
    """The value of a column; dots reach into nested ones. Raises DataError naming the nearest columns."""
    if row.error is not None:
        raise DataError(row.file, row.error, line=row.line)
    if name in row.values:
        return row.values[name]
    value: Value = row.values
    for part in name.split("."):
        if not isinstance(value, dict) or part not in value:
            advice = nearest(name, list(row.values))
            raise DataError(row.file, f"no such column{advice}", line=row.line, field=name)
        value = value[part]
    return value
