"""The audit's figures, as plotly reads them. Colours are variables of the style sheet: dark mode has its own."""

from __future__ import annotations

import html
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from errata.audit_tables import visible
from errata.report.wording import bounds, family_name, log_odds, p_text, percent, ratio, shorten, signed
from pipeline.shortcuts.records import Audit, Feature, FeatureClass

NAME = 24
"""Characters of a row's name."""
LABELLED = 80
"""Characters of a feature that a label shows; the table has all."""
NAMED = 5
"""Features at one point of the plane that its label names."""
CLASSES: dict[FeatureClass, str] = {
    "artefact": "artefact",
    "unattributed": "cannot be attributed",
    "error_signal": "error signal",
}
"""Classes of features and what they are called."""


@dataclass(frozen=True)
class Series:
    """Intervals of the same thing in several rows: (value, lower end, upper end) by row."""

    name: str
    color: str
    symbol: str
    values: Mapping[str, tuple[float, float, float]]


def plot_intervals(series: Sequence[Series], *, bound: float, axis: str) -> dict[str, Any]:
    """A forest plot: a row a name, in it the series one below the other; the area up to `bound` is marked."""
    rows = list(dict.fromkeys(row for one in series for row in one.values))
    step = 0.6 / max(len(series), 2)
    traces = []
    for number, one in enumerate(series):
        shift = (number - (len(series) - 1) / 2) * step
        points = [(rows.index(row) + shift, *told) for row, told in one.values.items()]
        names = [f"<b>{as_label(shorten(family_name(row), LABELLED))}</b>, {as_label(one.name)}" for row in one.values]
        told = [f"{signed(value)} ({bounds((low, high))})" for value, low, high in one.values.values()]
        traces.append(
            {
                "type": "scatter",
                "mode": "markers",
                "name": as_label(one.name),
                "x": [value for _, value, _, _ in points],
                "y": [y for y, *_ in points],
                "error_x": {
                    "type": "data",
                    "symmetric": False,
                    "array": [high - value for _, value, _, high in points],
                    "arrayminus": [value - low for _, value, low, _ in points],
                    "color": one.color,
                    "thickness": 2,
                    "width": 5,
                },
                "marker": {
                    "color": one.color,
                    "symbol": one.symbol,
                    "size": 10,
                    "line": {"width": 2, "color": one.color},
                },
                "hovertext": [f"{name}<br>{text}" for name, text in zip(names, told, strict=True)],
                "hoverinfo": "text",
            }
        )
    ends = [end for one in series for _, low, high in one.values.values() for end in (low, high)]
    low, high = min([-0.02, *ends]), max([2 * bound, *ends])
    room = 0.05 * (high - low)
    return {
        "data": traces,
        "layout": {
            "height": (120 if len(series) > 1 else 80) + (20 * len(series) + 18) * len(rows),
            "xaxis": {"range": [low - room, high + room], "tickformat": ".0%", "title": {"text": axis}},
            "yaxis": _rows([family_name(row) for row in rows]),
            "shapes": [
                _box(low - room, bound, -0.5, len(rows) - 0.5, "--clean-soft"),
                _line((0, 0), (-0.5, len(rows) - 0.5), "--ink-soft", "solid"),
                _line((bound, bound), (-0.5, len(rows) - 0.5), "--clean", "dash"),
            ],
        },
    }


def plot_excess(audit: Audit, before: Audit | None, *, bound: float) -> dict[str, Any]:
    """The excess of every probe, with what is left of it without the markers."""
    series = []
    audits = [(audit, "", "--after")]
    if before is not None:
        audits = [(before, "before", "--before"), (audit, "after", "--after")]
    for one, when, color in audits:
        left = {
            family: (probe.residual, *probe.residual_ci95)
            for family, probe in one.probes.items()
            if probe.residual is not None and probe.residual_ci95 is not None
        }
        whole = {family: (probe.excess, *probe.ci95) for family, probe in one.probes.items()}
        series.append(Series(when or "as the data are", color, "circle", whole))
        if left:
            series.append(Series(f"{when}, without the markers".lstrip(", "), color, "circle-open", left))
    beyond = "the control" if audit.control else "chance"
    return plot_intervals([one for one in series if one.values], bound=bound, axis=f"accuracy beyond {beyond}")


