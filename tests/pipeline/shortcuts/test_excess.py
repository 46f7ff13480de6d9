"""Halves of one population raise few alarms, a difference is seen; Holm's procedure by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import norm

from pipeline.shortcuts.excess import INFLATION, Excess, Z, compare, significant
from pipeline.shortcuts.features.base import Family
from pipeline.shortcuts.probes import Rows
from pipeline.shortcuts.settings import AuditSettings

SETTINGS = AuditSettings(repeats=2, permutations=100)


def draw(rng: np.random.Generator, topics: np.ndarray, lean: float) -> Rows:
    """One or two pairs a prompt: the first of 20 columns leans to chosen, all go with the prompt's topic (prompts)."""
    numbers = np.repeat(np.arange(len(topics)), rng.integers(1, 3, len(topics)))
    values = rng.normal(size=(len(numbers), 20)) + topics[numbers]
    values[:, 0] += lean
    return Rows((values / math.sqrt(20)).astype(np.float32), numbers)


def test_halves_of_one_population_raise_few_alarms() -> None:
    """A nominal 5% test raises more than 18 alarms in 200 draws with a probability of 0.6%."""
    rng = np.random.default_rng(0)
    alarms = 0
    for _ in range(200):
        topics = 0.3 * rng.normal(size=(240, 20))
        both = [draw(rng, half, 0.8) for half in (topics[:140], topics[140:])]
        found = compare(both, SETTINGS, paired=False)
        assert found.accuracy > 0.6
        assert found.control is not None
        alarms += found.p_value < 0.05
    assert alarms <= 18


def test_two_draws_of_the_same_prompts_raise_few_alarms() -> None:
    rng = np.random.default_rng(1)
    alarms = 0
    for _ in range(200):
        topics = 0.3 * rng.normal(size=(120, 20))
        alarms += compare([draw(rng, topics, 0.8) for _ in range(2)], SETTINGS, paired=True).p_value < 0.05
    assert alarms <= 18


def test_swapped_pairs_raise_few_alarms_without_a_control() -> None:
    rng = np.random.default_rng(2)
    found = [compare([draw(rng, 0.3 * rng.normal(size=(120, 20)), 0.0)], SETTINGS, paired=False) for _ in range(200)]
    assert sum(f.p_value < 0.05 for f in found) <= 18
    assert all(f.p_value == f.p_swap and f.control is None for f in found)
    assert sum(f.accuracy > f.null95 for f in found) <= 18


@pytest.mark.parametrize("paired", [True, False])
def test_a_planted_difference_is_seen(paired: bool) -> None:
    rng = np.random.default_rng(3)
    topics = 0.3 * rng.normal(size=(200, 20))
    found = compare([draw(rng, topics, 2.0), draw(rng, topics, 0.5)], SETTINGS, paired=paired)
    assert found.p_value < 1e-3
    assert found.interval[0] > 0.05
    assert found.control is not None
    assert found.excess == found.accuracy - found.control
    assert found.p_swap == 1 / 101, "no swap does as well"
    other = compare([draw(rng, topics, 0.5), draw(rng, topics, 2.0)], SETTINGS, paired=paired)
    assert other.p_value > 0.99, "a control that is told better is no excess"


def test_the_interval_and_the_p_value_say_the_same() -> None:
    rng = np.random.default_rng(4)
    topics = 0.3 * rng.normal(size=(150, 20))
    found = compare([draw(rng, topics, 1.0), draw(rng, topics, 0.8)], SETTINGS, paired=True)
    assert found.p_value == pytest.approx(norm.sf(found.excess / (found.half_width / Z)))
    alone = compare([draw(rng, topics, 1.0)], SETTINGS, paired=False)
    assert alone.excess == pytest.approx(alone.accuracy - 0.5)
    low, high = alone.interval
    assert (high - low) / 2 == pytest.approx(alone.half_width)


def test_a_probe_that_tells_every_pair_keeps_an_interval() -> None:
    """All prompts alike have no variance; the interval is that of half a prompt."""
    rows = Rows(np.ones((80, 1), dtype=np.float32), np.arange(80))
    found = compare([rows], SETTINGS, paired=False)
    assert (found.accuracy, found.half_width) == (1.0, pytest.approx(Z * INFLATION * 0.5 / 80))


def test_the_larger_side_learns_from_no_more_prompts_than_the_smaller() -> None:
    """Were it to learn from all of its 600 prompts, the data would be told better than the control, which is alike."""
    rng = np.random.default_rng(5)
    excess = []
    for _ in range(8):
        topics = 0.3 * rng.normal(size=(660, 20))
        found = compare([draw(rng, topics[:600], 0.6), draw(rng, topics[600:], 0.6)], SETTINGS, paired=False)
        excess.append(found.excess)
    assert abs(np.mean(excess)) < 0.04


def make(p_value: float) -> Excess:
    return Excess(0.6, 0.5, 0.1, 0.1, p_value, p_value, 0.55)


@pytest.mark.parametrize(
    ("p_values", "found"),
    [
        ((0.0125, 0.5, 0.6, 0.7), 1),  # 0.05 / 4
        ((0.0126, 0.5, 0.6, 0.7), 0),
        ((0.001, 0.0166, 0.0249, 0.0499), 4),  # 0.05 / 4, / 3, / 2, / 1
        ((0.001, 0.0251, 0.0001, 0.049), 2),  # the third smallest exceeds 0.05 / 2, so that it and the fourth are out
        ((0.02, 0.02, 0.02, 0.02), 0),
    ],
)
def test_families_are_found_by_holms_procedure(p_values: tuple[float, ...], found: int) -> None:
    names: tuple[Family, ...] = ("length", "format", "style", "ngrams")
    order = sorted(zip(p_values, names, strict=True))
    measured = {name: make(p) for name, p in zip(names, p_values, strict=True)}
    assert significant(measured) == [name for _, name in order[:found]]


def test_of_one_family_the_level_is_five_percent() -> None:
    assert significant({"style": make(0.05)}) == ["style"]
    assert significant({"style": make(0.051)}) == []
    assert significant({}) == []
