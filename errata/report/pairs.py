"""The pairs browser: a list that is searched and narrowed, and what is known of each pair.

The list travels as plain JSON; texts and details are compressed, and opened by the page's scripts as they are needed.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from markupsafe import Markup

from errata.report.page import Section, templates
from errata.report.pairs_data import ShownPairs
from errata.report.pairs_pack import Chunks
from errata.report.pairs_run import read_run_pairs
from errata.report.pairs_view import Line, facet_values, make_details, make_line, make_texts

FACETS = {
    "rung": "Rung",
    "teacher": "Teacher",
    "view": "View",
    "split": "Split",
    "finding": "Finding",
    "grades": "Grades",
    "credit": "Token rewards",
    "dropped": "Dropped by",
}
SCRIPTS = ("pairs_chunks.js", "pairs_paint.js", "pairs_open.js", "pairs.js")
MOST_CHARACTERS = 14_000_000
"""Of compressed texts and details; with plotly and a page's other parts this stays below 25 MB."""


def pairs_section(run: Path, *, most: int = 5000) -> Section:
    """The pairs of a run, at most `most` of them. Raises DataError where the folder is no run."""
    return show_pairs(read_run_pairs(run, most))


def show_pairs(shown: ShownPairs, *, most_characters: int = MOST_CHARACTERS) -> Section:
    """The section. Pairs that would make the page too large are left out, and counted in its first lines."""
    chunks = Chunks(2, most_characters)
    made: list[tuple[int, Line]] = []
    for pair in shown.pairs:
        made.append((pair.number, make_line(pair)))
        chunks.add(make_texts(pair.pair), make_details(pair))
    chunks.close()
    placed = zip(made, chunks.places, strict=True)
    rows = sorted((number, line, place) for (number, line), place in placed if place is not None)
    lines = [line for _, line, _ in rows]
    texts, details = chunks.packed
    words = {"total": shown.total, "kept": shown.kept, "shown": len(lines), "room": len(lines) < len(made)}
    body = templates().get_template("pairs.html.jinja").module.pairs(**words)  # type: ignore[attr-defined]
    return Section(
        id="pairs",
        title="Pairs",
        label="Pairs",
        body=Markup(body),  # noqa: S704 - of the template
        data={
            "pairs-list": _columns(lines, [place for _, _, place in rows]),
            "pairs-texts": texts,
            "pairs-details": details,
        },
        scripts=SCRIPTS if lines else (),
        styles=("pairs.css",),
    )


def _columns(lines: Sequence[Line], places: Sequence[tuple[int, int]]) -> dict[str, Any]:
    """The list by columns; a facet's values are numbers of its labels."""
    facets = []
    for name in ("kept", *FACETS):
        values = facet_values(lines, name)
        number = {value: at for at, value in enumerate(values)}
        rows = [[number[value] for value in line.facets[name]] for line in lines]
        facets.append({"name": name, "label": FACETS.get(name, ""), "values": values, "rows": rows})
    columns: dict[str, Any] = {
        name: [getattr(line, name) for line in lines]
        for name in ("id", "question", "read", "edited", "longer", "margin")
    }
    return columns | {"places": places, "facets": facets}
