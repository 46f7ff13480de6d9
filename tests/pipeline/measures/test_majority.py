"""maj@k counts what drawing every set of k samples and taking their majority counts."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Sequence
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.measures.diversity import Answers
from pipeline.measures.majority import majority_at, majority_at_k
from tests.pipeline.measures.test_pass_at_k import grade_all

SIZES = st.lists(st.integers(1, 3), max_size=3).map(lambda sizes: tuple(sorted(sizes, reverse=True)))


def draw_every_set(answers: Answers, k: int) -> float:
    """The definition: all sets, each by its votes, ties shared."""
    wrong = [f"wrong {i}" for i, size in enumerate(answers.wrong) for _ in range(size)]
    samples: Sequence[str | None] = ["right"] * answers.right + wrong + [None] * answers.none
    shares = []
    for drawn in itertools.combinations(samples, k):
        votes = Counter(vote for vote in drawn if vote is not None)
        best = [answer for answer, count in votes.items() if count == max(votes.values())]
        shares.append(Fraction("right" in best, max(1, len(best))))
    return float(sum(shares) / len(shares))


@given(st.integers(0, 4), SIZES, st.integers(0, 2))
def test_all_sets_of_k_are_counted(right: int, wrong: tuple[int, ...], none: int) -> None:
    answers = Answers(right, wrong, none)
    for k in range(1, right + sum(wrong) + none + 1):
        assert majority_at_k(answers, k) == draw_every_set(answers, k)


def test_known_values() -> None:
    assert majority_at_k(Answers(3, (2,), 0), 5) == 1
    assert majority_at_k(Answers(2, (3,), 0), 5) == 0
    assert majority_at_k(Answers(2, (2,), 0), 4) == 0.5  # a tie of two
    assert majority_at_k(Answers(1, (1, 1), 0), 3) == pytest.approx(1 / 3)  # of three
    assert majority_at_k(Answers(1, (), 3), 4) == 1  # samples without an answer do not vote
    assert majority_at_k(Answers(0, (), 4), 4) == 0


@given(st.integers(0, 8), SIZES, st.integers(0, 3))
def test_the_majority_of_one_is_a_sample_and_of_two_no_better(right: int, wrong: tuple[int, ...], none: int) -> None:
    answers, n = Answers(right, wrong, none), right + sum(wrong) + none
    if n:
        assert majority_at_k(answers, 1) == right / n
    if n > 1 and not none:
        assert majority_at_k(answers, 2) == pytest.approx(right / n)


def test_a_frequent_right_answer_gains_by_votes_and_a_rare_one_loses() -> None:
    gains = [majority_at_k(Answers(40, (24,), 0), k) for k in (1, 3, 9, 33)]
    losses = [majority_at_k(Answers(24, (40,), 0), k) for k in (1, 3, 9, 33)]
    assert gains == sorted(gains)
    assert losses == sorted(losses, reverse=True)
    assert gains[0] == 40 / 64 < 0.98 < gains[-1]


def test_hundreds_of_samples_are_counted_as_random_sets_of_them_are() -> None:
    answers, draws = Answers(80, (70, 60, 40, *[1] * 46), 20), 40_000
    sizes = [answers.right, *answers.wrong, answers.none]
    votes = np.random.default_rng(0).multivariate_hypergeometric(sizes, 128, size=draws)[:, :-1]  # the last is no vote
    best = votes == votes.max(axis=1, keepdims=True)
    drawn = (best[:, 0] / best.sum(axis=1)).mean()
    assert majority_at_k(answers, 128) == pytest.approx(drawn, abs=4 * 0.5 / draws**0.5)


def test_problems_are_averaged() -> None:
    problems = [grade_all("ccw"), grade_all("cwwu", ["1", "2", "2 ", None]), grade_all("cw")]
    told = majority_at(problems, 3)
    assert told is not None
    # of the four sets of the second: {c, w, w} wrong, {c, w, -} twice a tie, {w, w, -} wrong; the third has two samples
    assert told.value == (1 + 0.25) / 2
    assert majority_at(problems, 5) is None
    assert majority_at([grade_all("cww", [None] * 3)], 1) is None


@pytest.mark.parametrize("k", [0, 4])
def test_more_votes_than_samples_are_refused(k: int) -> None:
    with pytest.raises(ValueError, match="needs 1 <= k <= 3 samples"):
        majority_at_k(Answers(1, (1,), 1), k)
