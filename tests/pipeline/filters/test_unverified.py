"""A chosen text whose answer is not the gold answer is found, numbers and mathematics alike."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.filters.base import Texts
from pipeline.filters.unverified import Settings
from tests.pipeline.filters.conftest import RIGHT, RIGHT_ZH, WRONG, make_pair, read_attempts


@pytest.mark.parametrize(
    ("chosen", "answer", "told"),
    [
        (WRONG, "18", "its final answer is 26, the gold answer 18"),
        ("答案：26", "18", "26"),
        ("$\\boxed{\\frac{1}{3}}$", "\\frac{1}{2}", "its final answer is"),
        ("$\\boxed{(1, 2)}$", "(2, 1)", "its final answer is"),
        ("The answer is (C).", "B", "its final answer is"),
        ("**Answer:** no", "yes", "its final answer is"),
        ("#### 18\nA: 26", "18", "states different answers"),
        ("She eats three eggs.", "18", "it states no final answer"),
        ("I'm sorry.", "18", "final answer"),
        ("她吃掉三个蛋。", "18", "it states no final answer"),
    ],
)
def test_another_answer_or_none_is_found(chosen: str, answer: str, told: str) -> None:
    found = Settings().find(make_pair(chosen, answer=answer))
    assert found is not None
    assert told in found.reason
    assert found.action == "drop"


@pytest.mark.parametrize(
    ("chosen", "answer"),
    [
        (RIGHT, "18"),
        (RIGHT, "$18.00"),
        (RIGHT_ZH, "18元"),
        (WRONG, None),
        (WRONG, " "),
        ("So she makes 18 dollars.", "18"),
        ("<think>26?</think>#### 18", "18"),
        ("$\\boxed{\\frac{1}{2}}$", "0.5"),
        ("$\\boxed{x + 1}$", "1 + x"),
        ("$\\boxed{\\text{(B)}}$", "B"),
        ("The answer is (B) 5 eggs.", "B"),
        ("So it is the second, B.", "B"),
        ("**Answer:** the cat sat on the mat", "a cat was sitting on the mat"),
    ],
)
def test_the_gold_answer_in_any_form_and_what_cannot_be_told_are_not(chosen: str, answer: str | None) -> None:
    assert Settings().find(make_pair(chosen, answer=answer)) is None


def test_what_cannot_be_compared_counts_where_it_is_asked_for() -> None:
    pair = make_pair("**Answer:** the cat sat on the mat", answer="a cat was sitting on the mat")
    found = Settings(unclear=True).find(pair)
    assert found is not None
    assert "cannot be compared" in found.reason


def test_real_answers_are_found_where_their_labels_call_them_wrong(real_pairs: list[Texts], shared_data: Path) -> None:
    assert [pair.chosen for pair in real_pairs if Settings().find(pair)] == []
    wrong = list(read_attempts(shared_data, right=False))
    assert sum(Settings().find(pair) is not None for pair in wrong) >= 0.999 * len(wrong)
