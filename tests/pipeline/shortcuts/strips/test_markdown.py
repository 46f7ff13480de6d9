"""Markup goes and its content stays; arithmetic, formulas and code are no markup."""

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
from pipeline.shortcuts.strips.markdown import FEATURES, Settings

STRIP = Settings()


def strip(text: str, *features: str) -> str:
    return STRIP.apply(text, [Marker("markup", feature, "chosen") for feature in features])


@pytest.mark.parametrize(
    ("feature", "text", "left"),
    [
        ("bold", "So **it** is **5** now.", "So it is 5 now."),
        ("bold", "所以**答案**是**5**。", "所以答案是5。"),
        ("bold", "***both*** and __these__", "*both* and __these__"),
        ("bold by underscores", "__These are__ and **those**", "These are and **those**"),
        ("italics", "*it* is *really so*, 2 * 3", "it is really so, 2 * 3"),
        ("italics by underscores", "_it_ is *so*, a_1 and b_2", "it is *so*, a_1 and b_2"),
        ("heading", "# Title\n### **Two** ##\ntext", "Title\n**Two**\ntext"),
        ("bullet", "We see:\n- one\n* two\n  • three", "We see:\none\ntwo\nthree"),
        ("bullet", "He has:\n- 5 apples\n- 6 pears", "He has:\n5 apples\n6 pears"),
        ("bullet", "- 5 apples\n- some pears", "5 apples\nsome pears"),
        ("inline code", "Run `3 + 4` or `x`.", "Run 3 + 4 or x."),
        ("horizontal rule", "one\n---\ntwo\n***", "one\ntwo"),
        ("emoji", "Great 🎉 job! ✅\n🎉\n✅ 4 * 6 = 24 👍🏽", "Great job!\n4 * 6 = 24"),
        ("blank line", "one\n\n \ntwo\n\n\nthree\n", "one\ntwo\nthree\n"),
        ("calculator note", "5+3 = $<<5+3=8>>8 and 4*1000=<<4*1000=4000.0>>4,000", "5+3 = $8 and 4*1000=4,000"),
    ],
)
def test_markup_goes_and_its_content_stays(feature: str, text: str, left: str) -> None:
    assert strip(text, feature) == left


@pytest.mark.parametrize(
    "text",
    [
        "2 * 3 * 4 = 24",
        "2**3 = 8 and 2 **3** 4",
        "3 *4* 5, a*b*c",
        "f(x)*g*h",
        "__init__ and snake_case_name",
        "12 apples\n- 5 apples\n----\n7 apples",
        "12\n- three",
        "#### 42",
        "**Answer:** 5",
        "So the answer is **5**.",
        "🍎 + 🍎 = 10",
        "x = 3 ✅\nx = 4 ❌",
        "```python\n# no heading\n\n**kwargs\n- 1\n```",
        "\\[\n**x**\n\n- y\n\\]",
        "$a*b*c$ and \\(2*x*y\\)",
        "the result is <<5+3=8>> and -<<3-5=-2>>-2",
        "5! = 120",
        "",
    ],
)
def test_what_only_looks_like_markup_stays(text: str) -> None:
    assert strip(text, *FEATURES) == text


def test_every_feature_that_is_taken_away_is_counted_under_its_name() -> None:
    text = "# Title\n\nSo **it** is *so*, __these are__ _those_: `x` 🎉\n- one\n- two\n---\n3+4=<<3+4=7>>7 apples, so."
    count = markup.Settings().count
    for feature in FEATURES:
        assert count(mask(text)).get(feature), feature
        left = strip(text, feature)
        assert feature not in count(mask(left)), feature
        assert same_reasoning(text, left) is None
    assert not set(FEATURES) & set(count(mask(strip(text, *FEATURES))))


def test_markers_are_known_by_kind_and_name_or_by_their_sign() -> None:
    assert STRIP.handles(Marker("markup", "bold", "chosen"))
    assert STRIP.handles(Marker("punctuation", "**", "chosen"))
    assert not STRIP.handles(Marker("markup", "LaTeX box", "chosen"))
    assert not STRIP.handles(Marker("words", "bold", "chosen"))
    assert STRIP.apply("**so**", [Marker("punctuation", "**", "chosen")]) == "so"


PIECES = [
    "*",
    "**",
    "_",
    "`",
    "```",
    "# ",
    "- ",
    "1",
    "word ",
    "x",
    " ",
    "\n",
    "\n\n",
    "🎉",
    "$",
    "\\(",
    "\\)",
    "---",
    "<<1=1>>1",
]


@given(st.lists(st.sampled_from(PIECES), max_size=20), st.sets(st.sampled_from(sorted(FEATURES)), min_size=1))
def test_stripping_twice_is_stripping_once(pieces: list[str], features: set[str]) -> None:
    once = strip("".join(pieces), *features)
    assert strip(once, *features) == once


def test_real_solutions_keep_numbers_formulas_and_answers(shared_data: Path) -> None:
    rows = (shared_data / "math_attempts" / "attempts.jsonl").read_text(encoding="utf-8").splitlines()
    texts = [text for row in rows for text in json.loads(row)["responses"][:3]]
    changed = [(text, after) for text in texts if (after := strip(text, *FEATURES)) != text]
    assert len(changed) > 200
    assert [why for text, after in changed if (why := same_reasoning(text, after))] == []


@pytest.mark.parametrize(
    "unit", ["*a", "**a", "***a", "_a", "`a", "- a\n", "- ", "# a\n", "---\n", "🎉 ", "🎉=", "\n", "<<1=", " "]
)
def test_long_texts_take_linear_time(unit: str) -> None:
    strip(unit * (100_000 // len(unit)), *FEATURES)