def plot_accuracy(audit: Audit, before: Audit | None) -> dict[str, Any]:
    """How often the probes tell chosen from rejected: in the data, in the control, and in swapped data."""
    audits = [(audit, "", "--after")]
    if before is not None:
        audits = [(before, ", before", "--before"), (audit, ", after", "--after")]
    families = list(dict.fromkeys(family for one, *_ in audits for family in one.probes))
    traces = []
    ends = [0.5]
    for number, (one, when, color) in enumerate(audits):
        shift = (number - (len(audits) - 1) / 2) * 0.36
        rows = {family: families.index(family) + shift for family in one.probes}
        traces.append(_swapped(one, rows, named=not number))
        data = {family: probe.accuracy for family, probe in one.probes.items()}
        control = {family: probe.control for family, probe in one.probes.items() if probe.control is not None}
        if control:
            traces.append(_dots(f"control{when}", control, rows, color, "circle-open"))
        traces.append(_dots(f"data{when}", data, rows, color, "circle"))
        ends += [*data.values(), *control.values()]
    return {
        "data": traces,
        "layout": {
            "height": 120 + (20 + 22 * len(audits)) * len(families),
            "xaxis": {
                "range": [min(ends) - 0.03, 1.03],
                "tickformat": ".0%",
                "title": {"text": "accuracy, out of fold"},
            },
            "yaxis": _rows([family_name(family) for family in families]),
            "shapes": [_line((0.5, 0.5), (-0.5, len(families) - 0.5), "--ink-soft", "dot")],
        },
    }


def _swapped(audit: Audit, rows: Mapping[str, float], *, named: bool) -> dict[str, Any]:
    """Bars from chance to what the probes reach in 95% of draws where there is nothing to learn."""
    probes = audit.probes
    told = {
        family: f"{as_label(shorten(family_name(family), LABELLED))}<br>swapped: up to {percent(probes[family].null95)}"
        for family in rows
    }
    return {
        **{"type": "scatter", "mode": "lines", "name": "swapped data, 95% of draws", "showlegend": named},
        "x": [x for family in rows for x in (0.5, probes[family].null95, None)],
        "y": [y for row in rows.values() for y in (row, row, None)],
        "line": {"color": "--null", "width": 10},
        "hovertext": [text for text in told.values() for _ in range(3)],
        "hoverinfo": "text",
    }


def _dots(name: str, shares: Mapping[str, float], rows: Mapping[str, float], color: str, symbol: str) -> dict[str, Any]:
    return {
        **{"type": "scatter", "mode": "markers", "name": name},
        "x": list(shares.values()),
        "y": [rows[family] for family in shares],
        "marker": {"color": color, "symbol": symbol, "size": 11, "line": {"width": 2, "color": color}},
        "hovertext": [
            f"<b>{as_label(shorten(family_name(f), LABELLED))}</b>, {name}<br>{percent(share)}"
            for f, share in shares.items()
        ],
        "hoverinfo": "text",
    }


