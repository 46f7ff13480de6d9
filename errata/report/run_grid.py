"""Tables of numbers that a template writes: they need no script, and a phone shows them line by line."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from markupsafe import Markup

from errata.report.page import Section, templates


@dataclass(frozen=True)
class Bar:
    """A number with its share of something drawn before it."""

    share: float
    text: str


@dataclass(frozen=True)
class Grid:
    """Rows under `columns`; the first cell of a row names it."""

    columns: Sequence[str]
    rows: Sequence[Sequence[str | Bar]]
    numbers: Collection[str] = ()
    """Columns that are set to the right."""
    groups: Mapping[int, str] = field(default_factory=dict)
    """Headings, by the row before which they stand."""


def without_empty(grid: Grid) -> Grid:
    """The grid without the columns in which no row has anything."""
    kept = [n for n in range(len(grid.columns)) if any(row[n] != "" for row in grid.rows)]
    rows = [[row[n] for n in kept] for row in grid.rows]
    return Grid([grid.columns[n] for n in kept], rows, grid.numbers, grid.groups)


def fill(template: str, macro: str, *values: object) -> Markup:
    """A section's body: one macro of a template beside this file."""
    module: Any = templates().get_template(template).module
    filled: Markup = getattr(module, macro)(*values)
    return filled


def absent(id: str, title: str, label: str, what: str, command: str) -> Section:
    """A section without data: what is not there yet, and the command that makes it."""
    body = fill("run_parts.html.jinja", "missing", what, command)
    return Section(id, title, label, body, styles=("run.css",))
