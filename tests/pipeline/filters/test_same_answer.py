"""Two texts that state one answer are found, where both state one clearly."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.filters.same_answer import Settings
from tests.pipeline.filters.conftest import MODELS, RIGHT, RIGHT_ZH, WRONG, make_pair, read_lines, read_pairs


@pytest.mark.parametrize(
    ("chosen", "rejected"),
    [
        (RIGHT, "16 + 2 = 18\n#### 18"),
        (RIGHT, "So the answer is $\\boxed{18.0}$."),
        (RIGHT_ZH, "答案：18元"),
        ("#### 1,250", "A: 1250"),
        ("$\\boxed{\\frac{1}{2}}$", "#### \\frac12 and more\n\\boxed{\\frac{1}{2}}"),
        ("**Answer:** Alice", "The answer is Alice."),
        ("<think>26?</think>#### 18", RIGHT),
    ],
)
def test_one_answer_in_both_is_found(chosen: str, rejected: str) -> None:
    found = Settings().find(make_pair(chosen, rejected))
    if "and more" in rejected:  # two answers, so none
        assert found is None
    else:
        assert found is not None
        assert found.action == "drop"
        assert found.reason.startswith("both texts answer ")


@pytest.mark.parametrize(
    ("chosen", "rejected"),
    [
        (RIGHT, WRONG),
        (RIGHT, "She makes 18 dollars."),
        ("She makes 18 dollars.", "She makes 18 dollars."),
        (RIGHT, "#### 18\nNo, wait.\nA: 26"),
        ("#### 18", "#### -18"),
        ("#### 1.8", "#### 18"),
        ("**Answer:** Alice", "**Answer:** Bob"),
    ],
)
def test_two_answers_or_an_unclear_one_are_not(chosen: str, rejected: str) -> None:
    assert Settings().find(make_pair(chosen, rejected)) is None


def test_real_pairs_of_right_and_wrong_differ_and_right_ones_agree(shared_data: Path) -> None:
    assert [pair.chosen for pair in read_pairs(shared_data) if Settings().find(pair)] == []
    rows = read_lines(shared_data / "gsm8k" / "example_model_solutions.jsonl")
    texts = [[row[model]["solution"] for model in MODELS if row[model]["is_correct"]] for row in rows]
    both = [make_pair(*right[:2]) for right in texts if len(right) > 1]
    assert sum(Settings().find(pair) is not None for pair in both) >= 0.99 * len(both)
