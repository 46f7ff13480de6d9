"""Numbers of steps go where they only count, and stay where anything hangs on them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.shortcuts.features import markup
from pipeline.shortcuts.marker import Marker
from pipeline.shortcuts.mask import mask
from pipeline.shortcuts.safe import same_reasoning
from pipeline.shortcuts.strips.numbering import Settings

STRIP = Settings()
BARE = Marker("markup", "numbered line", "chosen")
LABEL = Marker("markup", "step label", "chosen")


@pytest.mark.parametrize(
    ("marker", "text", "left"),
    [
        (BARE, "1. Find x.\n2. Add.\n#### 4", "Find x.\nAdd.\n#### 4"),
        (BARE, "1. **Find**:\n   a\n2. **Do**: b", "**Find**:\n   a\n**Do**: b"),
        (BARE, "1、先算\n2、再算", "先算\n再算"),
        (BARE, "1) one\n2) two\nand\n1) one\n2) two", "one\ntwo\nand\none\ntwo"),
        (LABEL, "Step 1: 3 + 4 = 7\n**Step 2:** Go", "Step 1: 3 + 4 = 7\n**Step 2:** Go"),
        (LABEL, "Step 1: 3 + 4 = 7\nStep 2: 7 * 2 = 14", "3 + 4 = 7\n7 * 2 = 14"),
        (LABEL, "**Step 1: Find.**\n**Step 2: Go.**", "**Find.**\n**Go.**"),
        (LABEL, "### Step 1: Find\n### Step 2: Go", "### Find\n### Go"),
        (LABEL, "第一步：3+4=7\n第二步：好", "3+4=7\n好"),
    ],
)
def test_numbers_that_count_go(marker: Marker, text: str, left: str) -> None:
    assert STRIP.apply(text, [marker]) == left
    assert same_reasoning(text, left) is None


@pytest.mark.parametrize(
    "text",
    [
        "1. 5 apples\n2. 6 pears",
        "1. one\n3. three",
        "2. two\n3. three",
        "1. alone",
        "Step 1: Find.\nStep 2: Use step 1.",
        "1. Let it be (1)\n2. By (1), it is.",
        "1. We add.\n2. By equation 1, it is so.",
        "第一步：算\n第二步：由第一步得",
        "3.5 apples\n1.5 pears",
        "```\n1. a\n2. b\n```",
        "",
    ],
)
def test_numbers_on_which_something_hangs_stay(text: str) -> None:
    assert STRIP.apply(text, [BARE, LABEL]) == text


def test_markers_are_known_by_name_or_by_a_phrase_that_is_a_number() -> None:
    for phrase in ("Step ▒:", "**Step ▒:**", "Step 1: We", "第▒步：", "第一步"):
        assert STRIP.handles(Marker("words", phrase, "chosen", phrase)), phrase
    for phrase in ("step by step", "▒.", "one step", ""):
        assert not STRIP.handles(Marker("words", phrase, "chosen", phrase)), phrase
    assert not STRIP.handles(Marker("markup", "bullet", "chosen"))
    phrase = Marker("openers", "^ Step ▒", "chosen", "Step ▒:")
    assert STRIP.apply("Step 1: a\nStep 2: b\n1. c\n2. d", [phrase]) == "a\nb\n1. c\n2. d"


def test_what_goes_is_counted_under_its_name() -> None:
    text = "Step 1: We add.\nStep 2: We go on.\n\n1. so\n2. on"
    for marker in (BARE, LABEL):
        assert markup.Settings().count(mask(text)).get(marker.feature) == 2
        assert marker.feature not in markup.Settings().count(mask(STRIP.apply(text, [marker])))


@given(
    st.lists(
        st.sampled_from(["1. ", "2. ", "3. ", "Step 1: ", "Step 2: ", "a", "5", "\n", "第一步：", "# "]), max_size=20
    )
)
def test_stripping_twice_is_stripping_once(pieces: list[str]) -> None:
    once = STRIP.apply("".join(pieces), [BARE, LABEL])
    assert STRIP.apply(once, [BARE, LABEL]) == once


def test_real_solutions_keep_numbers_formulas_and_answers(shared_data: Path) -> None:
    rows = (shared_data / "math_attempts" / "attempts.jsonl").read_text(encoding="utf-8").splitlines()
    texts = [text for row in rows for text in json.loads(row)["responses"]]
    changed = [(text, after) for text in texts if (after := STRIP.apply(text, [BARE, LABEL])) != text]
    assert len(changed) > 200
    assert [why for text, after in changed if (why := same_reasoning(text, after))] == []


@pytest.mark.parametrize("unit", ["1. a\n", "1. ", "Step 1: a\n", "Step 1", "第一步", "\n", " "])
def test_long_texts_take_linear_time(unit: str) -> None:
    STRIP.apply(unit * (100_000 // len(unit)), [BARE, LABEL])
