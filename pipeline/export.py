"""pairs ──▶ dataset/: Parquet shards split by problem, and a data card."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from pipeline.config import ExportSettings
from pipeline.store import write_file
from pipeline.types import Message, Pair, content_id

COLUMNS = ("id", "problem_id", "answer", "rejected_answer", "rung", "teacher", "gold_visible", "edit_ratio", "view")
ROWS_PER_SHARD = 100_000


def is_validation(problem_id: str, share: float) -> bool:
    """Split by the problem's id alone: all pairs of a problem fall on one side, and stay there when rows are added."""
    return int(content_id("split", problem_id), 16) < share * 16**16


def make_row(pair: Pair, format: str) -> dict[str, Any]:
    """One row as TRL reads it, with its provenance."""
    row: dict[str, Any] = {}
    if format == "conversation":
        row["prompt"] = [message.model_dump() for message in pair.prompt]
        for side in ("chosen", "rejected"):
            row[side] = [{"role": "assistant", "content": getattr(pair, side)}]
    else:
        row["prompt"] = "\n\n".join(message.content for message in pair.prompt) + "\n"
        row["chosen"], row["rejected"] = pair.chosen, pair.rejected
    return row | {name: getattr(pair, name) for name in COLUMNS}


def export_pairs(pairs: Iterable[Pair], folder: Path, settings: ExportSettings, card: Sequence[str]) -> dict[str, int]:
    """Write the kept pairs; returns the rows of each split. The folder is made new and moved into place."""
    rows: dict[str, list[dict[str, Any]]] = {"train": [], "validation": []}
    for pair in pairs:
        if pair.dropped_by is None:
            split = "validation" if is_validation(pair.problem_id, settings.validation_share) else "train"
            rows[split].append(make_row(pair, settings.format))
    if not rows["train"]:  # a handful of pairs may all fall on one side
        rows["train"], rows["validation"] = rows["validation"], []
    fresh = folder.with_name(f".{folder.name}.tmp")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(parents=True)
    splits = {split: len(part) for split, part in rows.items() if part}
    for split in splits:
        _write_shards(rows[split], fresh, split, settings.format)
    write_file(fresh / "README.md", _card(splits, card, content_id(rows)))
    old = folder.with_name(f".{folder.name}.old")
    shutil.rmtree(old, ignore_errors=True)
    if folder.exists():
        folder.rename(old)
    fresh.rename(folder)
    shutil.rmtree(old, ignore_errors=True)
    return splits


def _write_shards(rows: Sequence[dict[str, Any]], folder: Path, split: str, format: str) -> None:
    import pyarrow
    import pyarrow.parquet

    text = pyarrow.string()
    turns = pyarrow.list_(pyarrow.struct([(name, text) for name in Message.model_fields]))
    sides = turns if format == "conversation" else text
    kinds = {"gold_visible": pyarrow.bool_(), "edit_ratio": pyarrow.float64()}
    fields = [(name, sides) for name in ("prompt", "chosen", "rejected")]
    schema = pyarrow.schema(fields + [(name, kinds.get(name, text)) for name in COLUMNS])
    count = -(-len(rows) // ROWS_PER_SHARD)
    for shard in range(count):
        part = rows[shard * ROWS_PER_SHARD : (shard + 1) * ROWS_PER_SHARD]
        path = folder / f"{split}-{shard:05d}-of-{count:05d}.parquet"
        pyarrow.parquet.write_table(pyarrow.Table.from_pylist(list(part), schema=schema), path)


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
