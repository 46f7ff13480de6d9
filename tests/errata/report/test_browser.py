"""The audit's page in a real browser."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import pytest
from markupsafe import Markup

from errata.report.audit_page import write_audit_page
from errata.report.page import Section, write_page
from errata.report.tables import Table
from pipeline.clean import Cleaned
from pipeline.shortcuts.records import Audit
from tests.errata.report.chromium import check_screen

pytestmark = pytest.mark.slow
SCREENS = [(1280, False), (1280, True), (390, False), (390, True)]


@pytest.fixture
def page(tmp_path: Path, before: Audit, after: Audit, cleaned: Cleaned) -> Path:
    """The page of a repair."""
    write_audit_page(tmp_path / "audit.html", after, title="runs/my-run", cleaned=cleaned, before=before)
    return tmp_path / "audit.html"


@pytest.mark.parametrize(("width", "dark"), SCREENS)
def test_it_is_drawn_on_every_screen_and_fits_it(browser: Any, page: Path, width: int, dark: bool) -> None:
    check_screen(browser, page, width=width, dark=dark, figures=5)
    for whole in (False, True):
        file = page.with_name(f"{whole}.png")
        browser.screenshot(file, whole=whole)
        assert struct.unpack(">II", file.read_bytes()[16:24]) >= (width - 20, 800)


def test_dark_mode_paints_the_figures_anew(browser: Any, page: Path) -> None:
    color = "getComputedStyle(document.querySelector('[data-figure] .xtick text')).fill"
    browser.open(page)
    light = browser.run(color)
    browser.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": "dark"}])
    browser.run("new Promise(done => setTimeout(done, 500))")
    assert browser.run(color) != light
    assert browser.errors == []


def test_a_reader_searches_narrows_and_sorts_the_features(browser: Any, page: Path) -> None:
    browser.open(page)
    table = "document.querySelector('[data-table=audit-feature-table]')"
    rows = f"[...{table}.querySelectorAll('tbody tr')].map(row => row.cells[0].innerText)"
    press = f"name => [...{table}.querySelectorAll('button')].filter(b => b.innerText === name).forEach(b => b.click())"
    assert browser.run(rows) == ["^ Let us see.", "let us"]
    browser.run(f"({press})('All')")
    assert len(browser.run(rows)) == 5
    browser.run(f"({press})('After')")
    assert browser.run(rows) == ["- ▒"]
    browser.run(f"({press})('Before')")
    browser.run(f"({press})('log-odds')")
    assert browser.run(rows) == ["^ Let us see.", "let us", "therefore", "- ▒"]
    browser.run(f"({press})('log-odds')")
    assert browser.run(rows)[0] == "- ▒"
    search = f"{table}.querySelector('input')"
    browser.run(f"{search}.value = 'THERE'; {search}.dispatchEvent(new Event('input'))")
    assert browser.run(rows) == ["therefore"]
    assert browser.run(f"{table}.querySelector('.count').innerText") == "1 of 1 shown, 5 in all"


def test_many_findings_are_shown_some_at_a_time(browser: Any, tmp_path: Path, before: Audit) -> None:
    many = before.leaks * 5_000
    audit = before.model_copy(update={"leaks": many, "leaks_by_rule": {"leak": 5_000}})
    write_audit_page(tmp_path / "audit.html", audit, title="many")
    browser.open(tmp_path / "audit.html")
    table = "document.querySelector('[data-table=audit-finding-table]')"
    assert browser.run(f"{table}.querySelector('.count').innerText") == "20 of 5,000 shown, 5,000 in all"
    browser.run(f"{table}.querySelector('.more').click()")
    assert browser.run(f"{table}.querySelectorAll('tbody tr').length") == 40


def test_a_figure_that_cannot_be_drawn_says_so_and_the_rest_stands(browser: Any, tmp_path: Path) -> None:
    good = {"data": [{"x": [1], "y": [1]}], "layout": {"xaxis": {}, "yaxis": {}}}
    body = Markup("<div data-figure=bad></div><div data-figure=good></div><div data-table=rows></div>")
    section = Section("a", "A", "A", body, {"bad": {"data": []}, "good": good}, {"rows": Table(("x",), [("here",)])})
    write_page(tmp_path / "page.html", "t", [section])
    browser.open(tmp_path / "page.html")
    assert browser.run("document.querySelector('[data-figure=bad]').innerText") == "This plot could not be drawn."
    assert browser.run("document.querySelectorAll('[data-figure=good] svg').length") > 0
    assert browser.run("document.querySelector('tbody').innerText") == "here"
    assert len(browser.errors) == 1


@pytest.mark.parametrize("width", [1280, 390])
def test_hostile_text_does_nothing_but_stand_there(browser: Any, tmp_path: Path, hostile: Audit, width: int) -> None:
    file = tmp_path / "audit.html"
    write_audit_page(file, hostile, title=hostile.grounds[:99], before=hostile)
    browser.open(file, width=width)
    browser.run("document.querySelectorAll('button').forEach(b => b.innerText.startsWith('All') && b.click())")
    browser.run("document.querySelectorAll('.more').forEach(b => { while (!b.hidden) b.click(); })")
    browser.run("document.querySelectorAll('details').forEach(d => { d.open = true; })")
    points = "[...document.querySelectorAll('[data-figure]')].flatMap(d => d.data.map((t, i) => [d, i, t.x.length]))"
    hover = f"{points}.map(([d, i, n]) => {{ Plotly.Fx.hover(d, [{{curveNumber: i, pointNumber: n - 1}}]); return d.querySelector('.hoverlayer').textContent; }})"  # noqa: E501
    labels = browser.run(hover)
    browser.run("new Promise(done => setTimeout(done, 300))")
    assert any("<script>window.owned=1</script>" in label for label in labels)
    assert browser.run("window.owned === undefined")
    assert browser.run("document.querySelectorAll('img, iframe, a:not(nav a)').length") == 0
    assert browser.run("document.querySelectorAll('script:not([type])').length") == 2
    assert (
        browser.run(r"/[\u202a-\u202e\u2066-\u2069\u2028\u2029\u0000\u001b]/.test(document.body.textContent)") is False
    )
    assert browser.run(f"document.documentElement.scrollWidth <= {width}")
    assert browser.errors == []
    assert browser.addresses == [file.resolve().as_uri()]
