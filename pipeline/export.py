"""pairs ──▶ dataset/: Parquet shards split by problem, and a data card."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from pipeline.config import ExportSettings
from pipeline.files import new_folder, write_file
from pipeline.placed import Placed
from pipeline.types import Message, Pair, content_id

COLUMNS = (
    *("id", "problem_id", "answer", "rejected_answer", "chosen_score", "rejected_score"),
    *("rung", "teacher", "gold_visible", "edit_ratio", "view", "confirms"),
)
OF_PROBLEM = ("topic", "pass_rate")
"""Columns that tell of the problem: its topic where the data have one, the student's share of right answers."""
ROWS_PER_SHARD = 100_000
ROWS_PER_GROUP = 5_000


def is_validation(problem_id: str, share: float) -> bool:
    """Split by the problem's id alone: all pairs of a problem fall on one side, and stay there when rows are added."""
    return int(content_id("split", problem_id), 16) < share * 16**16


def make_row(pair: Pair, format: str, *, topic: str | None, pass_rate: float) -> dict[str, Any]:
    """One row as TRL reads it, with its provenance."""
    row: dict[str, Any] = {}
    if format == "conversation":
        row["prompt"] = [message.model_dump() for message in pair.prompt]
        for side in ("chosen", "rejected"):
            row[side] = [{"role": "assistant", "content": getattr(pair, side)}]
    else:
        row["prompt"] = "\n\n".join(message.content for message in pair.prompt) + "\n"
        row["chosen"], row["rejected"] = pair.chosen, pair.rejected
    row |= {name: getattr(pair, name) for name in COLUMNS}
    return row | {"topic": topic, "pass_rate": pass_rate}


def export_pairs(
    pairs: Iterable[tuple[Pair, Placed]], folder: Path, settings: ExportSettings, card: Sequence[str]
) -> dict[str, int]:
    """Write the kept pairs; returns the rows of each split. The folder is made new and moved into place."""
    with new_folder(folder) as fresh:
        return _write(pairs, fresh, settings, card)


def _write(
    pairs: Iterable[tuple[Pair, Placed]], fresh: Path, settings: ExportSettings, card: Sequence[str]
) -> dict[str, int]:
    content = hashlib.sha256()
    shards = {split: Shards(fresh, settings.format) for split in ("train", "validation")}
    for pair, place in pairs:
        if pair.dropped_by is None:
            split = "validation" if is_validation(pair.problem_id, settings.validation_share) else "train"
            row = make_row(pair, settings.format, topic=place.topic, pass_rate=place.pass_rate)
            shards[split].add(row)
            content.update(f"{split}{json.dumps(row, ensure_ascii=False)}".encode())
    if not shards["train"].rows:  # a handful of pairs may all fall on one side
        shards["train"], shards["validation"] = shards["validation"], shards["train"]
    splits = {split: part.close(split) for split, part in shards.items() if part.rows}
    write_file(fresh / "README.md", _card(splits, card, content.hexdigest()[:16]))
    return splits


class Shards:
    """Parquet files of one split, written as the rows come."""

    def __init__(self, folder: Path, format: str) -> None:
        self.folder, self.schema, self.rows = folder, _schema(format), 0
        self._paths: list[Path] = []
        self._buffer: list[dict[str, Any]] = []
        self._writer: Any = None

    def add(self, row: dict[str, Any]) -> None:
        """Add one row."""
        if self.rows % ROWS_PER_SHARD == 0:
            self._end_shard()
        self._buffer.append(row)
        self.rows += 1
        if len(self._buffer) >= ROWS_PER_GROUP:
            self._flush()

    def close(self, split: str) -> int:
        """Write what is left and give the files their names; returns the number of rows."""
        self._end_shard()
        for number, path in enumerate(self._paths):
            path.rename(self.folder / f"{split}-{number:05d}-of-{len(self._paths):05d}.parquet")
        return self.rows

    def _flush(self) -> None:
        import pyarrow
        import pyarrow.parquet

        if self._writer is None:
            self._paths.append(self.folder / f".{id(self):x}-{len(self._paths)}.parquet")
            self._writer = pyarrow.parquet.ParquetWriter(self._paths[-1], self.schema)
        self._writer.write_table(pyarrow.Table.from_pylist(self._buffer, schema=self.schema))
        self._buffer = []

    def _end_shard(self) -> None:
        if self._buffer:
            self._flush()
        if self._writer is not None:
            self._writer.close()
            self._writer = None


def _schema(format: str) -> Any:
    import pyarrow

    text = pyarrow.string()
    turns = pyarrow.list_(pyarrow.struct([(name, text) for name in Message.model_fields]))
    sides = turns if format == "conversation" else text
    kinds = dict.fromkeys(("gold_visible", "confirms"), pyarrow.bool_())
    kinds |= dict.fromkeys(("edit_ratio", "chosen_score", "rejected_score", "pass_rate"), pyarrow.float64())
    fields = [(name, sides) for name in ("prompt", "chosen", "rejected")]
    return pyarrow.schema(fields + [(name, kinds.get(name, text)) for name in (*COLUMNS, *OF_PROBLEM)])


def _card(splits: dict[str, int], lines: Sequence[str], content: str) -> str:
    """A data card whose head tells `datasets` which files are which split.

    `load_dataset` caches a folder by this head alone, not by its files: without the content's hash in it, a data set
    that was built again would be loaded as it was before.
    """
    files = "\n".join(f"  - split: {split}\n    path: {split}-*.parquet" for split in splits)
    files = files or "  []"
    counts = "\n".join(f"- {split}: {count} pairs" for split, count in splits.items())
    body = "\n".join(lines)
    head = f"---\nconfigs:\n- config_name: default\n  description: content {content}\n  data_files:\n{files}\n---\n"
    return f"{head}\n# Preference pairs made by Errata\n\n{counts}\n{body}\n"
