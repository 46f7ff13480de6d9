"""Rows from a file, a folder or the hub, for the command line."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from trainer.disk import find_refusal
from trainer.errors import TrainingInputError

Rows = Iterable[Mapping[str, Any]]


def read_rows(source: str, split: str = "train") -> Rows:
    """Rows of a .jsonl file, or of whatever `datasets.load_dataset` takes: a folder, a Parquet or CSV file, a hub id.

    Raises TrainingInputError, naming file and line, for a line that is not a JSON object; for what cannot be read; for
    a folder whose card or links lead out of it; and where `datasets` is not installed.
    """
    path = Path(source)
    if path.suffix in (".jsonl", ".json"):
        return _read_json_lines(path)
    if not path.exists() and (path.suffix or path.is_absolute() or source.startswith(".") or source.count("/") > 1):
        raise TrainingInputError(f"{source}: there is no such file or folder")
    kind = {".parquet": "parquet", ".csv": "csv"}.get(path.suffix)
    if path.is_file() and kind is None:
        raise TrainingInputError(f"{source}: unknown kind of file; give .jsonl, .parquet or .csv")
    try:
        import datasets
    except ImportError as error:
        raise TrainingInputError(
            f"{source}: reading this needs the package 'datasets'; a .jsonl file does not"
        ) from error

    def load() -> Iterator[Mapping[str, Any]]:
        if path.is_file():
            yield from datasets.load_dataset(kind, data_files=source, split="train")
            return
        if path.is_dir():
            _refuse_outside(path, datasets.load_dataset_builder(source).config.data_files or {})
        yield from datasets.load_dataset(source, split=split)

    return _tell_of(source, load())


def _tell_of(source: str, rows: Iterator[Mapping[str, Any]]) -> Rows:
    """Rows whose reading fails with TrainingInputError, whatever a library finds wrong with somebody's files."""
    try:
        return list(rows)
    except TrainingInputError:
        raise
    except Exception as error:
        if find_refusal(error) is not None:
            raise
        told = " ".join(str(error.__cause__ or error).split()) or type(error).__name__
        raise TrainingInputError(f"{source}: cannot be read: {told}") from error


def _refuse_outside(folder: Path, named: Mapping[str, Iterable[str]]) -> None:
    """The card of a folder may name any file or address as its data, and a link may lead to one."""
    root = folder.resolve()
    roots = [root, *([root.parent.parent / "blobs"] if root.parent.name == "snapshots" else [])]  # the hub's cache
    for file in (str(file) for files in named.values() for file in files):
        if "://" in file or not any(Path(file).resolve().is_relative_to(one) for one in roots):
            raise TrainingInputError(f"{folder}: names data that are not in it: {file}; give the file, if it is meant")


def _read_json_lines(path: Path) -> list[Mapping[str, Any]]:
    if not path.is_file():
        raise TrainingInputError(f"{path}: there is no such file")
    rows: list[Mapping[str, Any]] = []
    for number, line in enumerate(path.read_bytes().split(b"\n"), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line.decode("utf-8"))
            if b"\\ud" in line.lower():
                json.dumps(row, ensure_ascii=False).encode("utf-8")
        except json.JSONDecodeError as error:
            raise TrainingInputError(f"{path}:{number}: not JSON: {error.msg} at column {error.colno}") from error
        except UnicodeDecodeError as error:
            raise TrainingInputError(f"{path}:{number}: not UTF-8: {error.reason} at byte {error.start}") from error
        except UnicodeEncodeError as error:
            raise TrainingInputError(
                f"{path}:{number}: holds half a character, {error.object[error.start]!a}; write the whole one"
            ) from error
        except RecursionError as error:
            raise TrainingInputError(f"{path}:{number}: not JSON that can be read: it is nested too deeply") from error
        if not isinstance(row, dict):
            raise TrainingInputError(f"{path}:{number}: a row must be an object, not {type(row).__name__}")
        rows.append(row)
    return rows
