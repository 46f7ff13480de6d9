"""One vote a prompt; exact tests against scipy's, and the level of the one that is not exact."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csc_matrix, csr_matrix
from scipy.stats import binomtest

from pipeline.shortcuts.votes import Counts, cast_votes, count_votes, difference_test, number_prompts, sign_test

VOTES = st.lists(st.lists(st.sampled_from((-1, 0, 1)), min_size=3, max_size=3), min_size=1, max_size=30)


def as_votes(rows: list[list[int]]) -> csc_matrix:
    return csc_matrix(np.array(rows, dtype=np.float32))


def count(values: np.ndarray) -> tuple[int, int]:
    return int((values > 0).sum()), int((values < 0).sum())


def test_prompts_are_numbered_as_they_first_appear() -> None:
    numbers, keys = number_prompts(["b", "a", "b", "c", "a"])
    assert (numbers.tolist(), keys) == ([0, 1, 0, 2, 1], ["b", "a", "c"])
    numbers, keys = number_prompts([])
    assert (numbers.tolist(), keys) == ([], [])


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, 6), st.lists(st.integers(-3, 3), min_size=2, max_size=2)), min_size=1, max_size=40
    )
)
def test_a_prompt_has_one_vote_on_each_feature_that_of_most_of_its_pairs(pairs: list[tuple[int, list[int]]]) -> None:
    numbers, keys = number_prompts([str(prompt) for prompt, _ in pairs])
    rows = np.array([row for _, row in pairs], dtype=np.float32)
    votes = cast_votes(csr_matrix(rows), numbers)
    assert votes.shape == (len(keys), 2)
    for number in range(len(keys)):
        expected = np.sign(np.sign(rows[numbers == number]).sum(axis=0))
        np.testing.assert_array_equal(votes.toarray()[number], expected)
    assert votes.nnz == (votes.toarray() != 0).sum(), "a draw is no vote"


def test_many_pairs_of_one_prompt_weigh_as_much_as_one() -> None:
    difference = csr_matrix(np.array([[5.0]] * 1000 + [[-1.0]] * 2, dtype=np.float32))
    numbers, _ = number_prompts(["busy"] * 1000 + ["a", "b"])
    counts = count_votes(cast_votes(difference, numbers))
    assert (counts.plus.tolist(), counts.minus.tolist(), counts.prompts) == ([1], [2], 3)


@settings(deadline=None)
@given(st.integers(0, 400), st.integers(0, 400))
def test_the_sign_test_is_the_exact_binomial_test(plus: int, minus: int) -> None:
    (p,) = sign_test(np.array([plus]), np.array([minus]))
    expected = binomtest(plus, plus + minus, 0.5).pvalue if plus + minus else 1.0
    assert p == pytest.approx(expected, rel=1e-9)


def test_the_sign_test_keeps_small_p_values_apart() -> None:
    p = sign_test(np.array([60, 600, 900]), np.array([0, 0, 10]))
    assert p.tolist() == pytest.approx([2.0**-59, 2.0**-599, binomtest(10, 910).pvalue], rel=1e-9)


@settings(deadline=None)
@given(st.integers(0, 10_000), st.integers(0, 10_000), st.floats(0.01, 5))
def test_log_odds_are_those_of_smoothed_counts(plus: int, minus: int, prior: float) -> None:
    """Equation 15 of Monroe et al. with two outcomes: log of (y + a) / (n + 2a - y - a)."""
    n = plus + minus
    counts = Counts(np.array([plus]), np.array([minus]), max(1, n))
    odds = counts.log_odds(prior)[0]
    assert odds == pytest.approx(math.log((plus + prior) / (n + 2 * prior - plus - prior)), abs=1e-9)
    assert Counts(np.array([minus]), np.array([plus]), max(1, n)).log_odds(prior)[0] == pytest.approx(-odds, abs=1e-9)


def test_the_mean_vote_counts_the_prompts_that_do_not_vote() -> None:
    counts = count_votes(as_votes([[1, 1, 0], [1, -1, 0], [0, -1, 0], [0, -1, 0]]))
    assert counts.mean.tolist() == [0.5, -0.5, 0.0]
    assert count_votes(csc_matrix((0, 2), dtype=np.float32)).mean.tolist() == [0.0, 0.0]


@settings(deadline=None)
@given(VOTES, st.data())
def test_the_paired_test_is_the_binomial_test_of_the_difference_of_two_votes(
    data: list[list[int]], draw: st.DataObject
) -> None:
    row = st.lists(st.sampled_from((-1, 0, 1)), min_size=3, max_size=3)
    control = draw.draw(st.lists(row, min_size=len(data), max_size=len(data)))
    lean = np.array([1.0, -1.0, 1.0])
    p = difference_test(as_votes(data), as_votes(control), paired=True, lean=lean)
    for feature in range(3):
        further = np.sign(np.array(data)[:, feature] - np.array(control)[:, feature])
        up, down = count(lean[feature] * further)
        expected = binomtest(up, up + down, 0.5, alternative="greater").pvalue if up + down else 1.0
        assert p[feature] == pytest.approx(expected, rel=1e-9)


def simulate(rng: np.random.Generator, prompts: int, features: int, plus: float, minus: float) -> csc_matrix:
    drawn = rng.random((prompts, features))
    return csc_matrix((drawn < plus).astype(np.float32) - (drawn > 1 - minus).astype(np.float32))


@pytest.mark.parametrize(("plus", "minus"), [(0.3, 0.3), (0.5, 0.1), (0.9, 0.05), (0.05, 0.02), (0.01, 0.0)])
@pytest.mark.parametrize("sizes", [(40, 40), (300, 300), (600, 60), (60, 600)])
def test_the_unpaired_test_keeps_its_level(plus: float, minus: float, sizes: tuple[int, int]) -> None:
    """4,000 features that lean alike in both. At 1%, from which on the audit looks, three standard errors are 0.5%.

    At 5%, up to 8% come up where one side is ten times the other and votes lean by nine to one.
    """
    rng = np.random.default_rng(0)
    data, control = (simulate(rng, size, 4000, plus, minus) for size in sizes)
    for lean in (1.0, -1.0):
        p = difference_test(data, control, paired=False, lean=np.full(4000, lean))
        assert (p < 0.01).mean() < 0.015
        assert (p < 0.001).mean() < 0.003
        assert (p < 0.05).mean() < (0.062 if sizes[0] == sizes[1] else 0.085)


def test_both_difference_tests_see_a_difference_and_ask_about_one_side_alone() -> None:
    rng = np.random.default_rng(0)
    data, control = simulate(rng, 400, 50, 0.6, 0.2), simulate(rng, 400, 50, 0.4, 0.3)
    for paired in (True, False):
        assert difference_test(data, control, paired=paired, lean=np.ones(50)).max() < 0.01
        assert difference_test(data, control, paired=paired, lean=-np.ones(50)).min() > 0.9
