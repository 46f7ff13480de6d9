"""The terminal: tables, and numbers as people write them. Results go to stdout, logs to stderr."""

from __future__ import annotations

import logging
import sys
from collections.abc import Mapping

from rich.console import Console
from rich.logging import RichHandler
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
    if any(use.requests or use.completions for use in summary.usage.values()):
        print_use(summary)


def print_use(summary: Summary) -> None:
    """The table of engines: what each wrote for the run, and what this call asked."""
    table = Table(title="What the engines did", title_justify="left")
    for column in ("engine", "texts", "tokens in", "tokens out", "cost", "from cache", "requests", "retries", "errors"):
        table.add_column(column, justify="left" if column in ("engine", "errors") else "right")
    for name, use in summary.usage.items():
        table.add_row(
            name,
            f"{use.completions:,}",
            f"{use.prompt_tokens:,}",
            f"{use.completion_tokens:,}",
            "" if use.cost is None else f"{use.cost:,.4f}",
            f"{use.from_cache:,}",
            f"{use.requests:,}",
            f"{use.retries:,}",
            _listed(use.errors),
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
