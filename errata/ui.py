"""The terminal: tables, and numbers as people write them. Results go to stdout, logs to stderr.

What a model, a data set or a server wrote steers no terminal: `Screen` writes escapes in place of control characters,
and takes no text in a table for markup.
"""

from __future__ import annotations

import logging
import sys
import warnings
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich.console import Console, ConsoleOptions, RenderableType
from rich.logging import RichHandler
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

from pipeline.compare import Comparison
from pipeline.forecast import Forecast
from pipeline.opinions import FalseNegativeRate
from pipeline.printable import printable, printable_json
from pipeline.probe import Probe
from pipeline.summary import Summary


class Screen(Console):
    """A console on which nothing acts but what we write ourselves.

    A text that is given to `print` by itself is ours and may hold markup, unless that is switched off; those in tables
    may not.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(highlight=False, markup=False, emoji=False, **options)

    def print(self, *objects: Any, markup: bool | None = None, **options: Any) -> None:
        """As rich has it."""
        ours = markup is not False
        shown = [Text.from_markup(one, emoji=False) if ours and isinstance(one, str) else one for one in objects]
        super().print(*shown, markup=False, **options)

    def render_str(self, text: str, **options: Any) -> Text:
        """A text of a table or of a line, measured as it is shown."""
        return super().render_str(printable(text), **options)

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """Whatever is shown goes through here."""
        for segment in super().render(renderable, options):
            if segment.control or segment.text == "\n":
                yield segment
            else:
                yield segment._replace(text=printable(segment.text))


FORMAT_WARNING = warnings.formatwarning
out = Screen(soft_wrap=not sys.stdout.isatty())
err = Screen(stderr=True)


def print_plain(line: str) -> None:
    """Print a plain line, whoever wrote what stands in it."""
    print(printable(line))


def print_json(text: str) -> None:
    """Print JSON: the same values, with escapes in place of characters that a terminal obeys."""
    print(printable_json(text))


class PlainRecord(logging.LogRecord):
    """A line of a log in which nothing acts, whichever package writes it, and through whichever handler."""

    def getMessage(self) -> str:
        """The text."""
        return printable(super().getMessage())


def plain_warning(*told: Any, **options: Any) -> str:
    """A warning as Python writes it, in which nothing acts."""
    return printable(FORMAT_WARNING(*told, **options))


# other packages print their logs and warnings themselves, and quote the files of models and data sets in them
logging.setLogRecordFactory(PlainRecord)
warnings.formatwarning = plain_warning


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
    left_out = {
        "bad rows": summary.bad_rows,
        "duplicates": summary.duplicates,
        "conflicting": summary.conflicting,
        "contaminated": summary.contaminated,
    }
    table.add_row("problems", f"{summary.problems:,}", listed(left_out))
    table.add_row("attempts", f"{summary.attempts:,}", "")
    table.add_row("  correct", f"{summary.correct:,}", rate)
    table.add_row("  wrong", f"{summary.wrong:,}", "each one a mistake to correct")
    table.add_row(
        "  unknown", f"{summary.unknown:,}", f"of them {summary.truncated} truncated" if summary.truncated else ""
    )
    if summary.failed:
        table.add_row("  failed", f"{summary.failed:,}", "requests without an answer; run again to retry")
    for first, told in summary.second_opinions.items():
        table.add_row(f"second opinion on {first}", f"{sum(told.values()):,}", listed(told))
    table.add_row("corrections", f"{sum(summary.corrections.values()):,}", listed(summary.corrections))
    if summary.objections:
        told = {name.replace("_", " "): count for name, count in summary.objections.items()}
        table.add_row("objections", f"{sum(told.values()):,}", f"{listed(told)}; each in objections.jsonl")
    if summary.repaired:
        table.add_row("malformed replies", f"{summary.repaired:,}", "asked for again")
    if len(summary.views) > 1:
        table.add_row("views", "", listed(summary.views))
    table.add_row("pairs kept", f"{summary.kept:,}", listed(summary.splits))
    table.add_row("pairs dropped", f"{sum(summary.dropped.values()):,}", listed(summary.dropped))
    if summary.audit is not None:
        table.add_row("audit", summary.audit, "of what else tells chosen from rejected; see audit.json, `errata audit`")
    table.add_row(
        "contamination", f"{summary.rejected_contamination:.1%}", "estimated right answers among the rejected"
    )
    if summary.false_negative_rate.source == "measured":
        table.add_row("false negatives", *describe_rate(summary.false_negative_rate))
    out.print(table)
    if any(use.requests or use.completions for use in summary.usage.values()):
        print_use(summary)


def describe_rate(rate: FalseNegativeRate) -> tuple[str, str]:
    """A measured false-negative rate, and what it was measured on."""
    low, high = rate.interval or (0.0, 1.0)
    return f"{rate.value:.1%}", f"({low:.1%} – {high:.1%}) of {rate.n:,} right answers called wrong at first"


def print_use(summary: Summary) -> None:
    """The table of engines: what each wrote for the run, and what this call asked; empty columns are left out."""
    rows = {
        name: {
            "texts": f"{use.completions:,}",
            "tokens in": f"{use.prompt_tokens:,}",
            "tokens out": f"{use.completion_tokens:,}",
            "cost": "" if use.cost is None else f"{use.cost:,.4f}",
            "from cache": f"{use.from_cache:,}" if use.from_cache else "",
            "requests": f"{use.requests:,}" if use.requests else "",
            "retries": f"{use.retries:,}" if use.retries else "",
            "errors": listed(use.errors),
        }
        for name, use in summary.usage.items()
    }
    table = Table(title="What the engines did", title_justify="left")
    table.add_column("engine")
    columns = [column for column in next(iter(rows.values())) if any(row[column] for row in rows.values())]
    for column in columns:
        table.add_column(column, justify="left" if column == "errors" else "right")
    for name, row in rows.items():
        table.add_row(name, *(row[column] for column in columns))
    out.print(table)


def listed(counts: Mapping[str, int]) -> str:
    """Counts above 0, by name."""
    return ", ".join(f"{name} {count:,}" for name, count in counts.items() if count)


def print_forecast(forecast: Forecast) -> None:
    """What a run will take."""
    title = f"{forecast.problems:,} problems, foreseen from {forecast.sampled} of them (95% intervals)"
    table = Table(title=title, title_justify="left")
    for column in ("engine", "texts", "in the cache", "tokens in", "tokens out", "cost", "time"):
        table.add_column(column, justify="left" if column == "engine" else "right")
    for name, engine in forecast.engines.items():
        low, high = engine.texts_range
        texts = f"{engine.texts:,}" if low == high else f"{engine.texts:,} ({low:,} – {high:,})"
        cost = ""
        if engine.cost is not None and engine.cost_range is not None:
            cost = f"{engine.cost:,.4g} ({engine.cost_range[0]:,.4g} – {engine.cost_range[1]:,.4g})"
        known = "" if engine.known is None else f"{engine.known:,}"
        row = (f"{engine.prompt_tokens:,}", f"{engine.completion_tokens:,}", cost, _duration(engine.seconds))
        table.add_row(name, texts, known, *row)
    out.print(table)
    out.print(f"About {_duration(forecast.seconds)} in all, since the stages overlap; cost {forecast.cost:,.4g}.")
    out.print(f"The sample cost {forecast.paid:,.4g} now; it is kept, and the run starts with it.")


def _duration(seconds: float | None) -> str:
    if seconds is None:
        return "unknown (the sample was in the cache)"
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def print_probes(probes: Sequence[Probe]) -> None:
    """What was found out about each endpoint."""
    table = Table(title="Endpoints", title_justify="left")
    for column in ("name", "model", "usable", "listed", "context", "latency", "cost of a call", "JSON schema", "n > 1"):
        table.add_column(column, overflow="fold")
    for probe in probes:
        table.add_row(
            probe.name,
            probe.model or probe.engine,
            "yes" if probe.usable else "NO",
            {True: "yes", False: "no", None: ""}[probe.listed],
            "" if probe.context_length is None else f"{probe.context_length:,}",
            "" if probe.latency is None else f"{probe.latency:.2f} s",
            "" if probe.cost is None else f"{probe.cost:.3g}",
            probe.note or probe.json_schema if probe.usable else "",
            "" if probe.note or not probe.usable else probe.many,
        )
    out.print(table)
    for probe in probes:
        if probe.error:
            out.print(f"{probe.name}: {probe.error}", style="red", markup=False)


def print_comparison(comparison: Comparison) -> None:
    """The teachers side by side."""
    title = f"{comparison.mistakes} mistakes in {comparison.problems} problems, rung {comparison.rung}"
    table = Table(title=title, title_justify="left")
    table.add_column("")
    for name in comparison.teachers:
        table.add_column(name, justify="right")
    results = list(comparison.teachers.values())
    shares = [f"{r.accepted} ({r.interval[0]:.0%} – {r.interval[1]:.0%})" for r in results]
    table.add_row("accepted", *shares)
    for label, field in (
        ("wrong", "wrong"),
        ("undecided", "unknown"),
        ("no solution", "refused"),
        ("“attempt is right”", "attempt_right"),
        ("“gold is wrong”", "gold_wrong"),
        ("failed", "failed"),
        ("tokens in", "prompt_tokens"),
        ("tokens out", "completion_tokens"),
    ):
        table.add_row(label, *(f"{getattr(r, field):,}" for r in results))
    for label, field, unit in (
        ("cost", "cost", ""),
        ("cost per accepted", "cost_per_accepted", ""),
        ("latency", "latency", " s"),
        ("length / mistake's", "length_ratio", ""),
        ("edit ratio", "edit_ratio", ""),
    ):
        values = [getattr(r, field) for r in results]
        table.add_row(label, *("" if value is None else f"{value:.3g}{unit}" for value in values))
    out.print(table)
    for name, result in comparison.teachers.items():
        if result.reasons:
            listed = "; ".join(f"{reason} ({count})" for reason, count in result.reasons.items())
            out.print(f"{name}, not accepted: {listed}", markup=False)
    out.print(f"Recommended: {comparison.recommended}. {comparison.grounds}.", markup=False)
