"""Tables that a reader can search, sort and narrow: the page's script writes their rows, some at a time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from errata.audit_tables import visible

Cell = str | tuple[str, float]
"""A text, or a number as it is shown and as it is sorted."""


@dataclass(frozen=True)
class Facet:
    """A choice between the values of one column."""

    column: str
    labels: Mapping[str, str]
    """The values in the order in which they are offered, with what they are called."""
    start: str | None = None
    """The value that is chosen at first; None for all."""


@dataclass(frozen=True)
class Table:
    """Rows under `columns`; a column whose cells are numbers is set to the right."""

    columns: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    facets: Sequence[Facet] = ()
    numbers: Sequence[str] = ()
    """Columns of numbers."""

    def as_json(self) -> dict[str, Any]:
        """What the page's script reads. Raises ValueError for a facet or number column that is not there."""
        columns = list(self.columns)
        facets = [
            {
                "column": columns.index(facet.column),
                "labels": [(visible(value), visible(label)) for value, label in facet.labels.items()],
                "start": facet.start,
            }
            for facet in self.facets
        ]
        numbers = [columns.index(name) for name in self.numbers]
        rows = [[visible(cell) if isinstance(cell, str) else cell for cell in row] for row in self.rows]
        return {"columns": columns, "rows": rows, "facets": facets, "numbers": numbers}
