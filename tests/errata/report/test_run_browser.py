"""A run's page in a real browser."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import pytest

from errata.report.run_contents import read_contents
from errata.report.run_page import write_run_page
from tests.errata.report.chromium import check_screen
from tests.errata.report.conftest import HOSTILE
from tests.errata.report.make_run import build_small, finish, make_ablation, make_evaluation, make_loop, make_round

pytestmark = pytest.mark.slow
SCREENS = [(1280, False), (1280, True), (390, False), (390, True)]
DRESS = " ".join(HOSTILE[:6]) + "\u202e\u2066" + "x" * 3000


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A loop of one round, with a grid beside it, in which every text is hostile."""
    made = tmp_path_factory.mktemp("browser")
    run = finish(build_small(made, DRESS, filters=[]))
    flip = {"problem_id": "p", "question": DRESS, "answer": DRESS, "before": DRESS, "after": DRESS}
    found = make_evaluation(examples={"fixed": [flip], "broken": []}, conclusion=DRESS)
    (run / "evaluation.json").write_text(found.model_dump_json())
    one = make_round(1, 0.5, run="run", student=DRESS, conclusion=DRESS)
    (made / "loop.json").write_text(make_loop(one, stopped=DRESS[:500]).model_dump_json())
    (made / "ablation.json").write_text(make_ablation().model_dump_json())
    return made


@pytest.fixture(scope="module")
def page(folder: Path) -> Path:
    write_run_page(folder / "page.html", read_contents(folder))
    return folder / "page.html"


@pytest.mark.parametrize(("width", "dark"), SCREENS)
def test_it_is_drawn_on_every_screen_and_fits_it(browser: Any, page: Path, width: int, dark: bool) -> None:
    check_screen(browser, page, width=width, dark=dark, figures=20)
    shown = browser.run("getComputedStyle(document.querySelector('.run-figure-wide')).display !== 'none'")
    assert shown == (width == 1280), "the diagram is for wide screens, the list for all"
    assert browser.run("document.querySelectorAll('.run-flow li').length") > 10
    browser.screenshot(page.with_name("shot.png"))
    assert struct.unpack(">II", page.with_name("shot.png").read_bytes()[16:24]) >= (width - 20, 800)


def test_nothing_stands_over_the_edge_of_its_box(browser: Any, page: Path) -> None:
    for width in (1280, 390):
        browser.open(page, width=width)
        over = "[...document.querySelectorAll('main > section > *')].filter(e => e.getBoundingClientRect().right > "
        assert browser.run(f"{over}{width}).length") == 0


def test_the_flow_is_drawn_with_every_count(browser: Any, page: Path) -> None:
    browser.open(page)
    labels = browser.run("[...document.querySelectorAll('.sankey-node .node-label')].map(e => e.textContent)")
    assert {"attempts 96", "mistakes 67", "repeated mistake 24", "revise 22", "pairs kept 29"} <= set(labels)


def test_suspicious_gold_answers_can_be_looked_through(browser: Any, page: Path) -> None:
    browser.open(page)
    table = "document.querySelector('[data-table=run-gold-table]')"
    browser.run(f"{table}.closest('details').open = true")
    rows = f"[...{table}.querySelectorAll('tbody tr')].map(row => row.innerText)"
    assert len(browser.run(rows)) == 14
    press = f"[...{table}.querySelectorAll('button')].find(b => b.innerText === 'gold looks wrong').click()"
    browser.run(press)
    told = browser.run(rows)
    assert len(told) == 7
    assert "2 of 3" in told[0], "the more agree, the earlier"
    search = f"{table}.querySelector('input')"
    browser.run(f"{search}.value = 'what is 18'; {search}.dispatchEvent(new Event('input'))")
    assert [row[:10] for row in browser.run(rows)] == ["What is 18"] * 2, "one for each of its mistakes"


@pytest.mark.parametrize("width", [1280, 390])
def test_hostile_text_does_nothing_but_stand_there(browser: Any, page: Path, width: int) -> None:
    browser.open(page, width=width)
    browser.run("document.querySelectorAll('main details').forEach(d => { d.open = true; })")
    browser.run(
        "document.querySelectorAll('.more').forEach(b => { for (let i = 0; i < 30 && !b.hidden; i++) b.click(); })"
    )
    browser.run("document.querySelectorAll('main details').forEach(d => { d.open = true; })")
    points = "[...document.querySelectorAll('[data-figure]')].filter(d => d.data[0].x).flatMap(d => d.data.map((t, i) => [d, i]))"  # noqa: E501
    browser.run(f"{points}.forEach(([d, i]) => Plotly.Fx.hover(d, [{{curveNumber: i, pointNumber: 0}}]))")
    browser.run("new Promise(done => setTimeout(done, 300))")
    assert browser.run("document.body.innerText.includes('<script>window.owned=1</script>')")
    assert browser.run("window.owned === undefined")
    assert browser.run("document.querySelectorAll('img, iframe').length") == 0
    assert (
        browser.run(r"/[\u202a-\u202e\u2066-\u2069\u2028\u2029\u0000\u001b]/.test(document.body.textContent)") is False
    )
    assert browser.run(f"document.documentElement.scrollWidth <= {width}")
    assert browser.errors == []
    assert browser.addresses == [page.resolve().as_uri()]


def test_dark_mode_paints_the_flow_anew(browser: Any, page: Path) -> None:
    color = "getComputedStyle(document.querySelector('.sankey-node .node-rect')).fill"
    browser.open(page)
    light = browser.run(color)
    browser.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": "dark"}])
    browser.run("new Promise(done => setTimeout(done, 500))")
    assert browser.run(color) != light
    assert browser.errors == []


def test_a_page_turned_from_a_phone_to_a_desk_shows_the_flow(browser: Any, page: Path) -> None:
    browser.open(page, width=390)
    browser.call("Emulation.setDeviceMetricsOverride", width=1280, height=900, deviceScaleFactor=1, mobile=False)
    browser.run("new Promise(done => setTimeout(done, 800))")
    box = json.loads(
        browser.run("JSON.stringify(document.querySelector('[data-figure=run-flow-plot] svg').getBoundingClientRect())")
    )
    assert box["width"] > 600
    assert browser.errors == []
