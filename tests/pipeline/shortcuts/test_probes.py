"""The closed form of the probes is scikit-learn's ridge regression, fold by fold and swap by swap."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_matrix
from sklearn.linear_model import Ridge

from pipeline.shortcuts.probes import RIDGE, Rows, _split, scale_together, score_pairs, tell_apart


def make_rows(prompts: int, columns: int, *, seed: int = 0, lean: float = 0.3, most: int = 3) -> Rows:
    """Rows of unit size on average, one to `most` pairs a prompt in mixed order; the first column leans to chosen."""
    rng = np.random.default_rng(seed)
    numbers = rng.permutation(np.repeat(np.arange(prompts), rng.integers(1, most + 1, prompts)))
    values = rng.normal(size=(len(numbers), columns))
    values[:, 0] += lean * math.sqrt(columns)
    return Rows((values / math.sqrt(columns)).astype(np.float32), numbers)


@pytest.mark.parametrize("columns", [7, 400])
def test_scores_are_those_of_ridge_regression_out_of_fold(columns: int) -> None:
    """With few columns the primal form is solved, with more columns than rows the dual one."""
    rows = make_rows(90, columns)
    assert (columns > len(rows.values)) is (columns == 400)
    options = {"folds": 5, "repeats": 3, "train_prompts": 60}
    expected = np.zeros(len(rows.values))
    rng = np.random.default_rng(4)
    for _ in range(3):
        for test, train in _split(rows, 5, 60, rng):
            model = Ridge(alpha=RIDGE, fit_intercept=False, solver="cholesky")
            model.fit(rows.values[train].astype(np.float64), np.ones(len(train)), rows.weights()[train])
            expected[test] += model.predict(rows.values[test]) / 3
    np.testing.assert_allclose(score_pairs(rows, **options, seed=4), expected, rtol=1e-6, atol=1e-9)


def test_primal_and_dual_agree_where_both_can_be_solved() -> None:
    """A column of zeros changes nothing but the form that is solved."""
    rows = make_rows(40, 30, most=1)
    wide = replace(rows, values=np.hstack([rows.values, np.zeros((40, 300), dtype=np.float32)]))
    one, other = (score_pairs(r, folds=4, repeats=2, train_prompts=30, seed=1) for r in (rows, wide))
    np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("columns", [6, 300])
def test_a_permutation_is_a_run_on_swapped_pairs(columns: int) -> None:
    rows = make_rows(60, columns)
    options = {"folds": 5, "repeats": 2, "train_prompts": 48, "permutations": 4, "seed": 7}
    told = tell_apart(rows, **options)
    swaps = np.random.default_rng([7, 1]).choice([-1.0, 1.0], (60, 4))
    assert 0.3 < (swaps > 0).mean() < 0.7
    for number in range(4):
        swapped = replace(rows, values=rows.values * swaps[rows.prompts, number][:, None].astype(np.float32))
        np.testing.assert_allclose(tell_apart(swapped, **options)[:, 0], told[:, 1 + number], atol=1e-12)


@settings(deadline=None, max_examples=50)
@given(st.integers(5, 60), st.integers(2, 5), st.integers(1, 60), st.integers(0, 99))
def test_folds_share_no_prompt_and_learn_from_no_more_than_allowed(
    prompts: int, folds: int, most: int, seed: int
) -> None:
    rows = make_rows(prompts, 2, seed=seed)
    tested = []
    for test, train in _split(rows, folds, most, np.random.default_rng(seed)):
        learnt = set(rows.prompts[train].tolist())
        assert learnt.isdisjoint(rows.prompts[test].tolist())
        of_fold = set(rows.prompts[test].tolist())
        assert len(learnt) == min(most, prompts - len(of_fold))
        assert sorted(train) == sorted(np.flatnonzero(np.isin(rows.prompts, list(learnt)))), "all pairs of a prompt"
        tested += test.tolist()
    assert sorted(tested) == list(range(len(rows.values)))


def test_a_text_seen_in_training_does_not_help_with_its_prompt() -> None:
    """Each prompt has words of its own; only a probe that has seen the prompt could know what they mean."""
    rng = np.random.default_rng(0)
    numbers = np.repeat(np.arange(80), 4)
    values = np.zeros((320, 80), dtype=np.float32)
    values[np.arange(320), numbers] = 1.0
    values = np.hstack([values, rng.normal(size=(320, 5)).astype(np.float32) * 0.1])
    told = tell_apart(Rows(values, numbers), folds=5, repeats=2, train_prompts=64)
    assert 0.35 < told.mean() < 0.65


def test_ties_count_half_and_the_shares_of_a_prompt_are_means_of_its_pairs() -> None:
    values = np.zeros((40, 1), dtype=np.float32)
    values[:20] = 1.0
    rows = Rows(values, np.arange(40))
    told = tell_apart(rows, folds=4, repeats=2, train_prompts=30)
    assert told[:20, 0].tolist() == [1.0] * 20
    assert told[20:, 0].tolist() == [0.5] * 20
    mixed = Rows(np.array([[1.0], [0.0], [-1.0], [1.0]] * 20, dtype=np.float32), np.repeat(np.arange(20), 4))
    assert tell_apart(mixed, folds=5, repeats=1, train_prompts=16)[:, 0].tolist() == [(1 + 0.5 + 0 + 1) / 4] * 20


def test_all_prompts_weigh_the_same_whatever_their_pairs() -> None:
    """One prompt with 400 pairs says the opposite of 60 prompts with one pair each."""
    values = np.array([[-1.0]] * 400 + [[1.0]] * 60, dtype=np.float32)
    rows = Rows(values, np.concatenate([np.zeros(400, dtype=np.intp), np.arange(1, 61)]))
    assert tell_apart(rows, folds=5, repeats=1, train_prompts=48)[1:, 0].tolist() == [1.0] * 60


def test_nothing_to_learn_is_told_half_of_the_time() -> None:
    rows = make_rows(300, 20, lean=0.0, most=1)
    told = tell_apart(rows, folds=5, repeats=3, train_prompts=240, permutations=100).mean(axis=0)
    assert abs(told[0] - 0.5) < 0.08
    assert abs(told[1:].mean() - 0.5) < 0.015
    assert make_rows(300, 20, lean=0.9, most=1).count == 300
    assert tell_apart(make_rows(300, 20, lean=0.9), folds=5, repeats=1, train_prompts=240).mean() > 0.75


def test_columns_are_chosen_and_scaled_without_a_look_at_which_text_was_chosen() -> None:
    rng = np.random.default_rng(0)
    dense = rng.poisson(0.4, (50, 30)).astype(np.float32) - rng.poisson(0.4, (50, 30)).astype(np.float32)
    dense[:, 3] = 0
    dense[:, 5] = 100 * rng.choice([-1, 1], 50)
    swaps = rng.choice([-1.0, 1.0], (50, 1)).astype(np.float32)
    (rows,) = scale_together([csr_matrix(dense)], 12)
    (swapped,) = scale_together([csr_matrix(dense * swaps)], 12)
    np.testing.assert_allclose(swapped, rows * swaps, rtol=1e-6)
    assert rows.shape == (50, 12)
    assert (rows**2).sum(axis=1).mean() == pytest.approx(1, rel=1e-5)
    (every,) = scale_together([csr_matrix(dense)], 1000)
    assert every.shape == (50, 29), "a column of zeros is none"
    first, second = scale_together([csr_matrix(dense[:20]), csr_matrix(dense[20:])], 12)
    np.testing.assert_allclose(np.vstack([first, second]), rows, rtol=1e-5)
