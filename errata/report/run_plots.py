"""Figures that several sections of a run's page have: intervals in rows, curves, and distributions one below the other.

Colours are variables of the style sheet, and every name from the data is escaped for plotly.
"""

from __future__ import annotations

import math
import textwrap
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from errata.audit_tables import visible
from errata.report.figures import LABELLED, NAME, Series, as_label
from errata.report.run_wording import number, signed_number
from errata.report.wording import percent, shorten
from pipeline.measures.records import Interval

MODELS = ("--series-1", "--series-2", "--series-3", "--series-4", "--series-5", "--series-6")
SYMBOLS = ("circle-open", "circle", "diamond", "square", "triangle-up", "cross")


def precise(value: float, digits: int = 3) -> str:
    """A number with two digits behind the point, and more where it takes them for `digits` significant ones."""
    if not value:
        return number(value)
    if abs(value) < 1e-6:
        return f"{value:.{digits - 1}e}".replace("-", "−")
    return number(value, max(2, digits - 1 - math.floor(math.log10(abs(value)))))


def precise_between(interval: Interval, digits: int = 3) -> str:
    """Both ends of an interval."""
    return f"{precise(interval[0], digits)} to {precise(interval[1], digits)}"


@dataclass(frozen=True)
class Axis:
    """What an axis shows, and how its numbers are written."""

    title: str
    said: Callable[[float], str] = precise
    format: str = ""
    """plotly's tick format."""
    least: float = 0.0
    """Width of the axis where the data fill less."""
    within: tuple[float, float] | None = None
    """Where values can lie at all."""
    mark: float | None = None
    """A value at which a line is drawn: nothing has changed, or chance."""


def share_axis(title: str) -> Axis:
    """Of shares between 0 and 1."""
    return Axis(title, percent, ".0%", least=0.2, within=(0.0, 1.0))


def points_axis(title: str) -> Axis:
    """Of differences in points: 2 is a share of 0.02."""
    return Axis(f"{title}, points", lambda value: f"{signed_number(value, 1)} points", "+~f", least=10.0, mark=0.0)


@dataclass(frozen=True)
class Curve:
    """A line through points; `spread` are the ends of an interval at each."""

    name: str
    color: str
    x: Sequence[float]
    y: Sequence[float | None]
    dash: str = "solid"
    spread: Sequence[tuple[float, float]] = ()
    symbol: str = "circle"
    label: str | None = None
    """What the legend calls it, if not by its name; "" leaves it out."""


def pick(models: Sequence[str]) -> dict[str, tuple[str, str]]:
    """A colour and a symbol for each model; no two of 36 have both. The first is what the others are compared with."""
    styles = {}
    for place, model in enumerate(models):
        again = place // len(MODELS)
        styles[model] = (MODELS[place % len(MODELS)], SYMBOLS[(place + again) % len(SYMBOLS)])
    return styles


def plot_forest(series: Sequence[Series], axis: Axis) -> dict[str, Any]:
    """Intervals: a row a name, in it the series one below the other."""
    rows = list(dict.fromkeys(row for one in series for row in one.values))
    step = 0.64 / max(len(series), 2)
    traces = []
    for place, one in enumerate(series):
        shift = (place - (len(series) - 1) / 2) * step
        told = list(one.values.values())
        traces.append(
            {
                **{"type": "scatter", "mode": "markers", "name": as_label(shorten(one.name, LABELLED))},
                "x": [value for value, *_ in told],
                "y": [rows.index(row) + shift for row in one.values],
                "error_x": _error([(low, high) for _, low, high in told], [value for value, *_ in told], one.color),
                "marker": {
                    **{"color": one.color, "symbol": one.symbol, "size": 10},
                    "line": {"width": 2, "color": one.color},
                },
                "hovertext": [_hover(row, one.name, value, axis) for row, value in one.values.items()],
                "hoverinfo": "text",
            }
        )
    ends = [end for one in series for told in one.values.values() for end in told]
    shown = _range(ends, axis)
    return {
        "data": traces,
        "layout": {
            "height": (108 if len(series) > 1 else 76) + legend_room(len(series)) + (18 * len(series) + 20) * len(rows),
            "showlegend": len(series) > 1,
            "xaxis": {"range": shown, **_ticks(axis)},
            "yaxis": {
                "range": [len(rows) - 0.5, -0.5],
                "tickvals": list(range(len(rows))),
                "ticktext": [_wrapped(name) for name in rows],
                "showgrid": False,
            },
            "shapes": [] if axis.mark is None else [mark_line(x=axis.mark)],
        },
    }


