"""Rows from a file, a folder or the hub, for the command line."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from trainer.errors import TrainingInputError


def read_rows(source: str, split: str = "train") -> Iterable[Mapping[str, Any]]:
    """Rows of a .jsonl file, or of whatever `datasets.load_dataset` takes: a folder, a Parquet or CSV file, a hub id.

    Raises TrainingInputError, naming file and line, for a line that is not a JSON object, and where `datasets` is not
    installed.
    """
    path = Path(source)
    if path.suffix in (".jsonl", ".json"):
        return _read_json_lines(path)
    try:
        import datasets
    except ImportError as error:
        raise TrainingInputError(
            f"{source}: reading this needs the package 'datasets'; a .jsonl file does not"
        ) from error
    if path.is_file():
        kind = {".parquet": "parquet", ".csv": "csv"}.get(path.suffix)
        if kind is None:
            raise TrainingInputError(f"{source}: unknown kind of file; give .jsonl, .parquet or .csv")
        return datasets.load_dataset(kind, data_files=source, split="train")  # type: ignore[no-any-return]
    return datasets.load_dataset(source, split=split)  # type: ignore[no-any-return]


def _read_json_lines(path: Path) -> list[Mapping[str, Any]]:
    if not path.is_file():
        raise TrainingInputError(f"{path}: there is no such file")
    rows: list[Mapping[str, Any]] = []
    for number, line in enumerate(path.read_text(encoding="utf-8").split("\n"), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except json.JSONDecodeError as error:
            raise TrainingInputError(f"{path}:{number}: not JSON: {error.msg} at column {error.colno}") from error
        if not isinstance(row, dict):
            raise TrainingInputError(f"{path}:{number}: a row must be an object, not {type(row).__name__}")
        rows.append(row)
    return rows
