"""The pairs browser's data: what stands in the page, how large it is, and what a text can do there."""

from __future__ import annotations

import base64
import json
import re
import zlib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from errata.records import PairCredit, TextCredit
from errata.report.page import Section, render_page
from errata.report.pairs import pairs_section, show_pairs
from errata.report.pairs_data import ShownPair, ShownPairs
from errata.report.pairs_pack import Chunks
from errata.report.pairs_run import read_run_pairs
from errata.report.pairs_text import Units, readable
from errata.report.pairs_view import credit_fits, make_details, make_line, make_texts
from pipeline.types import Correction, Finding, Grade, Message, Pair

ANY = st.text(st.characters(exclude_categories=()))


def unpack(chunk: str) -> list[Any]:
    """The values of a chunk."""
    return list(json.loads(zlib.decompress(base64.b64decode(chunk))))


def make_pair(rejected: str, chosen: str | None = "right", **more: Any) -> Pair:
    finding = Finding(rule="uncorrected", action="drop", reason="nothing")
    told = {"id": "p", "problem_id": "q", "mistake_id": "m", "settings": "s", "answer": "6", "rejected_answer": "5"}
    prompt = (Message(role="user", content="how many?"),)
    findings = () if chosen is not None else (finding,)
    return Pair(**(told | more), prompt=prompt, rejected=rejected, chosen=chosen, findings=findings)


def make_text_credit(*ends: int) -> TextCredit:
    return TextCredit(ends=ends, before=(-1.0,) * len(ends), after=(-0.5,) * len(ends))


@given(ANY)
def test_places_in_a_text_are_those_of_javascript(text: str) -> None:
    units = Units(text)
    assert [units(place) for place in range(len(text) + 1)] == [
        len(text[:place].encode("utf-16-le", "surrogatepass")) // 2 for place in range(len(text) + 1)
    ]


@given(ANY)
def test_a_readable_text_keeps_its_length_and_shows_what_cannot_be_seen(text: str) -> None:
    shown = readable(text)
    assert len(shown) == len(text)
    assert shown.replace("\n", "").replace("\t", "").isprintable()
    assert all(a == b or b == "·" for a, b in zip(text, shown, strict=True))


@given(st.lists(st.tuples(ANY, st.lists(ANY)), max_size=200))
def test_chunks_hold_every_value_where_they_say(values: list[tuple[str, list[str]]]) -> None:
    chunks = Chunks(2, 10**9)
    for pair in values:
        chunks.add(*pair)
    chunks.close()
    opened = [[unpack(chunk) for chunk in packed] for packed in chunks.packed]
    assert len(chunks.places) == len(values)
    for place, value in zip(chunks.places, values, strict=True):
        assert place is not None
        found = [part[place[0]][place[1]] for part in opened]
        assert found == json.loads(json.dumps(value))
    assert chunks.size == sum(len(chunk) for packed in chunks.packed for chunk in packed)


def test_a_pair_in_the_list_says_what_it_was_and_what_became_of_it(run: Path) -> None:
    lines = [make_line(shown) for shown in sorted(read_run_pairs(run, 99).pairs, key=lambda shown: shown.number)]
    assert lines[0].facets["kept"] == ["dropped"]
    assert lines[0].facets["dropped"] == ["uncorrected"]
    assert lines[0].facets["grades"] == ["wrong → no text"]
    assert lines[0].longer is None
    kept = lines[3].facets
    assert [kept[name] for name in ("kept", "dropped", "finding")] == [["kept"], [], ["length_ratio"]]
    assert [kept[name] for name in ("rung", "view", "grades")] == [["gold_guided"], ["direct"], ["wrong → correct"]]
    assert kept["credit"] == ["with token rewards"]
    assert lines[3].margin is not None
    assert lines[1].margin is None


def test_the_margin_is_the_reward_of_chosen_less_that_of_rejected() -> None:
    credit = PairCredit(
        id="p",
        beta=0.2,
        chosen=TextCredit(ends=(2, 5, 5), before=(-1, -2, -3), after=(-0.5, -2, -3)),
        rejected=TextCredit(ends=(3, 5), before=(-1, -1), after=(-3, -0.5)),
    )
    shown = ShownPair(number=0, pair=make_pair("wrong", "right"), dropped_by=None, credit=credit)
    assert make_line(shown).margin == pytest.approx(0.2 * (0.5 - -1.5))


def test_tokens_without_a_character_count_with_the_next_and_end_marks_stay_apart() -> None:
    text = "a😀b"
    side = TextCredit(ends=(1, 1, 1, 2, 3, 3, 3), before=(-1, -2, -3, -4, -5, -6, -7), after=(0,) * 7)
    credit = PairCredit(id="p", beta=0.1, chosen=side, rejected=make_text_credit(5))
    shown = ShownPair(number=0, pair=make_pair("wrong", text), dropped_by=None, credit=credit)
    widths, before, _, counted = make_details(shown)["credit"][1]
    assert widths == [1, 2, 1, 0, 0]
    assert before == [-1, -9, -5, -6, -7]
    assert counted == [1, 3, 1, 1, 1]