def plot_curves(
    curves: Sequence[Curve], across: str, axis: Axis, *, height: int = 250, ticks: Mapping[float, str] | None = None
) -> dict[str, Any]:
    """Lines over `across`, each with its interval; a point that has no value is a gap."""
    traces = []
    for curve in curves:
        marker = {"color": curve.color, "symbol": curve.symbol, "size": 7 if curve.spread or len(curve.x) < 40 else 1}
        label = curve.name if curve.label is None else curve.label
        trace = {
            **{"type": "scatter", "mode": "lines+markers", "name": as_label(shorten(label, LABELLED))},
            "showlegend": label != "",
            **{"x": list(curve.x), "y": list(curve.y), "marker": marker},
            "line": {"color": curve.color, "width": 2, "dash": curve.dash},
            "hovertext": [
                f"<b>{as_label(shorten(curve.name, LABELLED))}</b>, {as_label(across)} {x:g}<br>{axis.said(y)}"
                if y is not None
                else ""
                for x, y in zip(curve.x, curve.y, strict=True)
            ],
            "hoverinfo": "text",
        }
        if curve.spread:
            values = [y for y in curve.y if y is not None]
            trace["error_y"] = _error(curve.spread, values, curve.color)
        traces.append(trace)
    entries = sum(curve.label != "" for curve in curves)
    ends = [y for curve in curves for y in curve.y if y is not None]
    ends += [end for curve in curves for pair in curve.spread for end in pair]
    xaxis: dict[str, Any] = {"title": {"text": as_label(across)}}
    if ticks is not None:
        xaxis |= {
            "tickvals": list(ticks),
            "ticktext": list(ticks.values()),
            "range": [min(ticks) - 0.5, max(ticks) + 0.5],
        }
    return {
        "data": traces,
        "layout": {
            "height": height + legend_room(entries),
            "showlegend": entries > 1,
            "xaxis": xaxis,
            "yaxis": {"range": _range(ends, axis), **_ticks(axis)},
            "shapes": [] if axis.mark is None else [mark_line(y=axis.mark)],
            "margin": {"l": 8, "r": 12, "t": 8, "b": 40},
        },
    }


def legend_room(entries: int) -> int:
    """Pixels that a figure grows by for a legend of so many entries, each in a line of its own on a phone."""
    return 20 * max(0, entries - 3)


def mark_line(x: float | None = None, y: float | None = None) -> dict[str, Any]:
    """A thin line across the figure at a value of one axis."""
    ends = {"x0": x, "x1": x, "y0": 0, "y1": 1, "yref": "paper"}
    if x is None:
        ends = {"x0": 0, "x1": 1, "xref": "paper", "y0": y, "y1": y}
    return {"type": "line", "layer": "below", **ends, "line": {"color": "--ink-soft", "width": 1, "dash": "dot"}}


def _ticks(axis: Axis) -> dict[str, Any]:
    """Title and ticks; none is written as 200µ."""
    return {"tickformat": axis.format, "exponentformat": "none", "title": {"text": as_label(axis.title)}}


def _wrapped(name: str) -> str:
    """A row's name in two lines at most."""
    lines = textwrap.wrap(visible(name[: 10 * NAME]), NAME) or [""]
    cut = [lines[0], f"{lines[1]}…"] if len(lines) > 2 else lines
    return "<br>".join(as_label(line) for line in cut)


def _hover(row: str, name: str, told: tuple[float, float, float], axis: Axis) -> str:
    value, low, high = map(axis.said, told)
    head = f"<b>{as_label(shorten(row, LABELLED))}</b>, {as_label(shorten(name, LABELLED))}"
    return f"{head}<br>{value} ({low} to {high})"


def _error(ends: Sequence[tuple[float, float]], values: Sequence[float], color: str) -> dict[str, Any]:
    pairs = list(zip(ends, values, strict=True))
    return {
        **{"type": "data", "symmetric": False, "color": color, "thickness": 2, "width": 4},
        "array": [max(0.0, high - value) for (_, high), value in pairs],
        "arrayminus": [max(0.0, value - low) for (low, _), value in pairs],
    }


def _range(ends: Sequence[float], axis: Axis) -> list[float]:
    """From the least to the largest with some room, as wide as the axis wants at least."""
    known = [*ends, *([] if axis.mark is None else [axis.mark])]
    low, high = min(known), max(known)
    if (short := axis.least - (high - low)) > 0:
        low, high = low - short / 2, high + short / 2
    room = 0.06 * (high - low) or 0.5
    low, high = low - room, high + room
    if axis.within is not None:
        low, high = max(low, axis.within[0] - 0.02), min(high, axis.within[1] + 0.02)
    return [low, high]
