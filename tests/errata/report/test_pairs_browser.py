"""The pairs browser in a real browser: what a reader does, and what a text cannot do."""

from __future__ import annotations

import random
import struct
from pathlib import Path
from typing import Any

import pytest
from markupsafe import Markup

from errata.report.page import Section, write_page
from errata.report.pairs import pairs_section, show_pairs
from errata.report.pairs_data import ShownPair, ShownPairs
from errata.report.pairs_run import read_run_pairs
from pipeline.types import Correction, Finding, Grade, Message, Opinion, Pair
from tests.errata.report.runs import HOSTILE, make_credit, make_run

pytestmark = pytest.mark.slow
LINKS = "[...document.querySelectorAll('.rows a')]"
QUESTIONS = f"{LINKS}.map(link => link.querySelector('.question').innerText)"
COUNT = "document.querySelector('.pairs .count').innerText"
OPENED = "document.querySelector('#pair[open] .inside')"
SCREENS = [(1280, False), (1280, True), (390, False), (390, True)]


@pytest.fixture
def page(run: Path) -> Path:
    """A page with the pairs of a run."""
    write_page(run / "page.html", "runs/my-run", [pairs_section(run)])
    return run / "page.html"


def search(browser: Any, query: str) -> None:
    """Type into the search field and wait until it has been searched for."""
    field = "document.querySelector('.pairs input')"
    browser.run(f"errata.query = 0; {field}.value = {query!r}; {field}.dispatchEvent(new Event('input')); 0")
    browser.until("errata.query !== 0")


def choose(browser: Any, facet: str, value: str) -> None:
    """Choose the value of a filter, or an order."""
    select = f"document.querySelector('[data-{facet}]')"
    option = f"[...{select}.options].find(option => option.textContent.startsWith({value!r}))"
    browser.run(f"{select}.value = {option}.value; {select}.dispatchEvent(new Event('change')); 0")


def open_pair(browser: Any, number: int) -> None:
    """Open a pair of the list."""
    browser.run(f"{LINKS}[{number}].click()")
    browser.until(OPENED)


def close_pair(browser: Any) -> None:
    browser.press("Escape")
    browser.until(f"!{OPENED} && !location.hash.startsWith('#pair-')")


def test_a_reader_searches_narrows_and_orders_the_pairs(browser: Any, page: Path) -> None:
    browser.open(page)
    assert browser.run(COUNT) == "1–16 of 16, 40 in all"
    chips = "[...document.querySelectorAll('[data-kept]')].map(chip => chip.innerText)"
    assert browser.run(chips) == ["Kept 16", "Dropped 24", "All 40"]
    browser.run("document.querySelector('[data-kept=dropped]').click()")
    choose(browser, "facet=dropped", "leak (8)")
    assert len(browser.run(QUESTIONS)) == 8
    assert browser.run(chips) == ["Kept 0", "Dropped 8", "All 8"]
    choose(browser, "facet=rung", "revise")
    shown = browser.run(f"{LINKS}.map(link => link.innerText)")
    assert all("leak" in text and "revise" in text for text in shown)
    browser.run("[...document.querySelectorAll('.pairs button')].find(one => one.innerText === 'Clear').click()")
    assert browser.run(COUNT) == "1–16 of 16, 40 in all"
    search(browser, "QUESTION 23:")
    (found,) = browser.run(QUESTIONS)
    assert found.startswith("Question 23:")
    search(browser, "")
    choose(browser, "order", "Order: edit ratio, largest")
    edited = browser.run(f"{LINKS}.map(link => parseInt(link.innerText.match(/(\\d+)% edited/)[1]))")
    assert edited == sorted(edited, reverse=True)
    choose(browser, "order", "Order: reward margin, smallest")
    margins = browser.run(f"{LINKS}.map(link => (link.innerText.match(/margin (\\S+)/) || [])[1] ?? null)")
    assert [margin is None for margin in margins] == [False] * 6 + [True] * 10
    told = [float(margin.replace("−", "-")) for margin in margins[:6]]
    assert told == sorted(told)
    assert browser.errors == []


