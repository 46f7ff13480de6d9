"""What a command shows while it works: bars by stage, and for a run where every attempt went and what engines do.

On a terminal it is redrawn in place; elsewhere a plain line is printed from time to time. All of it goes to stderr.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Mapping
from types import TracebackType

from rich.console import Group, RenderableType
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.progress import Progress as RichProgress
from rich.table import Table
from rich.text import Text

from errata.ui import err, show_log
from pipeline.meter import Meter
from pipeline.stages import Progress
from pipeline.tally import Tally

WINDOW = 10.0
"""Seconds over which tokens per second are measured."""
PLAIN_EVERY = 30.0
"""Seconds between two plain lines where stderr is no terminal."""


class Bars(Progress):
    """Use as a context manager; an instance is the `progress` of the pipeline's functions."""

    def __init__(self) -> None:
        show_log("pipeline")
        self._bars = RichProgress(
            TextColumn("{task.description:<16}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("ETA"),
            TimeRemainingColumn(),
            console=err,
        )
        self._tasks: dict[str, TaskID] = {}
        self._tally: Tally | None = None
        self._meters: Mapping[str, Meter] = {}
        self._rates: dict[str, Rate] = {}
        self._told = time.monotonic()
        self._live = Live(get_renderable=self._draw, console=err, refresh_per_second=4, transient=False)

    def __call__(self, stage: str, done: int, total: int) -> None:
        if stage not in self._tasks:
            self._tasks[stage] = self._bars.add_task(stage, total=total)
        self._bars.update(self._tasks[stage], completed=done, total=total)
        if not err.is_terminal and time.monotonic() - self._told > PLAIN_EVERY:
            self._told = time.monotonic()
            counts = f"; {self._counts()}" if self._tally else ""
            err.print(f"{stage} {done:,}/{total:,}{counts}", markup=False)

    def watch(self, tally: Tally, meters: Mapping[str, Meter]) -> None:
        self._tally, self._meters = tally, meters
        self._rates = {name: Rate() for name in meters}

    def __enter__(self) -> Bars:
        if err.is_terminal:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if err.is_terminal:
            self._live.stop()

    def _draw(self) -> RenderableType:
        parts: list[RenderableType] = [self._bars]
        if self._tally is not None:
            parts.append(Text(self._counts()))
            parts.append(self._engines())
        return Group(*parts)

    def _counts(self) -> str:
        """Where the attempts went so far."""
        tally = self._tally
        assert tally is not None
        verdicts = " · ".join(f"{name} {count:,}" for name, count in sorted(tally.verdicts.items()))
        corrected, dropped = sum(tally.corrections.values()), sum(tally.dropped.values())
        return (
            f"attempts {tally.verdicts.total():,} ({verdicts or 'none yet'})   corrections {corrected:,}   "
            f"pairs {tally.kept:,} kept, {dropped:,} dropped"
        )

    def _engines(self) -> Table:
        table = Table(box=None, padding=(0, 2, 0, 0))
        for column in ("engine", "in flight", "requests", "retries", "texts", "cached", "tokens/s", "latency", "cost"):
            table.add_column(column, justify="left" if column == "engine" else "right")
        for name, meter in self._meters.items():
            served = bool(meter.requests)
            table.add_row(
                name,
                f"{meter.in_flight}/{meter.limit}" if served else "",
                f"{meter.requests:,}" if served else "",
                f"{meter.retries:,}" if served else "",
                f"{meter.completions:,}",
                f"{meter.from_cache:,}",
                f"{self._rates[name].of(meter.tokens):,.0f}",
                f"{meter.latency:.2f} s" if served else "",
                f"{meter.cost:,.4f}" if meter.cost else "",
            )
        return table


class Rate:
    """Growth a second of a count, over the last seconds."""

    def __init__(self) -> None:
        self._seen: deque[tuple[float, int]] = deque([(time.monotonic(), 0)])

    def of(self, count: int) -> float:
        """Take in the count now; return its growth."""
        now = time.monotonic()
        self._seen.append((now, count))
        while len(self._seen) > 2 and now - self._seen[0][0] > WINDOW:
            self._seen.popleft()
        then, before = self._seen[0]
        return (count - before) / (now - then) if now > then else 0.0
