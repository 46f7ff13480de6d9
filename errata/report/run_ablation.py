"""A grid of settings: every cell's accuracy with its interval, and what each value of each setting does."""

from __future__ import annotations

from typing import Any

from errata.ablation_effects import Effect, effects
from errata.audit_tables import visible
from errata.records import Ablation, Cell
from errata.report.figures import Series
from errata.report.page import Section
from errata.report.run_grid import Grid, fill
from errata.report.run_plots import mark_line, plot_forest, share_axis
from errata.report.run_wording import (
    count,
    counted,
    duration,
    percent_between,
    points,
    points_between,
    signed_number,
)
from errata.report.tables import Cell as TableCell
from errata.report.tables import Facet, Table
from errata.report.wording import p_text, percent

PLOTTED = 40
"""Cells that the figure shows, the best ones; the table has all."""


def ablation_section(found: Ablation) -> Section:
    """All of `ablation.json`."""
    title = "Ablation"
    if not found.cells:
        return Section("run-ablation", title, "Ablation", fill("run_ablation.html.jinja", "empty"))
    ranked = rank_cells(found)
    told = {
        "sentence": describe_ablation(found),
        "effects": [(axis, _effect_grid(axis, told, found)) for axis, told in effects(found).items()],
        "axes": ", ".join(varied_axes(found)),
        "cells": count(len(found.cells)),
        "plotted": count(PLOTTED) if len(found.cells) > PLOTTED else "",
    }
    figures = {"run-ablation-plot": plot_cells(ranked[:PLOTTED], found)}
    tables = {"run-ablation-table": _cell_table(ranked, found)}
    body = fill("run_ablation.html.jinja", "ablation", told)
    return Section("run-ablation", title, "Ablation", body, figures, tables, styles=("run.css",))


def rank_cells(found: Ablation) -> list[Cell]:
    """The best first; of equals, as they are listed."""
    return sorted(found.cells, key=lambda cell: -cell.accuracy)


def describe_ablation(found: Ablation) -> str:
    """The best cell, and whether it differs from the second best by more than the intervals leave open."""
    ranked = rank_cells(found)
    best = ranked[0]
    told = f"{counted(len(found.cells), 'cell')} over {' × '.join(found.axes)}, each asked the same "
    told += f"{counted(found.n, 'held-out problem')}. The best is {cell_name(best, found)}: {percent(best.accuracy)}, "
    told += f"where the student had {percent(found.before)}."
    close = sum(cell.interval[1] >= best.interval[0] for cell in ranked[1:])
    if len(ranked) > 1:
        told += f" The intervals of {count(close)} of the others overlap with its own."
    return told


def varied_axes(found: Ablation) -> list[str]:
    """The axes with several values; all of them where none has."""
    return [axis for axis, labels in found.axes.items() if len(labels) > 1] or list(found.axes)


def axis_name(axis: str, found: Ablation) -> str:
    """The last word of a dotted setting, where that tells it from the others."""
    last = axis.rpartition(".")[2]
    return last if sum(other.rpartition(".")[2] == last for other in found.axes) == 1 else axis


def cell_name(cell: Cell, found: Ablation) -> str:
    """The values of a cell, of the axes that vary."""
    return ", ".join(f"{axis_name(axis, found)} {cell.values[axis]}" for axis in varied_axes(found))


def plot_cells(cells: list[Cell], found: Ablation) -> dict[str, Any]:
    """Accuracy by cell, the student's own as a line."""
    values = {}
    for cell in cells:
        name = ", ".join(cell.values[axis] for axis in varied_axes(found))
        while name in values:
            name += " "
        values[name] = (cell.accuracy, *cell.interval)
    figure = plot_forest([Series("accuracy", "--series-2", "circle", values)], share_axis("held-out accuracy"))
    low, high = figure["layout"]["xaxis"]["range"]
    figure["layout"]["xaxis"]["range"] = [min(low, found.before - 0.03), max(high, found.before + 0.03)]
    figure["layout"]["shapes"] = [mark_line(x=found.before)]
    return figure


def _effect_grid(axis: str, told: list[Effect], found: Ablation) -> Grid:
    rows = []
    for effect in told:
        first = effect.label == found.axes[axis][0]
        spread = points_between((effect.lowest, effect.highest))
        cells = count(effect.cells)
        rows.append(
            [effect.label, percent(effect.accuracy), "compared with" if first else points(effect.mean)]
            + (["", ""] if first else [spread, cells])
        )
    columns = ["value", "mean accuracy", "against the first", "least to most", "pairs of cells"]
    return Grid(columns, rows, columns[1:])


def _cell_table(ranked: list[Cell], found: Ablation) -> Table:
    axes = list(found.axes)
    names = {axis: visible(axis_name(axis, found)) for axis in axes}
    columns = [*names.values(), "accuracy", "95% interval", "gain", "bounds", "p", "fixed", "broken", "pairs", "time"]
    rows: list[list[TableCell]] = []
    for cell in ranked:
        numbers: list[TableCell] = [
            (percent(cell.accuracy), cell.accuracy),
            (percent_between(cell.interval), cell.interval[0]),
            (signed_number(100 * cell.gain.value, 1), cell.gain.value),
            (points_between(cell.gain.interval), cell.gain.interval[0]),
            (p_text(cell.p_value), cell.p_value),
            (count(cell.fixed), float(cell.fixed)),
            (count(cell.broken), float(cell.broken)),
            (count(cell.pairs), float(cell.pairs)),
            (duration(cell.seconds), cell.seconds),
        ]
        rows.append([*(cell.values.get(axis, "") for axis in axes), *numbers])
    facets = [
        Facet(names[axis], {label: f"{names[axis]} {label}" for label in found.axes[axis]})
        for axis in varied_axes(found)
    ]
    return Table(columns, rows, facets, columns[len(axes) :])