def test_every_text_of_a_pair_is_searched(browser: Any, page: Path, run: Path) -> None:
    browser.open(page)
    browser.run("document.querySelector('[data-kept=all]').click()")
    shown = next(shown for shown in read_run_pairs(run, 99).pairs if shown.number == 13)
    assert shown.pair.chosen is not None
    for text in (shown.pair.id, shown.pair.rejected.splitlines()[2], shown.pair.chosen.splitlines()[-1]):
        search(browser, text)
        assert any(question.startswith("Question 13:") for question in browser.run(QUESTIONS)), text
    search(browser, "is in none of them")
    assert browser.run(COUNT) == "None of 40"


def test_an_opened_pair_shows_its_texts_side_by_side_with_what_is_known_of_it(browser: Any, page: Path) -> None:
    browser.open(page)
    open_pair(browser, 0)
    text = browser.run(f"{OPENED}.innerText").casefold()
    for part in (
        "question 3:",
        "rejected",
        "wrong",
        "chosen",
        "correct",
        "checker: compared",
        "length_ratio",
        "graded",
    ):
        assert part in text, part
    assert browser.run("document.querySelector('.bar-line').innerText").split("\n")[1] == "1 of 16"
    left, right = browser.run("[...document.querySelectorAll('.pane')].map(pane => pane.getBoundingClientRect().x)")
    assert right > left + 300
    bodies = "[...document.querySelectorAll('.pane .body')].map(body => body.textContent)"
    whole = browser.run(bodies)
    kept = "[...document.querySelectorAll('.pane .body')].map(body => { const copy = body.cloneNode(true); copy.querySelectorAll('.gone, .new').forEach(mark => mark.remove()); return copy.textContent; })"  # noqa: E501
    assert len(set(whole)) == 2
    assert len(set(browser.run(kept))) == 1
    assert browser.run("document.querySelector('.pane .found').textContent") == whole[1][3:8]
    facts = "[...document.querySelectorAll('.provenance div')].map(row => row.firstChild.textContent)"
    assert {"Rung", "Teacher", "Gold visible", "Edit ratio", "Correction", "Prompt"} <= set(browser.run(facts))


def test_tokens_are_colored_by_what_training_credited(browser: Any, page: Path) -> None:
    browser.open(page)
    open_pair(browser, 0)
    body = "document.querySelectorAll('.pane .body')[1]"
    before = browser.run(f"{body}.textContent")
    for mode in ("credit", "before", "after"):
        browser.run(f"document.querySelector('[data-mode={mode}]').click()")
        assert browser.run(f"{body}.textContent") == before + "end"
        assert browser.run(f"{body}.querySelectorAll('.token').length") > 20
        assert browser.run("document.querySelectorAll('.changed').length") > 0
        assert "nats" in browser.run("document.querySelector('.legend').innerText")
        shaded = "[...document.querySelectorAll('.raised')].filter(one => one.style.getPropertyValue('--shade'))"
        assert (browser.run(f"{shaded}.length") > 5) == (mode == "credit")  # log-probs are not above zero
    browser.run("document.querySelector('[data-mode=credit]').click()")
    colors = f"new Set({shaded}.map(one => getComputedStyle(one).backgroundColor)).size"
    assert browser.run(colors) > 5
    browser.run(f"{body}.querySelector('.token').click()")
    tip = browser.run("document.querySelector('.tip').innerText")
    assert all(word in tip for word in ("reward", "before", "after"))
    browser.press("j", "k")
    browser.until(f"{OPENED} && document.querySelector('.bar-line').innerText.includes('1 of 16')")
    assert browser.run("document.querySelectorAll('.raised').length") > 5


def test_keys_move_open_and_close(browser: Any, page: Path) -> None:
    browser.open(page)
    place = "document.querySelector('.bar-line')?.innerText.split('\\n')[1]"
    browser.press("j", "j")
    assert browser.run(f"document.activeElement === {LINKS}[1]")
    browser.press("Enter")
    browser.until(f"{place} === '2 of 16'")
    browser.press("j")
    browser.until(f"{place} === '3 of 16'")
    browser.press("ArrowDown")
    browser.until(f"{place} === '4 of 16'")
    browser.press("k", "ArrowUp")
    browser.until(f"{place} === '2 of 16'")
    browser.press("j")
    browser.until(f"{place} === '3 of 16'")
    close_pair(browser)
    assert browser.run(f"document.activeElement === {LINKS}[2]")
    browser.press("/")
    assert browser.run("document.activeElement === document.querySelector('.pairs input')")
    browser.press("j", "k")
    browser.until("errata.query === 'jk'")
    assert not browser.run(OPENED)


