"""The demo's own report in a real browser, from its run to its pictures."""

from __future__ import annotations

import asyncio
import struct
from pathlib import Path
from typing import Any

import pytest

from errata.demo import story
from errata.evaluating import evaluate_run
from errata.training import train
from pipeline.run import build
from pipeline.stages import QUIET
from tests.errata.report.test_pairs_browser import COUNT, OPENED, choose, open_pair

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo on fewer problems: built, trained, evaluated and written."""
    folder = tmp_path_factory.mktemp("demo")
    settings = story.make_settings(folder, ["--problems.limit", "120", "--evaluate.problems.limit", "60"])
    story.write_problems(settings)
    asyncio.run(build(settings))
    train(settings, QUIET)
    assert evaluate_run(settings, QUIET).rewards is not None
    return story.write_report(settings)


@pytest.mark.parametrize(("width", "dark"), [(1280, False), (390, True)])
def test_a_reader_filters_the_demos_pairs_and_sees_what_training_credited(
    browser: Any, report: Path, width: int, dark: bool
) -> None:
    browser.open(report, width=width, dark=dark)
    assert browser.errors == []
    assert browser.addresses == [report.resolve().as_uri()]
    assert browser.run(f"document.documentElement.scrollWidth <= {width}")
    text = browser.run("document.body.innerText")
    for said in ("Did it work?", "Are the data clean?", "Where every attempt went", "Implicit rewards"):
        assert said in text
    whole = browser.run(COUNT)
    choose(browser, "facet=split", "validation")
    assert browser.run(COUNT) != whole
    open_pair(browser, 0)
    browser.run("[...document.querySelectorAll('button')].find(b => b.innerText === 'Token rewards').click()")
    assert "what training credited" in browser.run(f"{OPENED}.innerText")
    file = report.with_name(f"{width}.png")
    browser.screenshot(file, whole=False)
    assert struct.unpack(">II", file.read_bytes()[16:24])[0] >= width - 20
    browser.press("Escape")
