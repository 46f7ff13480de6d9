"""A finished data set ──▶ a folder in another program's form, written whole or not at all."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from pipeline.errors import ConfigError, DataError
from pipeline.exports.base import LineFile, ParquetFile, TargetSettings, head
from pipeline.files import new_folder, write_file
from pipeline.kinds import CARRIED, Kind, columns, make_rows
from pipeline.preferences import Form, Preferences, open_preferences
from pipeline.printable import inert_markdown

RECORD = "export.json"
"""Written into every exported folder; a folder with it may be replaced."""
TITLES: Mapping[Kind, str] = {
    "pairs": "Preference pairs",
    "sft": "Chosen texts",
    "unpaired": "Labelled texts",
    "rankings": "Rankings",
}
Progress = Callable[[str, int, int], None]


class Exported(BaseModel):
    """`export.json`: what an export wrote, and what it left out."""

    to: str
    kind: Kind
    format: Form
    pairs: dict[str, int]
    """Pairs read, by split."""
    rows: dict[str, int]
    """Rows written, by split."""
    left_out: dict[str, int]
    """What was not written, by reason."""
    columns_left_out: list[str]
    """Columns of the pairs that the rows do not have."""
    content: str
    """Hash of all rows."""


def export_as(
    source: Path, out: Path, target: TargetSettings, *, overwrite: bool = False, progress: Progress | None = None
) -> Exported:
    """Write the pairs of `source` into the folder `out`, which is made new and moved into place.

    Raises ConfigError for an `out` that holds anything but an earlier export, unless `overwrite`; DataError for rows
    that cannot be read, or where nothing is left.
    """
    check_out(source, out, overwrite=overwrite)
    out = out.resolve()
    preferences = open_preferences(source, target.format)
    with new_folder(out) as fresh:
        exported = _write(preferences, fresh, target, progress)
        if not exported.rows:
            raise DataError(source, f"leaves nothing to write as {target.kind}: {_listed(exported.left_out)}")
        for name, text in target.companions(exported.format, exported.rows).items():
            write_file(fresh / name, text)
        write_file(fresh / "README.md", _card(source, target, exported, preferences))
        write_file(fresh / RECORD, exported.model_dump_json(indent=2) + "\n")
    return exported


def check_out(source: Path, out: Path, *, overwrite: bool, record: str = RECORD) -> None:
    """Raises ConfigError where something stands in the way that is no earlier output, which has a `record`."""
    real, read, here = out.resolve(), source.resolve(), Path.cwd()
    if real == here or real in here.parents:
        raise ConfigError(f"--out {out} is the folder that you work in, or above it; name another folder")
    if real == read or real in read.parents or real == read / "dataset":
        raise ConfigError(f"--out {out} would replace what is read; name another folder")
    if out.is_symlink() or (out.exists() and not out.is_dir()):
        raise ConfigError(f"--out {out} is no folder; name another one")
    if not overwrite and out.is_dir() and any(out.iterdir()) and not (out / record).is_file():
        raise ConfigError(
            f"--out {out} holds files that are no earlier output; name another folder, or give --overwrite"
        )


def _write(preferences: Preferences, folder: Path, target: TargetSettings, progress: Progress | None) -> Exported:
    left_out: Counter[str] = Counter()
    read: Counter[str] = Counter()
    content = hashlib.sha256()
    shape = columns(target.kind, preferences.columns)
    files: dict[str, ParquetFile | LineFile] = {}

    def counted() -> Any:
        for pair in preferences:
            read[pair.split] += 1
            if progress is not None and read.total() % 1000 == 0:
                progress("read", read.total(), preferences.rows)
            yield pair

    for split, row in make_rows(target.kind, counted(), folder, left_out, target.max_completions):
        if reason := target.objection(row):
            left_out[reason] += 1
            continue
        made = target.convert({name: row.get(name) for name in shape})
        line = json.dumps(made, ensure_ascii=False)
        content.update(f"{split}{line}".encode())
        if split not in files:
            parquet = target.files == "parquet"
            files[split] = ParquetFile(folder, shape, preferences.form) if parquet else LineFile(folder)
        files[split].write(made, line)
    if progress is not None:
        progress("read", preferences.rows, preferences.rows)
    carried = () if target.texts_only else CARRIED[target.kind]
    return Exported(
        to=target.name,
        kind=target.kind,
        format=preferences.form,
        pairs=dict(read),
        rows={split: file.close(split) for split, file in files.items()},
        left_out={reason: count for reason, count in (preferences.left_out + left_out).items() if count},
        columns_left_out=[name for name in preferences.columns if name not in carried] + list(preferences.unknown),
        content=content.hexdigest()[:16],
    )


def _card(source: Path, target: TargetSettings, exported: Exported, preferences: Preferences) -> str:
    """The data card: counts, how to read the folder, and what the card of the pairs says of their origin."""
    typed = target.files == "jsonl" and not target.texts_only
    shape = columns(target.kind, preferences.columns) if typed else None
    lines = [head(target.files, exported.rows, exported.content, shape, exported.format), ""]
    lines += [f"# {TITLES[exported.kind]} made by Errata", ""]
    lines += [f"- {split}: {count} rows" for split, count in exported.rows.items()]
    lines += [f"- left out: {count} {reason}" for reason, count in exported.left_out.items()]
    lines += ["", *target.usage(exported.format, exported.rows)]
    if origin := _origin(source):
        lines += ["", "## The pairs", "", *origin]
    return "\n".join(lines) + "\n"


def _origin(source: Path) -> list[str]:
    """The body of the card beside the pairs, if Errata wrote it; nothing in it acts, whoever has it from where."""
    folder = source.parent if source.is_file() else source
    for card in (folder / "dataset" / "README.md", folder / "README.md"):
        if card.is_file():
            text = card.read_text(encoding="utf-8", errors="replace")
            _, title, body = text.partition(f"# {TITLES['pairs']} made by Errata\n")
            return [inert_markdown(line) for line in body.strip().split("\n")] if title else []
    return []


def _listed(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count:,} {reason}" for reason, count in counts.items()) or "it holds no pair"