def test_a_pair_has_an_address_and_going_back_closes_it(browser: Any, page: Path) -> None:
    browser.open(page)
    open_pair(browser, 4)
    address = browser.run("location.hash")
    browser.run("history.back()")
    browser.until(f"!{OPENED}")
    assert browser.run("location.hash") == ""
    browser.run("history.forward()")
    browser.until(OPENED)
    length = browser.run("history.length")
    browser.press("j")
    browser.until(f"location.hash !== {address!r}")
    assert browser.run("history.length") == length

    close_pair(browser)
    assert browser.run("location.hash") == ""


def test_closing_a_pair_that_a_link_opened_keeps_its_place_in_the_list(browser: Any, page: Path, run: Path) -> None:
    last = [shown.pair.id for shown in read_run_pairs(run, 99).pairs if shown.dropped_by is None][-1]
    browser.call("Page.navigate", url="about:blank")
    browser.call("Page.navigate", url=f"{page.resolve().as_uri()}#pair-{last}")
    browser.until(OPENED)
    close_pair(browser)
    browser.until("document.activeElement.matches('.rows a')")
    box = "document.activeElement.getBoundingClientRect()"
    browser.until(f"{box}.top >= 0 && {box}.bottom <= innerHeight")


def test_an_address_opens_a_pair_that_the_filters_leave_out(browser: Any, page: Path, run: Path) -> None:
    dropped = next(shown.pair.id for shown in read_run_pairs(run, 99).pairs if shown.dropped_by is not None)
    browser.call("Page.navigate", url="about:blank")
    browser.call("Page.navigate", url=f"{page.resolve().as_uri()}#pair-{dropped}")
    browser.until(OPENED)
    close_pair(browser)
    assert browser.run("location.hash") == "#pairs"
    assert browser.run(COUNT) == "1–20 of 40"
    for name, told in (("%E0%A4%A", "%E0%A4%A"), ("<b>nowhere", "<b>nowhere")):
        browser.run(f"location.hash = '#pair-{name}'")
        browser.until("!document.querySelector('.pairs .note').hidden")
        browser.until(f"document.querySelector('.pairs .note').innerText === 'Pair {told} is not on this page.'")
    assert not browser.run(OPENED)
    open_pair(browser, 0)
    assert browser.run("document.querySelector('.pairs .note').hidden")
    assert browser.errors == []


@pytest.mark.parametrize(("width", "dark"), SCREENS)
def test_list_and_pair_fit_every_screen(browser: Any, page: Path, width: int, dark: bool) -> None:
    browser.open(page, width=width, dark=dark)
    for what in ("list", "pair", "credit"):
        if what == "pair":
            open_pair(browser, 0)
        if what == "credit":
            browser.run("document.querySelector('[data-mode=credit]').click()")
        assert browser.run(f"document.documentElement.scrollWidth <= {width}")
        if what != "list":
            assert browser.run(f"{OPENED}.scrollWidth <= {OPENED}.clientWidth")
        browser.screenshot(page.with_name(f"{what}.png"), whole=False)
        assert struct.unpack(">II", page.with_name(f"{what}.png").read_bytes()[16:24])[0] >= width - 20
    ys = browser.run("[...document.querySelectorAll('.pane')].map(pane => pane.getBoundingClientRect().y)")
    assert (ys[0] == ys[1]) == (width > 600)
    assert browser.errors == []


def make_hostile() -> list[ShownPair]:
    """Pairs whose every text is hostile, with rewards."""
    rng = random.Random(0)
    shown = []
    for number, text in enumerate(HOSTILE):
        other = HOSTILE[number - 1]
        grade = Grade(
            verdict="wrong",
            extracted=text,
            reason=text,
            opinions=(Opinion(checker=text, verdict="wrong", reason=text),),
        )
        told = {"id": f"{text[:200]}{number}", "problem_id": text, "mistake_id": text, "settings": text}
        prompt = tuple(Message(role=role, content=text) for role in ("system", "user", "assistant", "user"))
        how = {"rung": text[:99], "teacher": text[:99], "correction_id": text, "gold_visible": True, "edit_ratio": 0.5}
        pair = Pair(**told, **how, prompt=prompt, rejected=text, chosen=other, answer=text, rejected_answer=text)
        found = Finding(rule=text[:99], action="flag", reason=text, span=(0, len(other)))
        tried = Correction(
            **{"id": text + "x", "problem_id": text, "mistake_id": text, "rung": text, "settings": text},
            **{"teacher": text, "gold_visible": True, "prompt_hash": text, "text": text, "completion": None},
            **{"grade": grade, "diagnosis": text},
        )
        credit = make_credit(pair, rng)
        shown.append(ShownPair(number, pair, None, (found,), text[:99], grade, grade, (tried,), text, credit))
    return shown


