"""The tables of a preference data set: files, or splits of a saved one, each with its columns and number of rows."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from pipeline.data_folders import refuse_outside
from pipeline.errors import DataError
from pipeline.preference_json import read_json
from pipeline.rows import Row, read_rows, reading_parquet, refuse_pickles

SPLITS = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("validation", "valid", "val", "dev"), "validation"),
    **dict.fromkeys(("test", "testing", "eval", "evaluation"), "test"),
}
LINES = (".parquet", ".jsonl", ".ndjson", ".jsonl.gz")
KINDS = (LINES, (".csv",), (".json", ".json.gz"))
"""Endings of files; of a folder, the first kind is read that it has."""
NO_ROWS = ("export.json", "dataset_info.json", "dataset_infos.json")
"""What stands beside the rows in folders of data."""
ROWS_AT_ONCE = 256


@dataclass(frozen=True)
class Table:
    """Rows that stand together."""

    split: str
    name: str
    """What messages call it."""
    columns: tuple[str, ...]
    rows: int
    read: Callable[[Sequence[str]], Iterator[Row]]
    """Its rows, with these columns of it at least; a few hundred are in memory."""
    untyped: bool = False
    """Whether all cells are texts, and an empty one says nothing."""


def open_files(source: Path) -> tuple[list[Table], tuple[str, ...]]:
    """The tables of a run folder, a folder or a file, and the names of files left out; texts are read once here.

    Raises DataError where there is no file, or a malformed one.
    """
    paths = _find_files(source)
    left_out = for_others([path.name for path in paths])
    found = [_open_file(split_of(path.name), path) for path in paths if path.name not in left_out]
    return sorted(found, key=in_order), left_out


def _find_files(source: Path) -> list[Path]:
    if source.is_file():
        if not _ending(source):
            raise DataError(source, f"cannot be read; a file of pairs is one of {', '.join(sum(KINDS, ()))}")
        return [source]
    is_run = (source / "pairs.jsonl").is_file() or (source / "dataset").is_dir()
    for folder in (source / "dataset",) if is_run else (source, source / "data"):
        paths = sorted(path for path in folder.glob("*") if path.name[0] not in "._" and path.name not in NO_ROWS)
        for kind in KINDS:
            if found := [path for path in paths if _ending(path) in kind and path.is_file()]:
                for path in found:
                    refuse_outside(folder, str(path))
                return found
    if is_run:
        raise DataError(source, "is a run without a data set; finish it with `errata build`")
    what = "holds no .parquet, .jsonl, .csv or .json file" if source.is_dir() else "there is no such file or folder"
    advice = (
        "give a run's folder, a folder or file of preference pairs, or a data set of the hub: ORG/NAME or ORG/NAME@main"
    )
    raise DataError(source, f"{what}; {advice}")


def is_file_name(name: str) -> bool:
    """Whether a name ends as files of pairs do."""
    return bool(_ending(Path(name)))


def split_of(name: str) -> str:
    """The split that a name begins with; `train` where it names none."""
    return SPLITS.get(_words(name)[0], "train")


def in_order(table: Table) -> int:
    """The place of a table's split: train, validation, test."""
    return list(dict.fromkeys(SPLITS.values())).index(table.split)


def for_others(names: Sequence[str]) -> tuple[str, ...]:
    """Of tables, those that hold the rows of a split for another kind of training: `train_sft` beside `train_prefs`."""
    splits = {name: SPLITS[_words(name)[0]] for name in names if _words(name)[0] in SPLITS}
    made = [name for name in splits if _words(name)[1:2] and _words(name)[1].startswith("pref")]
    preferred = {splits[name] for name in made}
    return tuple(name for name, split in splits.items() if split in preferred and name not in made)


def _words(name: str) -> list[str]:
    return re.split("[^a-z]", name.lower())


def _open_file(split: str, path: Path) -> Table:
    ending = _ending(path)
    if ending == ".parquet":
        with reading_parquet(path), _parquet(path) as file:
            names, rows = tuple(file.schema_arrow.names), file.metadata.num_rows
        return Table(split, str(path), names, rows, partial(_read_parquet, path))
    read = partial(_read_lines if ending in (".jsonl", ".ndjson", ".csv") else read_json, path)
    found: dict[str, None] = {}
    count = 0
    for row in read(()):
        found |= dict.fromkeys(row.values)
        count += 1
    return Table(split, str(path), tuple(found), count, read, untyped=ending == ".csv")


def _ending(path: Path) -> str:
    name = path.name.lower()
    return max((ending for kind in KINDS for ending in kind if name.endswith(ending)), key=len, default="")


def _read_lines(path: Path, columns: Sequence[str]) -> Iterator[Row]:
    for row in read_rows(str(path)):
        if row.error is not None:
            raise DataError(row.file, row.error, line=row.line)
        yield row


def _read_parquet(path: Path, columns: Sequence[str]) -> Iterator[Row]:
    with reading_parquet(path), _parquet(path) as file:
        here = [name for name in columns if name in file.schema_arrow.names]
        number = 0
        for batch in file.iter_batches(batch_size=ROWS_AT_ONCE, columns=here):
            for values in batch.to_pylist():
                number += 1
                yield Row(str(path), number, values)
        if here and number != file.metadata.num_rows:
            raise DataError(path, f"says that it has {file.metadata.num_rows} rows, and has {number}")


def _parquet(path: Path) -> Any:
    import pyarrow.parquet

    file = pyarrow.parquet.ParquetFile(path)
    refuse_pickles(path, file.schema_arrow)
    return file
