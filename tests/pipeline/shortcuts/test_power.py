"""What a size of data can show: against sums of binomial terms and against draws."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.stats import false_discovery_control

from pipeline.shortcuts.power import CERTAINTY, minimum_detectable_prevalence, prompts_needed, votes_needed
from pipeline.shortcuts.votes import sign_test


def at_least(votes: int, prompts: int, share: float) -> float:
    """Probability that so many prompts carry a marker, summed term by term."""
    few = (math.comb(prompts, k) * share**k * (1 - share) ** (prompts - k) for k in range(votes))
    return 1 - math.fsum(few)


@settings(deadline=None)
@given(st.integers(1, 100_000), st.floats(0.001, 0.2))
def test_so_many_votes_of_one_sign_are_significant_and_one_fewer_is_not(features: int, q: float) -> None:
    votes = votes_needed(features, q)
    assert 2 * 0.5**votes <= q / features * (1 + 1e-9)
    assert votes == 1 or 2 * 0.5 ** (votes - 1) > q / features * (1 - 1e-9)


@pytest.mark.parametrize("features", [1, 300, 5000])
def test_the_votes_needed_pass_the_very_test_that_the_audit_makes(features: int) -> None:
    """One feature with all votes on one side among features that nothing speaks for."""
    votes = votes_needed(features, 0.01)
    for number, found in ((votes, True), (votes - 1, False)):
        plus, minus = np.full(features, 30), np.full(features, 30)
        plus[0], minus[0] = number, 0
        q_values = false_discovery_control(sign_test(plus, minus))
        assert (q_values[0] <= 0.01) is np.bool_(found)


@settings(deadline=None)
@given(st.integers(10, 600), st.integers(1, 2000))
def test_the_smallest_prevalence_is_found_in_95_of_100_data_sets(prompts: int, features: int) -> None:
    share, votes = minimum_detectable_prevalence(prompts, features, 0.01), votes_needed(features, 0.01)
    assume(votes <= prompts)
    assert share is not None
    assert at_least(votes, prompts, share) == pytest.approx(CERTAINTY, abs=1e-6)
    assert at_least(votes, prompts, share * 0.99) < CERTAINTY


def test_the_smallest_prevalence_is_what_draws_show() -> None:
    share = minimum_detectable_prevalence(300, 2000, 0.01)
    assert share is not None
    carriers = np.random.default_rng(0).binomial(300, share, 20_000)
    assert (carriers >= votes_needed(2000, 0.01)).mean() == pytest.approx(CERTAINTY, abs=0.006)


def test_more_prompts_show_less_and_too_few_show_nothing() -> None:
    assert minimum_detectable_prevalence(10, 1000, 0.01) is None
    shares = [minimum_detectable_prevalence(prompts, 1000, 0.01) for prompts in (18, 100, 600, 60_000)]
    assert all(share is not None for share in shares)
    assert shares == sorted(shares, key=lambda share: -(share or 0))
    assert shares[0] is not None
    assert shares[0] > 0.99
    assert shares[-1] is not None
    assert shares[-1] < 0.003  # the vocabulary is learnt from 4,000 prompts


@settings(deadline=None)
@given(st.integers(40, 5000), st.floats(-0.2, 0.4), st.floats(0.005, 0.3))
def test_with_the_prompts_needed_the_interval_decides(prompts: int, excess: float, half_width: float) -> None:
    needed = prompts_needed(prompts, excess, half_width, 0.05)
    then = half_width * math.sqrt(prompts / needed)
    if excess < 0.05 * 3 / 4:
        assert excess + then <= 0.05 + 1e-9, "clean"
    elif excess >= 0.05:
        assert excess - then >= -1e-9, "an excess is there"