@pytest.mark.parametrize("width", [1280, 390])
def test_hostile_text_does_nothing_but_stand_there(browser: Any, tmp_path: Path, width: int) -> None:
    pairs = make_hostile()
    file = tmp_path / "page.html"
    write_page(file, "hostile", [show_pairs(ShownPairs(len(pairs), len(pairs), pairs))])
    browser.open(file, width=width)
    invisible = r"/[\u202a-\u202e\u2066-\u2069\u2028\u2029\u0000\u001b\ud800]/.test(document.body.textContent)"
    assert browser.run(f"{LINKS}.length") == len(pairs)
    for number in range(len(pairs)):
        open_pair(browser, number)
        for mode in ("diff", "credit", "before", "after"):
            browser.run(f"document.querySelector('[data-mode={mode}]').click()")
        browser.run("document.querySelectorAll('#pair details').forEach(one => { one.open = true; })")
        browser.run("document.querySelectorAll('#pair .more').forEach(one => one.click())")
        browser.run("document.querySelector('.pane .token')?.click()")
        text = pairs[number].pair.rejected
        shown = browser.run("document.querySelector('.pane .body').textContent")
        assert len(shown.encode("utf-16-le")) // 2 >= len(text)
        assert browser.run("document.querySelectorAll('img, iframe, #pair a, #pair script').length") == 0
        assert browser.run(invisible) is False
        assert browser.run(f"{OPENED}.scrollWidth <= {OPENED}.clientWidth"), text[:50]
        close_pair(browser)
    for query in ("<script>window.owned", "(((", "\\", "[a-", "${alert(1)}", "constructor", "xxxxxxxx"):
        search(browser, query)
    open_pair(browser, 0)
    assert browser.run("window.owned === undefined")
    assert browser.run(f"document.documentElement.scrollWidth <= {width}")
    assert browser.errors == []
    assert browser.addresses == [file.resolve().as_uri()]


def test_a_line_of_100_000_characters_is_folded_until_it_is_asked_for(browser: Any, tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", 5, texts=["a question", "word " * 20_000, "y" * 100_000])
    write_page(tmp_path / "page.html", "long", [pairs_section(run)])
    browser.open(tmp_path / "page.html")
    browser.run("document.querySelector('[data-kept=all]').click()")
    open_pair(browser, 3)
    length = "[...document.querySelectorAll('.pane .body')].map(body => body.textContent.length)"
    assert all(shown < 10_000 for shown in browser.run(length))
    browser.run("document.querySelectorAll('.pane .more').forEach(one => one.click())")
    assert sorted(browser.run(length)) in ([10, 100_000], [100_000, 100_000])


def test_thousands_of_pairs_stay_few_elements_and_one_file_of_bounded_size(browser: Any, tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", 5000, credited=266)
    figure = {"data": [{"x": [1], "y": [1]}], "layout": {"xaxis": {}, "yaxis": {}}}
    body = "<div data-figure='plot'></div>"
    plot = Section("plots", "Plots", "Plots", Markup(body), {"plot": figure})
    file = tmp_path / "page.html"
    write_page(file, "many", [plot, pairs_section(run)])
    assert file.stat().st_size <= 25_000_000
    browser.open(file)
    elements = "document.querySelectorAll('#pairs *').length"
    browser.run("document.querySelector('[data-kept=all]').click()")
    assert browser.run(COUNT) == "1–20 of 5,000"
    for facet, value in (("facet=rung", "revise"), ("facet=credit", "with token"), ("facet=finding", "length_ratio")):
        choose(browser, facet, value)
        assert browser.run(f"{LINKS}.length") == 20
        assert browser.run(elements) < 500
    search(browser, " pears ")
    open_pair(browser, 3)
    close_pair(browser)
    browser.run("[...document.querySelectorAll('.pairs button')].find(one => one.innerText === 'Next').click()")
    assert browser.run(COUNT).startswith("21–40 of ")
    assert browser.errors == []
    assert browser.addresses == [file.resolve().as_uri()]
