"""What a target is: the kinds of rows that it takes, and how each of them is written down for it."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Literal

from pydantic import Field, ValidationError

from pipeline.errors import ConfigError
from pipeline.export import Shards
from pipeline.kinds import KINDS, Kind, Type
from pipeline.preferences import Form
from pipeline.settings import Settings, available, load_component, nearest

FileType = Literal["parquet", "jsonl"]
BYTES_PER_GROUP = 1 << 24


class TargetSettings(Settings, ABC):
    """Base of every target's settings."""

    kind: Kind = "pairs"
    """The kind of rows."""
    format: Form | None = None
    """Conversations or plain strings; as the data are, if not said."""
    max_completions: int | None = Field(default=None, ge=2)
    """Texts of a ranking at most."""

    takes: ClassVar[tuple[Kind, ...]] = KINDS
    """The kinds that the target's programs read."""
    files: ClassVar[FileType] = "parquet"
    texts_only: ClassVar[bool] = False
    """Whether texts and labels are all that is written."""

    @property
    def name(self) -> str:
        """The target's name."""
        name: str = self.to  # type: ignore[attr-defined]  # every target's Literal name
        return name

    def check(self) -> None:
        """Raises ConfigError for a kind that the target has no form for, and for options that do not go together."""
        if self.kind not in self.takes:
            others = [
                name for name in available("exports") if self.kind in load_component("exports", name).Settings.takes
            ]
            raise ConfigError(
                f"{self.name} has no form for {self.kind}; it takes {', '.join(self.takes)} "
                f"({self.kind}: {', '.join(others)})"
            )
        if self.max_completions is not None and self.kind != "rankings":
            raise ConfigError(f"max_completions is for rankings; {self.kind} have one or two texts a row")

    def objection(self, row: Mapping[str, Any]) -> str | None:
        """Why the target's programs would refuse a row, if they would; such rows are left out and counted."""
        return None

    def convert(self, row: dict[str, Any]) -> dict[str, Any]:
        """A row as it is written."""
        return row

    def companions(self, form: Form, splits: Mapping[str, int]) -> Mapping[str, str]:
        """Texts of further files, by name."""
        return {}

    @abstractmethod
    def usage(self, form: Form, splits: Mapping[str, int]) -> list[str]:
        """Lines of Markdown: how the folder is read."""


def make_target(name: str, **options: Any) -> TargetSettings:
    """The target of this name, checked. Raises ConfigError for an unknown one, or options that it does not take."""
    if name not in available("exports"):
        raise ConfigError(f"unknown target {name!r}{nearest(name, list(available('exports')))}")
    try:
        target: TargetSettings = load_component("exports", name).Settings(**options)
    except ValidationError as error:
        told = (f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors())
        raise ConfigError("; ".join(told)) from error
    target.check()
    return target


def schema(columns: Mapping[str, Type], form: Form) -> Any:
    """The Arrow schema of rows with these columns."""
    import pyarrow

    text, number = pyarrow.string(), pyarrow.float64()
    turns = pyarrow.list_(pyarrow.struct([("role", text), ("content", text)]))
    side = turns if form == "conversation" else text
    types = {
        **{"side": side, "sides": pyarrow.list_(side), "text": text, "texts": pyarrow.list_(text)},
        **{"number": number, "numbers": pyarrow.list_(number), "truth": pyarrow.bool_()},
        "ranks": pyarrow.list_(pyarrow.int64()),
    }
    return pyarrow.schema([(name, types[type]) for name, type in columns.items()])


class ParquetFile(Shards):
    """The Parquet shards of one split."""

    def __init__(self, folder: Path, columns: Mapping[str, Type], form: Form) -> None:
        super().__init__(folder, form)
        self.schema = schema(columns, form)
        self._bytes = 0

    def write(self, row: dict[str, Any], line: str) -> None:
        """Add a row; `line` is its JSON. Long texts make short row groups, so that few bytes wait in memory."""
        self.add(row)
        self._bytes = self._bytes + len(line) if self._buffer else 0
        if self._bytes > BYTES_PER_GROUP:
            self._flush()
            self._bytes = 0


class LineFile:
    """The JSONL file of one split."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.rows = folder, 0
        self._path = folder / f".{id(self):x}.jsonl"
        self._file = self._path.open("w", encoding="utf-8", newline="\n")

    def write(self, row: dict[str, Any], line: str) -> None:
        """Add a row, given as JSON too."""
        self._file.write(line + "\n")
        self.rows += 1

    def close(self, split: str) -> int:
        """Give the file its name; returns the number of rows."""
        self._file.close()
        self._path.rename(self.folder / f"{split}.jsonl")
        return self.rows


def head(
    files: FileType, splits: Mapping[str, int], content: str, columns: Mapping[str, Type] | None, form: Form
) -> str:
    """The YAML head of a data card: which files are which split, and the types of `columns`, where they are given.

    `datasets` reads the types of JSONL from its first block, and stumbles where a column is null up to there. It caches
    a folder by this head alone, hence the content's hash in it (see `pipeline.export`).
    """
    pattern = "-*.parquet" if files == "parquet" else ".jsonl"
    lines = ["---", "configs:", "- config_name: default", f"  description: content {content}", "  data_files:"]
    for split in splits:
        lines += [f"  - split: {split}", f"    path: {split}{pattern}"]
    if columns is not None:
        lines += ["dataset_info:", "  features:"]
        for name, type in columns.items():
            lines += [f"  - name: {name}", *_feature(type, form, "    ")]
    return "\n".join([*lines, "---"])


def _feature(type: Type, form: Form, indent: str) -> list[str]:
    """The type of a column as the hub's data cards have it."""
    if type == "side" and form == "conversation":
        turn = ("- name: role", "  dtype: string", "- name: content", "  dtype: string")
        return [f"{indent}list:", *(indent + line for line in turn)]
    if type == "sides" and form == "conversation":
        return [f"{indent}list:", *_feature("side", form, f"{indent}  ")]
    plain = {"side": "string", "text": "string", "number": "float64", "truth": "bool"}
    lists = {"sides": "string", "texts": "string", "numbers": "float64", "ranks": "int64"}
    return [f"{indent}dtype: {plain[type]}" if type in plain else f"{indent}list: {lists[type]}"]


def pretty(value: object) -> str:
    """JSON for people."""
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"
