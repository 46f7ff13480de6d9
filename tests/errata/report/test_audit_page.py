"""The audit's page: every number is on it, and no text of a model is more than text."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from pathlib import Path

import pytest

from errata.report.audit_page import audit_sections, write_audit_page
from errata.report.page import render_page
from pipeline.clean import Cleaned
from pipeline.shortcuts.records import Audit


class Read(HTMLParser):
    """What a browser would make of a page: its elements and attributes, its text, the JSON of its scripts."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: set[str] = set()
        self.texts: list[str] = []
        self.data: list[object] = []
        self._script: str | None = None
        self.feed(page)
        self.close()
        self.text = " ".join(" ".join(self.texts).split())
        self.all = self.text + json.dumps(self.data, ensure_ascii=False)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes |= {name for name, _ in attrs}
        self._script = dict(attrs).get("type") or "own" if tag in ("script", "style") else None

    def handle_endtag(self, tag: str) -> None:
        self._script = None

    def handle_data(self, data: str) -> None:
        if self._script is None:
            self.texts.append(data)
        elif self._script == "application/json":
            self.data.append(json.loads(data))


def read(audit: Audit, **more: object) -> Read:
    return Read(render_page("A title", audit_sections(audit, **more)))  # type: ignore[arg-type]


def test_the_verdict_comes_first_with_its_grounds_and_what_to_do(before: Audit) -> None:
    text = read(before).text
    places = [
        text.index(part)
        for part in ("marker", "A few habits", "'Let us see.' (74%", "What to do:", "errata clean", "582")
    ]
    assert places == sorted(places)


def test_every_number_of_an_audit_is_on_its_page(before: Audit) -> None:
    page = read(before)
    texts = ["582", "316", "299 pairs", "187 shared", "1,234", "7.2%", "186", "The control has other prompts"]
    texts += ["74.2%", "432", "4.6e-78", "openers"]
    texts += ["81.2%", "70.4%", "+10.8%", "+6.8% to +14.8%", "0.012", "56.8%", "0.005", "+1.2%", "−1.1% to +3.3%"]
    texts += ["artefact 140 (the first 2 are listed)"]
    for number in texts:
        assert number in page.text, number
    for number in ("300 : 1", "2 : 3", "150 : 77", "2 : 211", "−4.44", "3.2e-45", "0.0012", "1,200–1,217", "0.876"):
        assert number in page.all, number
    assert "pair-17" in page.all
    assert "names the attempt" in page.all


def test_a_repair_shows_both_audits_and_its_certificate(before: Audit, after: Audit, cleaned: Cleaned) -> None:
    page = read(after, before=before, cleaned=cleaned)
    texts = ["571 of 582 pairs were kept", "strip 543, drop 11", "leak 4", "train 527", "not graded again"]
    texts += ["certificate: passed", "157", "150 of", "290", "histogram gradient boosting", "as many dropped at random"]
    texts += ["99.1%", "78.2%", "96.5%", "+21.3%", "+0.4%", "+18.8%", "−1.8% to +3.2%", "No marker is left"]
    texts += ["+10.8%", "+0.7%", "3 rows without an answer left out."]
    for number in texts:
        assert number in page.text, number


def test_an_audit_of_too_few_prompts_says_how_many_it_needs(before: Audit) -> None:
    update = {
        **{"verdict": "underpowered", "control": None, "probes": {}, "markers": (), "features": (), "leaks": ()},
        **{"leaks_by_rule": {}, "features_significant": {}, "prompts": 7, "prompts_needed": 1_352},
        "minimum_detectable_prevalence": None,
    }
    text = read(before.model_copy(update=update)).text
    for part in ("underpowered", "about 1,352 prompts; there are 7", "too few to find any phrase", "all numbers are"):
        assert part in text, part


def test_model_text_adds_no_element_no_attribute_and_no_invisible_character(before: Audit, hostile: Audit) -> None:
    calm, page = read(before), read(hostile)
    assert set(page.tags) <= set(calm.tags) | {"details", "b"}
    assert page.tags.count("script") == calm.tags.count("script")
    assert page.attributes == calm.attributes
    told = "".join(page.texts) + json.dumps(page.data, ensure_ascii=False)
    shown = set(told) - {"\n"}
    assert all(character.isprintable() for character in shown)
    assert "<script>window.owned=1</script>" in page.text
    assert "{{ 7 * 7 }}" in page.text


def test_a_long_text_is_folded_and_whole(hostile: Audit) -> None:
    page = read(hostile)
    assert "… all 100,000 characters" in page.text
    assert "x" * 100_000 in page.text


@pytest.mark.parametrize("title", ["runs/my-run", "<script>window.owned=1</script>\u202e\ud800"])
def test_the_page_is_one_file_without_an_address_to_load(tmp_path: Path, before: Audit, title: str) -> None:
    file = tmp_path / "audit.html"
    write_audit_page(file, before, title=title)
    page = Read(file.read_text(encoding="utf-8"))
    assert {"link", "img", "iframe", "base", "object"}.isdisjoint(page.tags)
    assert "src" not in page.attributes
    assert page.tags.count("h1") == 1
    assert title.replace("\u202e", "·").replace("\ud800", "·") in page.text
    assert file.stat().st_size < 6_000_000
