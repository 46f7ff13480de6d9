"""How long chosen and rejected texts are, beside the student's own right and wrong ones; who wrote the chosen ones."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from errata.report.page import Section
from errata.report.run_grid import Grid, absent, fill
from errata.report.run_reading import RunFiles
from errata.report.run_wording import count, number
from pipeline.control import CONTROL
from pipeline.filtering import whole
from pipeline.preferences import Preference, open_preferences

BINS = 60
DRAWN = 0.995
"""Quantile of all lengths up to which they are drawn."""
OVERLAP = 0.85
"""Height of the highest bar, in rows."""
COLORS = {
    "chosen": "--after",
    "rejected": "--before",
    "own right answers": "--series-3",
    "own wrong answers": "--series-5",
}


@dataclass(frozen=True)
class Lengths:
    """Characters of one kind of text."""

    n: int
    mean: float
    low: int
    """Of 10% of the texts at most."""
    median: int
    high: int
    """Of 90% of the texts at most."""
    longest: int


@dataclass
class Texts:
    """What was counted of the data set and of the control, text by text; no text is kept."""

    lengths: dict[str, array[int]] = field(default_factory=dict)
    writers: Counter[tuple[str, str, bool | None]] = field(default_factory=Counter)
    """Pairs of the data set by rung, teacher and whether its writer saw the gold answer."""

    def add(self, pair: Preference, chosen: str, rejected: str) -> None:
        """Count the two texts of a pair under these names."""
        for name, text in ((chosen, pair.chosen), (rejected, pair.rejected)):
            self.lengths.setdefault(name, array("q")).append(len(whole(text)))

    def measured(self) -> dict[str, Lengths]:
        """The distributions in numbers."""
        return {name: measure(lengths) for name, lengths in self.lengths.items()}


def read_texts(folder: Path) -> Texts:
    """One reading of the data set and one of the control. Raises DataError for files that cannot be read."""
    found = Texts()
    if any((folder / "dataset").glob("*.parquet")):
        for pair in open_preferences(folder / "dataset"):
            found.add(pair, "chosen", "rejected")
            rung, teacher, visible = (pair.values.get(name) for name in ("rung", "teacher", "gold_visible"))
            seen = None if visible is None else bool(visible)
            found.writers[str(rung or ""), str(teacher or ""), seen] += 1
    control = folder / CONTROL
    if control.is_file() and control.stat().st_size:
        for pair in open_preferences(control):
            found.add(pair, "own right answers", "own wrong answers")
    return found


def measure(lengths: Sequence[int]) -> Lengths:
    """The distribution of at least one length."""
    ordered = np.sort(np.asarray(lengths))
    low, median, high = (int(ordered[_place(share, len(ordered))]) for share in (0.1, 0.5, 0.9))
    return Lengths(len(ordered), float(ordered.mean()), low, median, high, int(ordered[-1]))


def _place(share: float, n: int) -> int:
    """Where in an ordered list of n a quantile stands."""
    return min(n - 1, int(share * n))


def lengths_section(run: RunFiles, texts: Texts) -> Section:
    """The distributions one below the other."""
    title = "How long the texts are"
    if "chosen" not in texts.lengths:
        return absent("run-lengths", title, "Lengths", "There is no data set yet.", run.command("build"))
    measured = texts.measured()
    figure, beyond = plot_lengths(texts.lengths, measured)
    rows = [
        [name, count(m.n), count(m.median), number(m.mean, 1), f"{count(m.low)} – {count(m.high)}", count(m.longest)]
        for name, m in measured.items()
    ]
    columns = ["texts", "number", "median", "mean", "10% – 90%", "longest"]
    grid = Grid(columns, rows, columns[1:])
    body = fill("run_texts.html.jinja", "lengths", describe_lengths(measured), grid, count(beyond) if beyond else "")
    return Section("run-lengths", title, "Lengths", body, {"run-lengths-plot": figure}, styles=("run.css",))


def describe_lengths(measured: Mapping[str, Lengths]) -> str:
    """Whether length alone might tell chosen from rejected, beyond what right and wrong do."""
    chosen, rejected = measured["chosen"], measured["rejected"]
    told = f"The median chosen text has {count(chosen.median)} characters, the median rejected one "
    told += f"{count(rejected.median)}: {_ratio(chosen, rejected)}."
    right, wrong = measured.get("own right answers"), measured.get("own wrong answers")
    if right is None or wrong is None:
        return f"{told} There is no control to say how much of that comes with right and wrong."
    told += f" The student's own right answers are {_ratio(right, wrong)} as its wrong ones."
    return f"{told} Where the two differ much, training teaches length."


def _ratio(first: Lengths, second: Lengths) -> str:
    return f"{number(first.median / max(1, second.median))} times as long"


def plot_lengths(lengths: Mapping[str, Sequence[int]], measured: Mapping[str, Lengths]) -> tuple[dict[str, Any], int]:
    """The distributions, and how many texts are longer than what is drawn."""
    everything = np.sort(np.concatenate([np.asarray(one) for one in lengths.values()]))
    most = max(int(everything[_place(DRAWN, len(everything))]), 1)
    width = max(1, -(-(most + 1) // BINS))
    bins = most // width + 1
    shares = {}
    for name, one in lengths.items():
        counts = np.bincount(np.asarray(one) // width, minlength=bins)[:bins]
        shares[name] = (counts / len(one)).tolist()
    top = max(share for bars in shares.values() for share in bars)
    traces: list[dict[str, Any]] = []
    for row, (name, bars) in enumerate(shares.items()):
        x = [edge * width for place in range(bins) for edge in (place, place + 1)]
        y = [row - OVERLAP * share / top for share in bars for _ in range(2)]
        color = COLORS[name]
        outline = {"x": [0, *x, bins * width, 0], "y": [row, *y, row, row]}
        traces.append(
            {
                **{"type": "scatter", "mode": "lines", "fill": "toself", "fillcolor": f"{color}-soft", **outline},
                **{"line": {"color": color, "width": 1.5}, "hoverinfo": "skip", "showlegend": False},
            }
        )
        middle = min(measured[name].median, most)
        traces.append(
            {
                **{"type": "scatter", "mode": "lines", "x": [middle, middle], "y": [row, row - OVERLAP]},
                **{"line": {"color": color, "width": 2, "dash": "dot"}, "showlegend": False, "hoverinfo": "text"},
                "hovertext": [f"<b>{name}</b><br>median {count(measured[name].median)} characters"] * 2,
            }
        )
    return {
        "data": traces,
        "layout": {
            "height": 80 + 78 * len(shares),
            "xaxis": {"range": [0, bins * width], "title": {"text": "characters"}},
            "yaxis": {
                "range": [len(shares) - 0.9, -1.0],
                "tickvals": [row - 0.3 for row in range(len(shares))],
                "ticktext": list(shares),
                "showgrid": False,
            },
        },
    }, int((everything >= bins * width).sum())
