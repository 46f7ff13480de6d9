"""A run as pandas DataFrames, for notebooks.

run = pipeline.load_run("runs/demo")
run.attempts.groupby("verdict").size()
run.pairs.query("kept")[["chosen", "rejected"]].head()
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.errors import DataError
from pipeline.store import scan_journal
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

    def frame(name: str, model: Any, spread: Any) -> pd.DataFrame:
        records = {record.id: record for _, record in scan_journal(folder / f"{name}.jsonl", model)}
        wanted = current.get(name)
        rows = [spread(record) for record in records.values() if wanted in (None, record.settings)]
        return pd.DataFrame(rows, columns=None if rows else list(model.model_fields))

    return Run(
        folder,
        summary,
        attempts=frame("attempts", Attempt, _spread_written),
        corrections=frame("corrections", Correction, _spread_written),
        pairs=frame("pairs", Pair, _spread_pair),
    )


def _spread_written(record: Attempt | Correction) -> dict[str, Any]:
    row = record.model_dump(exclude={"completion", "grade"})
    if record.completion is not None:
        made = record.completion
        row = {"text": made.text, "finish_reason": made.finish_reason, **made.usage.model_dump(), **row}
    if record.grade is not None:
        row |= record.grade.model_dump()
    return row


def _spread_pair(pair: Pair) -> dict[str, Any]:
    return pair.model_dump() | {"kept": pair.dropped_by is None, "dropped_by": pair.dropped_by}
