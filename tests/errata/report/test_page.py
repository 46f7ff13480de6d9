"""The page around the sections: what it holds, and what it lets happen."""

from __future__ import annotations

import base64
import hashlib
import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import Markup

from errata.report.page import Section, render_page, script_json
from errata.report.tables import Table

ANY = st.text(st.characters(exclude_categories=()))


@given(st.recursive(ANY | st.integers() | st.none(), lambda inner: st.lists(inner) | st.dictionaries(ANY, inner)))
def test_json_in_a_script_says_the_same_and_cannot_end_it(value: object) -> None:
    text = script_json(value)
    assert not set(text) & set("<>&\u2028\u2029")
    text.encode()
    assert json.loads(text) == json.loads(json.dumps(value))


def test_json_is_never_what_a_browser_cannot_read() -> None:
    with pytest.raises(ValueError, match="JSON"):
        script_json({"x": float("nan")})


def test_two_parts_of_one_name_are_an_error() -> None:
    section = Section("a", "A", "A", Markup(), {}, {"a": Table(("x",), [])})
    with pytest.raises(ValueError, match="called a"):
        render_page("t", [section])


def test_the_policy_allows_the_scripts_of_the_page_and_no_address() -> None:
    figure = {"data": [], "layout": {"xaxis": {}, "yaxis": {}}}
    page = render_page("t", [Section("a", "A", "A", Markup(), {"f": figure})])
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', page)
    assert policy is not None
    told = policy[1].replace("&#39;", "'")
    scripts = re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
    assert len(scripts) == 2
    hashes = [base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts]
    assert "script-src " + " ".join(f"'sha256-{digest}'" for digest in hashes) + ";" in told
    assert told.startswith("default-src 'none'")
    assert "http" not in told


def test_a_page_without_figures_is_small() -> None:
    page = render_page("t", [Section("a", "A", "A", Markup("<p>Nothing.</p>"))])
    assert len(page) < 30_000
    assert "plotly.js v" not in page
