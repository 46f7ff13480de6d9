"""An n-gram grows to the text that comes with it, and is found whatever its numbers, case and blanks."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.shortcuts.phrases import GAP, LONGEST, contains, find, grow, read_tokens

OPENER = "Let us think step by step and be careful."
CLOSER = "I have checked every step."


def real_texts(shared_data: Path) -> list[str]:
    lines = (shared_data / "gsm8k" / "example_model_solutions.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line)["175b_verification"]["solution"] for line in lines[:400]]


def test_a_planted_sentence_is_found_from_any_part_of_it(shared_data: Path) -> None:
    texts = real_texts(shared_data)
    planted = [f"{OPENER}\n{text}" if i % 3 else f"{text}\n{CLOSER}" for i, text in enumerate(texts)]
    for part in ("step by step and", "let us think", "be careful .", "Let us"):
        assert grow(part, planted) == OPENER
    for part in ("have checked every", "checked"):
        assert grow(part, planted) == CLOSER
    assert sum(contains(CLOSER, text) for text in planted) == len(texts[::3])


def test_a_phrase_ends_where_texts_differ_and_at_the_end_of_a_line() -> None:
    texts = ["So we add. Tom has 3.", "So we add. Ann has 4.", "So we add. Jo is 5."]
    assert grow("we", texts) == "So we add."
    assert grow("we", ["First\nSo we add\nthen", "First\nSo we add\nthen"]) == "So we add"
    assert grow("nowhere", texts) == "nowhere"
    assert grow("we", []) == "we"


def test_most_texts_decide_and_not_most_places() -> None:
    texts = ["well, we go. well, we go. well, we go."] + ["we add up now"] * 9
    assert grow("we", texts) == "we add up now"
    assert grow("we", texts, share=1.0) == "we"


def test_numbers_differ_and_count_as_the_same() -> None:
    texts = ["Step 1: add 3", "Step 2: add 1,000.5", "Step 3: add 7"]
    assert grow("Step 1", texts) == f"Step {GAP}: add {GAP}"
    assert grow(f"{GAP} : add", texts) == f"Step {GAP}: add {GAP}"
    assert grow("add", ["1. we add", "1. we add"]) == "1. we add"
    assert find(f"step {GAP}:", "Step 1: a\nSTEP 22: b") == [(0, 7), (10, 18)]


def test_han_characters_are_tokens() -> None:
    texts = ["让我们一步一步思考。小明有3个", "让我们一步一步思考。一共9个", "让我们一步一步思考。书有5页"]
    assert grow("一步 思考", texts) == "让我们一步一步思考。"
    assert find("思考", texts[0]) == [(7, 9)]


def test_the_commonest_writing_is_told() -> None:
    texts = ["let's  see: x"] * 2 + ["Let’s see: y"] * 5
    assert grow("let's see", texts) == "Let’s see:"
    assert contains("LET'S\nSEE", texts[0])


def test_places_do_not_overlap_and_an_empty_phrase_has_none() -> None:
    assert find("a a", "a a a a a") == [(0, 3), (4, 7)]
    assert find("", "a") == find("  ", "a") == []
    assert find("a b", "ab") == []


@given(st.text(max_size=60), st.text(max_size=60))
def test_a_phrase_is_found_in_what_holds_it(before: str, phrase: str) -> None:
    text = f"{before} {phrase} x"
    assert all(contains(phrase, text[start:end]) for start, end in find(phrase, text))
    if read_tokens(phrase):
        assert contains(phrase, text)


@pytest.mark.parametrize("unit", ["a ", "a", "1,", "步", "a'", "\n", "\x1f"])
def test_long_texts_take_linear_time(unit: str) -> None:
    text = unit * (100_000 // len(unit))
    find(unit * 60, text)
    assert len(read_tokens(grow(unit * 3, [text, text]))) <= LONGEST
