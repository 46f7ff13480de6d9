"""The terminal: progress bars, tables, and numbers as people write them. Progress goes to stderr, results to stdout."""

from __future__ import annotations

import logging
import sys
from collections.abc import Mapping
from types import TracebackType

from rich.console import Console
from rich.logging import RichHandler
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table

from pipeline.evaluate import Accuracy, Evaluation
from pipeline.summary import Summary

out = Console(highlight=False, soft_wrap=not sys.stdout.isatty())
err = Console(stderr=True, highlight=False)


def show_log(name: str) -> None:
    """Print what a package logs, from INFO on, above the progress bars."""
    logger = logging.getLogger(name)
    if not logger.handlers:
        logger.addHandler(RichHandler(console=err, show_time=False, show_path=False, show_level=False))
        logger.setLevel(logging.INFO)


class Bars:
    """One progress bar a stage, with elapsed and remaining time; an instance is a `pipeline.run.Progress`."""

    def __init__(self) -> None:
        self._progress = Progress(
            TextColumn("{task.description:<16}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("ETA"),
            TimeRemainingColumn(),
            console=err,
            disable=not err.is_terminal,
        )
        self._tasks: dict[str, TaskID] = {}

    def __call__(self, stage: str, done: int, total: int) -> None:
        if stage not in self._tasks:
            self._tasks[stage] = self._progress.add_task(stage, total=total)
        self._progress.update(self._tasks[stage], completed=done, total=total)

    def __enter__(self) -> Bars:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()


def print_summary(summary: Summary) -> None:
    """The table of counts: where every attempt went."""
    table = Table(title="Where every attempt went", title_justify="left")
    table.add_column("stage")
    table.add_column("count", justify="right")
    table.add_column("")
    rate = f"{summary.correct / summary.attempts:.0%} of attempts" if summary.attempts else ""
    left_out = {"bad rows": summary.bad_rows, "duplicates": summary.duplicates, "conflicting": summary.conflicting}
    table.add_row("problems", f"{summary.problems:,}", _listed(left_out))
    table.add_row("attempts", f"{summary.attempts:,}", "")
    table.add_row("  correct", f"{summary.correct:,}", rate)
    table.add_row("  wrong", f"{summary.wrong:,}", "each one a mistake to correct")
    table.add_row(
        "  unknown", f"{summary.unknown:,}", f"of them {summary.truncated} truncated" if summary.truncated else ""
    )
    if summary.failed:
        table.add_row("  failed", f"{summary.failed:,}", "requests without an answer; run again to retry")
    table.add_row("corrections", f"{sum(summary.corrections.values()):,}", _listed(summary.corrections))
    table.add_row("pairs kept", f"{summary.kept:,}", _listed(summary.splits))
    table.add_row("pairs dropped", f"{sum(summary.dropped.values()):,}", _listed(summary.dropped))
    table.add_row(
        "contamination", f"{summary.rejected_contamination:.1%}", "estimated right answers among the rejected"
    )
    out.print(table)


def _listed(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in counts.items() if count)


def print_evaluation(evaluation: Evaluation) -> None:
    """Accuracy before and after."""
    table = Table(title=f"{evaluation.n} held-out problems", title_justify="left")
    for column in ("", "greedy", "95% interval", "sampled", "unknown"):
        table.add_column(column, justify="left" if not column else "right")
    for name, a in (("before", evaluation.before), ("after", evaluation.after)):
        table.add_row(name, f"{a.accuracy:.1%}", _interval(a), _sampled(a), str(a.unknown))
    out.print(table)
    out.print(evaluation.conclusion)


def _interval(a: Accuracy) -> str:
    return f"{a.interval[0]:.1%} – {a.interval[1]:.1%}"


def _sampled(a: Accuracy) -> str:
    return "" if a.sampled_accuracy is None else f"{a.sampled_accuracy:.1%}"
