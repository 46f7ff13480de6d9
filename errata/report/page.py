"""A page: sections, their figures and tables, and everything that these need, in one file.

What a model wrote cannot act on it. Text is escaped by the template or travels as JSON that scripts write as text, and
a content security policy allows the page's own scripts, by their hashes, and no address at all.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from errata.audit_tables import visible
from errata.report import wording
from errata.report.tables import Table
from pipeline.files import write_file

HERE = Path(__file__).parent
Figure = Mapping[str, Any]
"""`data` and `layout` as plotly has them; colours are names of the style sheet's variables, such as `--artefact`."""


@dataclass(frozen=True)
class Section:
    """A part of a page. Its body shows a figure in `<div data-figure="KEY">`, a table in `<div data-table="KEY">`."""

    id: str
    title: str
    label: str
    """The title in a word, for the list of sections."""
    body: Markup
    figures: Mapping[str, Figure] = field(default_factory=dict)
    tables: Mapping[str, Table] = field(default_factory=dict)
    data: Mapping[str, Any] = field(default_factory=dict)
    """JSON values for scripts, which read one with `errata.read(KEY)`."""
    scripts: Sequence[str] = ()
    """Names of files beside this one that run behind `page.js`, whose functions are in `errata`. A file that several
    sections name is there once."""
    styles: Sequence[str] = ()
    """Names of style sheets beside this one."""


@cache
def templates() -> Environment:
    """The templates beside this file. Every text that they insert is made visible and escaped."""
    environment = Environment(
        loader=FileSystemLoader(HERE),
        autoescape=True,
        finalize=_plain,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    named = (wording.percent, wording.signed, wording.bounds, wording.p_text, wording.family_name, visible)
    environment.filters.update({function.__name__: function for function in named})
    return environment


def _plain(value: object) -> object:
    return visible(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def render_page(title: str, sections: Sequence[Section], *, kicker: str | None = None) -> str:
    """The page; `kicker` is a line above the title. Raises ValueError where two parts have the same key."""
    keys = [section.id for section in sections]
    keys += [key for section in sections for key in (*section.figures, *section.tables, *section.data)]
    if twice := sorted({key for key in keys if keys.count(key) > 1}):
        raise ValueError(f"more than one part of the page is called {', '.join(twice)}")
    data = {key: figure for section in sections for key, figure in section.figures.items()}
    data |= {key: table.as_json() for section in sections for key, table in section.tables.items()}
    data |= {key: value for section in sections for key, value in section.data.items()}
    named = [name for section in sections for name in section.scripts]
    scripts = [_source(name) for name in dict.fromkeys(["page.js", *named])]
    styles = dict.fromkeys(["page.css", *(name for section in sections for name in section.styles)])
    if any(section.figures for section in sections):
        from plotly.offline import get_plotlyjs

        scripts.insert(0, get_plotlyjs())
    return (
        templates()
        .get_template("page.html.jinja")
        .render(
            title=title,
            kicker=kicker,
            sections=sections,
            style=Markup("".join(map(_source, styles))),  # noqa: S704 - ours
            scripts=[Markup(script) for script in scripts],  # noqa: S704 - ours and plotly's
            data={key: script_json(value) for key, value in data.items()},
            policy=_policy(scripts),
        )
    )


def write_page(file: Path, title: str, sections: Sequence[Section], *, kicker: str | None = None) -> None:
    """Write the page, whole or not at all."""
    write_file(file, render_page(title, sections, kicker=kicker))


def script_json(value: object) -> Markup:
    """JSON that may stand in a script element: nothing in it ends the element or a line, or is half a character.

    Raises ValueError for NaN and infinity.
    """
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return Markup(text.translate(_UNSAFE))  # noqa: S704 - nothing is left that HTML would read


_UNSAFE = {code: f"\\u{code:04x}" for code in (*map(ord, "<>&\u2028\u2029"), *range(0xD800, 0xE000))}


def _source(name: str) -> str:
    return (HERE / name).read_text(encoding="utf-8")


def _policy(scripts: Sequence[str]) -> str:
    hashes = (base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts)
    allowed = " ".join(f"'sha256-{digest}'" for digest in hashes)
    return (
        f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline'; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )
