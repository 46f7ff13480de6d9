"""Intervals are scipy's, and hold the truth as often as they say."""

from __future__ import annotations

import math
import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from pipeline.measures.bootstrap import bootstrap_mean, bootstrap_ratio, round_off

FINITE = st.floats(-1e6, 1e6)


@pytest.mark.parametrize("draw", ["normal", "exponential", "right_or_wrong"])
def test_the_interval_of_a_mean_is_scipys(draw: str) -> None:
    rng = np.random.default_rng(1)
    values = {
        "normal": rng.normal(3, 2, 80),
        "exponential": rng.exponential(1, 80),
        "right_or_wrong": (rng.random(80) < 0.3).astype(float),
    }[draw]
    theirs = stats.bootstrap((values,), np.mean, method="percentile", n_resamples=40_000, rng=2).confidence_interval
    ours = bootstrap_mean(values.tolist(), draws=40_000)
    assert ours.value == pytest.approx(values.mean(), abs=5e-5)
    spread = values.std() / math.sqrt(len(values))
    assert ours.interval == pytest.approx((theirs.low, theirs.high), abs=0.05 * spread)


def test_the_interval_of_a_ratio_is_scipys_of_paired_draws() -> None:
    rng = np.random.default_rng(3)
    tokens = rng.integers(5, 200, 60).astype(float)
    sums = tokens * rng.normal(0.5, 0.3, 60)

    def ratio(above: np.ndarray, below: np.ndarray, axis: int) -> np.ndarray:
        return above.sum(axis=axis) / below.sum(axis=axis)

    theirs = stats.bootstrap((sums, tokens), ratio, paired=True, method="percentile", n_resamples=40_000, rng=4)
    low, high = theirs.confidence_interval
    ours = bootstrap_ratio(sums.tolist(), tokens.tolist(), draws=40_000)
    assert ours.value == pytest.approx(sums.sum() / tokens.sum(), abs=5e-5)
    assert ours.interval == pytest.approx((low, high), abs=0.03 * (high - low))


def test_shares_right_are_distributed_binomially() -> None:
    binomial = stats.binom(40, 0.25)
    told = bootstrap_mean([1.0] * 10 + [0.0] * 30, draws=20_000)
    assert told.value == 0.25
    assert told.interval == (binomial.ppf(0.025) / 40, binomial.ppf(0.975) / 40)


def test_about_95_of_100_intervals_hold_the_mean() -> None:
    rng = np.random.default_rng(5)
    told = [bootstrap_mean(rng.exponential(1, 100).tolist(), draws=500) for _ in range(600)]
    held = sum(one.interval[0] <= 1 <= one.interval[1] for one in told) / 600
    assert 0.90 <= held <= 0.97  # the percentile bootstrap of a skewed mean falls a little short


def test_equal_values_have_no_width_and_so_has_a_single_one() -> None:
    assert bootstrap_mean([0.1] * 7).interval == (0.1, 0.1)
    assert bootstrap_mean([0.7]).interval == (0.7, 0.7)
    assert bootstrap_ratio([1, 2, 3], [2, 4, 6]).interval == (0.5, 0.5)


def test_a_mean_over_tokens_weighs_long_answers_more() -> None:
    assert bootstrap_ratio([1, 0], [1, 9]).value == 0.1


def test_draws_without_a_denominator_are_left_out() -> None:
    told = bootstrap_ratio([3, 0, 0], [1, 0, 0])
    assert (told.value, told.interval) == (3, (3, 3))


def test_the_same_seed_gives_the_same_interval_and_another_one_another() -> None:
    values = [float(n * n % 17) for n in range(50)]
    assert bootstrap_mean(values) == bootstrap_mean(values)
    assert bootstrap_mean(values) != bootstrap_mean(values, seed=1)


@given(st.lists(FINITE, min_size=1, max_size=30), st.integers(0, 5))
def test_an_interval_lies_within_the_values(values: list[float], seed: int) -> None:
    low, high = bootstrap_mean(values, draws=200, seed=seed).interval
    assert min(values) - 1e-3 <= low <= high <= max(values) + 1e-3


def test_ten_thousand_values_take_megabytes() -> None:
    values = np.random.default_rng(0).random(10_000).tolist()
    tracemalloc.start()
    told = bootstrap_mean(values)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 50e6
    low, high = told.interval
    assert high - low == pytest.approx(2 * 1.96 * math.sqrt(1 / 12 / 10_000), rel=0.08)


def test_small_values_keep_three_digits_and_rounding_noise_is_dropped() -> None:
    assert round_off(0.123456) == 0.1235
    assert round_off(-0.0123456) == -0.0123
    assert round_off(0.00123456) == 0.00123
    assert round_off(4.5678e-7) == 4.57e-7
    assert str(round_off(-3e-17)) == "0.0"
    assert bootstrap_mean([0.1, 0.2, -0.3]).value == 0


@pytest.mark.parametrize("values", [[], [1.0, math.nan], [math.inf]])
def test_no_values_and_infinite_ones_are_refused(values: list[float]) -> None:
    with pytest.raises(ValueError, match=r"there are none|\[\d\] is (nan|inf)"):
        bootstrap_mean(values)
    with pytest.raises(ValueError, match=r"there are none|\[\d\] is (nan|inf)"):
        bootstrap_ratio([1.0] * len(values), values)


def test_denominators_that_make_no_ratio_are_refused() -> None:
    with pytest.raises(ValueError, match="2 numerators, but 1 denominators"):
        bootstrap_ratio([1, 2], [1])
    for below in ([0.0, 0.0], [2.0, -1.0]):
        with pytest.raises(ValueError, match="must not be negative, nor all 0"):
            bootstrap_ratio([1, 2], below)