def plot_features(features: Sequence[Feature], reach: float) -> dict[str, Any]:
    """Log-odds in the data against those in the control, or against the number of prompts where there is no control.

    Features with the same votes are one larger point. `reach`: the largest log-odds that the axes show.
    """
    compared = any(feature.control_chosen is not None for feature in features)
    traces = []
    for name, title in CLASSES.items():
        points: dict[tuple[float, float], list[Feature]] = {}
        for feature in features:
            if feature.class_ == name:
                points.setdefault((_across(feature, compared=compared), feature.log_odds), []).append(feature)
        if points:
            traces.append(
                {
                    **{"type": "scatter", "mode": "markers", "name": title},
                    "x": [x for x, _ in points],
                    "y": [y for _, y in points],
                    "marker": {
                        "color": f"--{name.replace('_', '-')}",
                        "size": [min(28.0, 8 + 3 * math.sqrt(len(same) - 1)) for same in points.values()],
                        "opacity": 0.75,
                        "line": {"width": 1, "color": "--page"},
                    },
                    "hovertext": [_label(same) for same in points.values()],
                    "hoverinfo": "text",
                }
            )
    odds = _odds(reach)
    across: dict[str, Any] = {**odds, "title": {"text": "control, chosen : rejected"}}
    if not compared:
        ticks = [digit * 10**power for power in range(8) for digit in (1, 2, 5)]
        across = {"type": "log", "title": {"text": "prompts that differ in it"}}
        across |= {"tickvals": ticks, "ticktext": [f"{tick:,}" for tick in ticks], "tickangle": 0}
    return {
        "data": traces,
        "layout": {
            "height": 440,
            "showlegend": True,
            "xaxis": across,
            "yaxis": {**odds, "title": {"text": "data, chosen : rejected"}},
            "shapes": [
                _line((-reach, reach), (-reach, reach), "--ink-soft", "dot"),
                _line((-reach, reach), (0, 0), "--line", "solid"),
                _line((0, 0), (-reach, reach), "--line", "solid"),
            ]
            if compared
            else [],
        },
    }


def feature_reach(features: Sequence[Feature]) -> float:
    """The largest log-odds, in the data or in the control, with some room."""
    found = [abs(feature.log_odds) for feature in features]
    found += [
        abs(log_odds(f.control_chosen, f.control_rejected or 0)) for f in features if f.control_chosen is not None
    ]
    return 1.08 * max([math.log(10), *found])


def as_label(text: str) -> str:
    """A text that plotly shows as it is: it reads tags and entities in labels."""
    return html.escape(visible(text), quote=False)


def _across(feature: Feature, *, compared: bool) -> float:
    if compared:
        return log_odds(feature.control_chosen or 0, feature.control_rejected or 0)
    return float(feature.chosen + feature.rejected)


def _label(same: Sequence[Feature]) -> str:
    first = same[0]
    lines = [
        f"<b>{as_label(shorten(f.feature, LABELLED))}</b> ({as_label(shorten(f.kind, LABELLED))})" for f in same[:NAMED]
    ]
    if len(same) > NAMED:
        lines.append(f"and {len(same) - NAMED:,} more")
    lines.append(f"data {ratio(first.chosen, first.rejected)} prompts, q {p_text(first.q_value)}")
    if first.control_chosen is not None:
        lines.append(f"control {ratio(first.control_chosen, first.control_rejected or 0)} prompts")
    return "<br>".join(lines)


def _odds(reach: float) -> dict[str, Any]:
    """An axis of log-odds whose ticks are odds; none at the very ends, where two axes meet."""
    most = int(0.95 * reach / math.log(10))
    powers = range(1, most + 1, 1 if most < 3 else 2)
    ticks = {-math.log(10) * k: f"1:{10**k:,}" for k in reversed(powers)} | {0.0: "even"}
    ticks |= {math.log(10) * k: f"{10**k:,}:1" for k in powers}
    return {"range": [-reach, reach], "tickvals": list(ticks), "ticktext": list(ticks.values()), "tickangle": 0}


def _rows(names: Sequence[str]) -> dict[str, Any]:
    """A vertical axis with a name a row, the first on top."""
    return {
        "range": [len(names) - 0.5, -0.5],
        "tickvals": list(range(len(names))),
        "ticktext": [as_label(name if len(name) <= NAME else f"{name[:NAME]}…") for name in names],
        "showgrid": False,
    }


def _line(x: tuple[float, float], y: tuple[float, float], color: str, dash: str) -> dict[str, Any]:
    ends = {"x0": x[0], "x1": x[1], "y0": y[0], "y1": y[1]}
    return {"type": "line", "layer": "below", **ends, "line": {"color": color, "width": 1, "dash": dash}}


def _box(x0: float, x1: float, y0: float, y1: float, color: str) -> dict[str, Any]:
    ends = {"x0": x0, "x1": x1, "y0": y0, "y1": y1}
    return {"type": "rect", "layer": "below", **ends, "fillcolor": color, "line": {"width": 0}}
