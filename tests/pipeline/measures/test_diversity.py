"""Answers are told apart as they should be, and their entropy is scipy's."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from pipeline.measures.diversity import (
    Answers,
    answer_entropy,
    count_answers,
    distinct_answers,
    mean_distinct,
    mean_entropy,
    tells_answers,
)
from tests.pipeline.measures.test_pass_at_k import grade_all


def test_right_answers_are_one_and_wrong_ones_are_told_apart_by_their_text() -> None:
    grades = grade_all("ccwwwwuuw", ["1/2", "0.5", "3 Apples", " 3  apples", "0.25", "1/4", "7", None, None])
    assert count_answers(grades) == Answers(right=2, wrong=(2, 1, 1), none=3)
    assert distinct_answers(count_answers(grades)) == 4


def test_without_a_right_answer_there_is_no_group_for_it() -> None:
    assert distinct_answers(count_answers(grade_all("ww"))) == 1
    assert distinct_answers(count_answers(grade_all("uu"))) == 0
    assert distinct_answers(count_answers(())) == 0


@given(st.integers(0, 9), st.lists(st.integers(1, 9), max_size=6), st.integers(0, 5))
def test_entropy_is_scipys(right: int, wrong: list[int], none: int) -> None:
    counts = [right, *wrong]
    expected = stats.entropy(counts) if sum(counts) else 0.0
    assert answer_entropy(Answers(right, tuple(wrong), none)) == pytest.approx(expected, abs=1e-12)


def test_means_are_over_the_problems_with_an_answer() -> None:
    problems = [grade_all("cw"), grade_all("cc"), grade_all("uu"), ()]
    distinct, entropy = mean_distinct(problems), mean_entropy(problems)
    assert distinct is not None
    assert entropy is not None
    assert distinct.value == 1.5
    assert entropy.value == round(math.log(2) / 2, 4)
    assert mean_distinct([grade_all("uu")]) is None
    assert mean_entropy([]) is None


def test_a_checker_that_extracts_nothing_tells_nothing_of_answers() -> None:
    silent = [grade_all("cw", [None, None]), grade_all("ww", [None, None])]
    assert not tells_answers(silent)
    assert mean_distinct(silent) is None
    assert mean_entropy(silent) is None
    assert tells_answers([*silent, grade_all("w", ["3"])])
    assert tells_answers([grade_all("cc", [None, None])])


def test_long_answers_are_read_in_no_time() -> None:
    hostile = ["\u0301\u0323" * 50_000, " " * 100_000 + "x", "ﷺ" * 100_000, "\u202e<script>" * 10_000]
    assert distinct_answers(count_answers(grade_all("wwww", hostile))) == 4