@pytest.mark.parametrize(
    "side",
    [
        make_text_credit(4),
        make_text_credit(),
        make_text_credit(4, 3, 5),
        TextCredit(ends=(5,), before=(), after=(-1.0,)),
    ],
)
def test_rewards_of_another_text_are_not_shown_but_told(side: TextCredit) -> None:
    credit = PairCredit(id="p", beta=0.1, chosen=side, rejected=make_text_credit(5))
    shown = ShownPair(number=0, pair=make_pair("wrong", "right"), dropped_by=None, credit=credit)
    assert not credit_fits(shown)
    assert make_line(shown).margin is None
    details = make_details(shown)
    assert details["credit"] is None
    assert details["other"] is True


def test_what_is_known_of_a_pair_is_in_its_details() -> None:
    grade = Grade(verdict="correct", extracted="6", reason="equals 6", score=0.75)
    tried = {"problem_id": "q", "mistake_id": "m", "settings": "s", "teacher": "t", "gold_visible": False}
    tried |= {"prompt_hash": "abc", "completion": None}
    tries = (
        Correction(id="1", rung="revise", text=None, grade=None, failure="no answer", **tried),
        Correction(id="2", rung="revise", text="off", grade=grade, objection="gold_wrong", **tried),
        Correction(id="3", rung="revise", text="right too", grade=grade, **tried),
        Correction(id="4", rung="gold_guided", text="right", grade=grade, won=True, diagnosis="line 2", **tried),
    )
    pair = make_pair("wrong", "right", correction_id="4", rung="gold_guided", teacher="t", gold_visible=False)
    found = Finding(rule="leak", action="flag", reason="why", span=(1, 3), score=0.5)
    shown = ShownPair(0, pair, None, (found,), "train", None, grade, tries, "abc")
    details = make_details(shown)
    assert details["gold"] == "6"
    assert details["grades"][0] == {"verdict": None, "read": "5", "reason": "", "opinions": []}
    assert details["grades"][1]["reason"] == "equals 6 (score 0.75)"
    assert details["findings"] == [["leak", "flag", "why", [1, 3], 0.5]]
    assert [made[2] for made in details["tries"]] == [
        *("failed", "objected: the gold answer looks wrong", "right, not chosen", "chosen")
    ]
    assert [made[4] for made in details["tries"]] == [None, "off", "right too", None]
    facts = dict(details["facts"])
    assert facts["What went wrong"] == "line 2"
    assert (facts["Prompt"], facts["Correction"], facts["Gold visible"], facts["Split"]) == ("abc", "4", "no", "train")


def test_a_part_of_the_pairs_is_said_to_be_one(run: Path) -> None:
    assert "<b>10 of 40 pairs</b>" in pairs_section(run, most=10).body
    assert "of 40 pairs</b>" not in pairs_section(run).body
    assert "16 of 40 pairs were kept" in pairs_section(run).body
    (run / "pairs.jsonl").write_text("")
    assert "no pair" in pairs_section(run).body


def test_pairs_for_which_there_is_no_room_are_left_out_and_counted() -> None:
    pairs = [ShownPair(number, make_pair("wrong", f"right {number}", id=f"p{number}"), None) for number in range(200)]
    huge = ShownPair(999, make_pair("".join(map(chr, range(0x4E00, 0x9000))), id="huge"), None)
    section = show_pairs(ShownPairs(201, 201, [huge, *pairs]), most_characters=40_000)
    left = section.data["pairs-list"]["id"]
    assert "huge" not in left
    assert len(left) >= 128
    assert f"<b>{len(left)} of 201 pairs</b> are on this page, as many as there is room for" in section.body
    assert sum(len(chunk) for key in ("pairs-texts", "pairs-details") for chunk in section.data[key]) <= 40_000
    assert show_pairs(ShownPairs(1, 1, [huge]), most_characters=10).scripts == ()


def test_a_section_brings_its_own_scripts_and_styles_once_and_the_policy_allows_them(run: Path) -> None:
    section = pairs_section(run)
    other = Section("other", "Other", "Other", section.body[:0], scripts=section.scripts, styles=section.styles)
    page = render_page("t", [section, other])
    assert page.count("errata.chunks = ") == 1
    assert page.count("dialog.pair[open] {") == 1
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', page)
    assert policy is not None
    assert policy[1].count("sha256-") == len(re.findall("<script>", page)) == 5
    assert len(page) < 120_000


def test_no_text_leaves_its_place_in_the_page(run: Path) -> None:
    texts = "<script>x</script> </script><!-- \u202e \u2028 \0 \ud800 \x1b[31m"
    grade = Grade(verdict="wrong", extracted=texts, reason=texts)
    finding = Finding(rule=texts, action="flag", reason=texts, span=(0, 9))
    prompt = (Message(role="user", content=texts),)
    pair = Pair.model_construct(**(dict(make_pair(texts, texts)) | {"id": texts, "rung": texts, "prompt": prompt}))
    shown = ShownPair(0, pair, None, (finding,), texts, grade, grade)
    section = show_pairs(ShownPairs(1, 1, [shown]))
    page = render_page("t", [section])
    page.encode()
    plain = [section.data["pairs-list"]] + [unpack(section.data[f"pairs-{key}"][0]) for key in ("texts", "details")]
    for told in (page, *(json.dumps(part, ensure_ascii=False) for part in plain)):
        assert not re.search("[\u202e\u2028\0\x1b\ud800]", told)
    assert "<script>x" not in page
    assert page.count("</script>") == page.count("<script")
    assert make_texts(pair)[1] == "<script>x</script> </script><!-- · · · · ·[31m"
