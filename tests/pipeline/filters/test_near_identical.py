"""Texts that differ in nothing that they say are found; one digit, sign or word makes a pair."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.filters.near_identical import Settings
from tests.pipeline.filters.conftest import RIGHT, RIGHT_ZH, WRONG, make_pair, read_pairs


@pytest.mark.parametrize(
    ("chosen", "rejected"),
    [
        (RIGHT, RIGHT),
        (RIGHT, RIGHT.replace(" ", "  ").replace("\n", "\n\n")),
        (RIGHT, RIGHT.upper()),
        (RIGHT, RIGHT.replace(".", "")),
        (RIGHT, RIGHT.replace("#### 18", "**18**")),
        (RIGHT, RIGHT.replace("$18", "18")),
        (RIGHT, RIGHT.replace("16 - 3", "16-3").replace("9 * 2", "9 × 2")),
        ("- So it is 1,250.\n- Done", "So it is 1250\nDone!"),
        ("The answer is $\\boxed{18}$.", "the answer is \\(18\\)"),
        ("$9 \\times 2 = 18$", "9 * 2 = 18"),
        (RIGHT_ZH, RIGHT_ZH.replace("。", ".").replace("答：", "答:")),
        ("剩下９个蛋。", "剩下9个蛋"),
    ],
)
def test_white_space_case_punctuation_and_markup_make_no_pair(chosen: str, rejected: str) -> None:
    for one, other in ((chosen, rejected), (rejected, chosen)):
        found = Settings().find(make_pair(one, other))
        assert found is not None
        assert (found.action, found.score) == ("drop", 0.0)


@pytest.mark.parametrize(
    ("chosen", "rejected"),
    [
        (RIGHT, WRONG),
        (RIGHT, RIGHT.replace("= $18", "= $19").replace("#### 18", "#### 19")),
        ("x = 1.5", "x = 15"),
        ("x = -5", "x = 5"),
        ("16 - 3 = 13", "16 + 3 = 13"),
        ("2 * (3 + 4)", "2 * 3 + 4"),
        ("x < 5", "x > 5"),
        ("2^3", "23"),
        ("2**3", "2*3"),
        ("5! / 2", "5 / 2"),
        ("1/2", "12"),
        ("Alice wins.", "Bob wins."),
        ("答案是十八。", "答案是十九。"),
        ("3:2", "32"),
    ],
)
def test_a_digit_a_sign_or_a_word_makes_one(chosen: str, rejected: str) -> None:
    assert Settings().find(make_pair(chosen, rejected)) is None
    assert Settings().find(make_pair(rejected, chosen)) is None


def test_a_bound_lets_a_few_words_differ() -> None:
    long = " ".join(f"Step {n} adds {n} eggs to the basket." for n in range(20))
    other = long.replace("Step 7 adds 7", "Step 7 takes 7")
    assert Settings().find(make_pair(long, other)) is None
    found = Settings(at_most=0.02).find(make_pair(long, other))
    assert found is not None
    assert found.score is not None
    assert 0 < found.score <= 0.02
    assert Settings(at_most=0.02).find(make_pair(RIGHT, WRONG)) is None


def test_no_real_pair_of_right_and_wrong_is_found(shared_data: Path) -> None:
    assert [pair.chosen for pair in read_pairs(shared_data) if Settings().find(pair)] == []


@given(st.text(alphabet="ab 12+-*/=.,()\n", max_size=60))
def test_a_text_is_near_to_itself_with_other_white_space(text: str) -> None:
    assert Settings().find(make_pair(f"a {text}", f"A {text}\n\n")) is not None
