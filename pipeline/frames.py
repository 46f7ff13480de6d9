"""A run as pandas DataFrames, for notebooks.

run = pipeline.load_run("runs/demo")
run.attempts.groupby("verdict").size()
run.pairs.query("kept")[["chosen", "rejected"]].head()
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.errors import DataError
from pipeline.journal import scan_journal
from pipeline.store import read_lines
from pipeline.types import Attempt, Correction, Pair

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Run:
    """The journals of a run. Each frame has one row a record, the nested ones spread out (`verdict`, `text`, …)."""

    path: Path
    summary: dict[str, Any]
    attempts: pd.DataFrame
    corrections: pd.DataFrame
    pairs: pd.DataFrame


def load_run(path: str | Path, *, stale: bool = False) -> Run:
    """Load a run's folder. Records of earlier settings are left out unless `stale`.

    Raises DataError when the folder is no run, or a journal has a broken line.
    """
    import pandas as pd

    folder = Path(path)
    if not (folder / "attempts.jsonl").is_file():
        raise DataError(folder, "is not the folder of a run (it has no attempts.jsonl)")
    told = folder / "summary.json"
    summary = json.loads(told.read_text(encoding="utf-8")) if told.is_file() else {}
    current = {} if stale else summary.get("settings", {})
    found = (told for told in read_lines(folder / "findings.jsonl") if told["action"] == "drop")
    left = {told["pair_id"]: told["rule"] for told in (*read_lines(folder / "selection.jsonl"), *found)}

    def frame(name: str, model: Any, spread: Any, *further: str) -> pd.DataFrame:
        records = {record.id: record for _, record in scan_journal(folder / f"{name}.jsonl", model)}
        wanted = current.get(name)
        rows = [spread(record) for record in records.values() if wanted in (None, record.settings)]
        return pd.DataFrame(rows, columns=None if rows else [*model.model_fields, *further])

    pairs = frame("pairs", Pair, lambda pair: _spread_pair(pair, left), "kept", "dropped_by")
    corrections = frame("corrections", Correction, _spread_written)
    if len(corrections):  # a try that won in an interrupted call may have been overtaken since
        corrections["won"] &= corrections.id.isin(pairs.correction_id)
    return Run(folder, summary, frame("attempts", Attempt, _spread_written), corrections, pairs)


def _spread_written(record: Attempt | Correction) -> dict[str, Any]:
    row = record.model_dump(exclude={"completion", "grade", "usage"})
    if record.completion is not None:
        made = record.completion
        usage = record.usage if isinstance(record, Correction) else made.usage
        row = {"text": made.text, "finish_reason": made.finish_reason, **usage.model_dump(), **row}
    if record.grade is not None:
        row |= record.grade.model_dump()
    return row


def _spread_pair(pair: Pair, left: Mapping[str, str]) -> dict[str, Any]:
    dropped_by = pair.dropped_by or left.get(pair.id)
    return pair.model_dump() | {"kept": dropped_by is None, "dropped_by": dropped_by}
