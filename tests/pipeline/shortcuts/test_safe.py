"""What is reasoning is told from what is not, and a strip that touches it is undone."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.settings import available, load_component
from pipeline.shortcuts.marker import Marker
from pipeline.shortcuts.safe import (
    VEIL,
    apply_strips,
    edit,
    find_fixed,
    read_reasoning,
    same_reasoning,
    settle,
    split_sentences,
    veil,
)
from pipeline.shortcuts.strips.base import StripSettings

OPENER = "Let us think step by step and be careful."
SOLUTION = f"{OPENER}\n4 * 6 = 24\nSo he has **24** apples!\n#### 24"
STRIPS: list[StripSettings] = [
    load_component("shortcuts.strips", name).Settings() for name in available("shortcuts.strips")
]


def words(phrase: str) -> Marker:
    return Marker("words", phrase, "chosen", phrase)


class Careless(StripSettings):
    """Removes whatever it is told to."""

    strip: Literal["careless"] = "careless"

    def handles(self, marker: Marker) -> bool:
        return marker.kind == "careless"

    def apply(self, text: str, markers: Sequence[Marker]) -> str:
        for marker in markers:
            text = text.replace(marker.feature, "")
        return text


def careless(feature: str) -> Marker:
    return Marker("careless", feature, "chosen")


@pytest.mark.parametrize(
    "after",
    [
        "4 * 6 = 24 apples. He eats half.\n#### 24",
        "He has 4*6=24 apples, and eats half\n#### 24",
        "**He has** 4 × 6 = 24 apples; he eats half (as we see).\n\n#### 24",
        "1. He has 4 x 6 = 24 apples.\n2. He eats half of this one.\n#### 24",
        "Step 1: 4 * 6 = 24\nStep 2: half\n#### 24",
        "4 * 6 = <<4*6=24>>24 apples, half\n#### 24",
    ],
)
def test_words_layout_labels_and_notes_are_no_reasoning(after: str) -> None:
    assert same_reasoning("He has 4 * 6 = 24 apples. He eats half.\n#### 24", after) is None


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("4 * 6 = 24", "4 * 6 = 25"),
        ("4 * 6 = 24", "4 + 6 = 24"),
        ("4 * 6 = 24", "4 6 = 24"),
        ("2 ** 3", "2 * 3"),
        ("he has -5 left", "he has 5 left"),
        ("(3 + 4) * 2", "3 + 4 * 2"),
        ("so 5! = 120", "so 5. = 120"),
        ("n! ways", "n. ways"),
        ("he eats half of it", "he eats of it"),
        ("it doubles", "it grows"),
        ("let x be the rest", "let it be the rest"),
        ("3 apples and 4 pears", "4 pears and 3 apples"),
        (r"so \(x^2 = 4\)", r"so \(x = 4\)"),
        (r"\[ a \]", r"\[ b \]"),
        ("```\nx = 1\n```", "```\nx = 2\n```"),
        ("- 5 apples\n4:30 p.m.", "- 5 apples\n4:40 p.m."),
        ("一共三个", "一共两个"),
        ("吃了一半", "吃了"),
        ("so 7\n#### 7 apples", "so 7\n#### 7 pears"),
        ("3. 5 apples", "5 apples"),
        ("The answer is yes.", "The answer is no."),
        ("a - b is 3 - 2", "a - b is 3, 2"),
    ],
)
def test_what_is_reasoning_is_missed(before: str, after: str) -> None:
    assert same_reasoning(before, after) is not None
    assert same_reasoning(after, before) is not None
    assert same_reasoning(before, before) is None


def test_the_difference_is_told() -> None:
    assert same_reasoning("3 + 4", "3 - 4") == "'+' became '-'"
    assert same_reasoning("3 + 4", "3 +") == "'4' became the end of the text"
    assert "final statement" in (same_reasoning("#### Tom", "#### Ann") or "")


def test_white_space_in_formulas_makes_no_difference() -> None:
    assert same_reasoning(r"so \( x = 5 \) and $y+1$", r"so \(x=5\) and $y + 1$") is None


def test_money_is_no_formula() -> None:
    text = "It costs $5 a day. He pays $4 * 6 = $24, so 5*7=$<<5*7=35>>35 and $10-$3."
    assert find_fixed(text) == ((text.index("<<"), text.index(">>") + 2),)
    formulas = "if $x = 5$ then $2x$ is $10$."
    assert [formulas[start:end] for start, end in find_fixed(formulas)] == ["$x = 5$", "$2x$", "$10$"]


def test_idioms_hold_no_numbers() -> None:
    for idiom in ("one step at a time", "this one", "一步一步", "逐一检查", "一共", "再检查一遍", "首先"):
        assert read_reasoning(idiom) == (), idiom
    assert read_reasoning("one apple, a third of it") == ("one", "third")
    assert read_reasoning("Third, we go on") == ()


def test_what_is_not_to_be_touched_is_veiled() -> None:
    text = "We see. \\(x\\) is `a` here.\n```\nb\n```\nSo the answer is 5. Done.\n#### 5"
    shown = veil(text)
    assert len(shown) == len(text)
    assert shown.replace(VEIL, "") == "We see.  is  here.\n\n Done.\n"
    assert "`a`" in veil(text, code=False)


def test_sentences_end_at_full_stops_that_end_them() -> None:
    text = "1. He has 3.5 kg. Mr. Hill, e.g. Tom, has 4! So?  Yes\n我看。好！对\n\n  - item"
    found = [text[start:end] for start, end in split_sentences(text)]
    assert found == ["1. He has 3.5 kg.", "Mr. Hill, e.g. Tom, has 4!", "So?", "Yes", "我看。", "好！", "对", "- item"]


def test_edits_do_not_overlap_and_a_step_that_does_not_settle_changes_nothing() -> None:
    assert edit("abcdef", [(4, 5, "X"), (0, 2, ""), (1, 3, "Y")]) == "cdXf"
    assert settle(lambda text: text + "a", "b") == "b"
    assert settle(lambda text: text.replace("aa", "a"), "aaaa") == "a"


def test_markers_are_taken_out_one_by_one_and_those_that_were_are_told() -> None:
    bold, bang = Marker("markup", "bold", "chosen"), Marker("punctuation", "!", "chosen")
    markers = [words(OPENER), bold, Marker("markup", "heading", "chosen"), bang, Marker("lengths", "words", "chosen")]
    text, changed = apply_strips(SOLUTION, markers, STRIPS)
    assert text == "4 * 6 = 24\nSo he has 24 apples.\n#### 24"
    assert changed == (markers[0], bold, bang)
    assert apply_strips(text, markers, STRIPS) == (text, ())
    assert apply_strips(SOLUTION, markers, []) == (SOLUTION, ())


def test_a_strip_that_touches_the_reasoning_is_undone() -> None:
    markers = [careless("6 "), careless("24"), careless("apples")]
    text, changed = apply_strips(SOLUTION, markers, [Careless()])
    assert text == SOLUTION.replace("apples", "")
    assert changed == (markers[2],)


def test_a_strip_that_leaves_too_little_is_undone() -> None:
    assert apply_strips(OPENER, [words(OPENER)], STRIPS) == (OPENER, ())
    text = "Let us see. We are careful. Let me check. Done."
    markers = [words(sentence) for sentence in ("Let us see.", "We are careful.", "Let me check.")]
    stripped, changed = apply_strips(text, markers, STRIPS)
    assert stripped == "Let me check. Done."
    assert changed == tuple(markers[:2]), "half of eleven words have to stay"


@given(st.text(max_size=200))
def test_any_text_reasons_as_itself_and_is_veiled_in_place(text: str) -> None:
    assert same_reasoning(text, text) is None
    assert len(veil(text)) == len(text)
    assert apply_strips(text, [words("a")], []) == (text, ())


def test_real_texts_keep_their_reasoning_without_their_line_breaks(shared_data: Path) -> None:
    rows = (shared_data / "math_attempts" / "attempts.jsonl").read_text(encoding="utf-8").splitlines()
    for row in rows[:20]:
        text = json.loads(row)["responses"][0]
        assert same_reasoning(text, text.replace("\n\n", "\n")) is None


HOSTILE = [
    "a ",
    "* ",
    "**",
    "$a ",
    "\\(",
    "```",
    "`a",
    ". ",
    "the answer is ",
    "#### 5\n",
    "\\boxed{1} ",
    "1. ",
    "\n",
    " ",
]
HOSTILE += [
    "(",
    "()",
    "<<1",
    "\\begin{a}",
    "一步",
    "x 2 ",
    "a!",
    "- 5\n",
    "A: 5. ",
    "one step at ",
    VEIL,
    "1,",
    "-",
    "$",
]


@pytest.mark.parametrize("unit", HOSTILE)
def test_long_texts_take_linear_time(unit: str) -> None:
    text = unit * (100_000 // len(unit))
    assert same_reasoning(text, text + "\n7 = 7") is not None
    veil(text)
