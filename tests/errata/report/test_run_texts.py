"""Lengths of texts: counted, measured and drawn as they are."""

from __future__ import annotations

from array import array

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from errata.report.run_texts import describe_lengths, measure, plot_lengths

LENGTHS = st.lists(st.integers(1, 5000), min_size=1, max_size=200)


@given(LENGTHS)
def test_a_distribution_is_measured_as_numpy_does(lengths: list[int]) -> None:
    told = measure(lengths)
    assert (told.n, told.longest) == (len(lengths), max(lengths))
    assert told.mean == pytest.approx(float(np.mean(lengths)))
    ordered = sorted(lengths)
    assert told.low <= told.median <= told.high
    assert told.median == ordered[len(ordered) // 2]
    quantiles = np.quantile(lengths, [0.1, 0.9], method="inverted_cdf")
    assert told.low >= quantiles[0]
    assert told.high >= quantiles[1]


@given(LENGTHS, LENGTHS)
def test_every_text_is_drawn_or_counted_as_too_long(chosen: list[int], rejected: list[int]) -> None:
    lengths = {"chosen": array("q", chosen), "rejected": array("q", rejected)}
    measured = {name: measure(one) for name, one in lengths.items()}
    figure, beyond = plot_lengths(lengths, measured)
    end = figure["layout"]["xaxis"]["range"][1]
    assert beyond == sum(length >= end for length in (*chosen, *rejected))
    assert beyond <= 0.01 * (len(chosen) + len(rejected)) + 1
    for row, trace in enumerate(figure["data"][::2]):
        assert min(trace["x"]) == 0
        assert max(trace["x"]) == end
        assert all(row - 1 < y <= row for y in trace["y"])
    heights = [row - min(trace["y"]) for row, trace in enumerate(figure["data"][::2])]
    assert max(heights) == pytest.approx(0.85)


def test_lengths_are_set_against_those_of_right_and_wrong() -> None:
    measured = {"chosen": measure([20]), "rejected": measure([10])}
    assert "2.00 times as long. There is no control" in describe_lengths(measured)
    measured |= {"own right answers": measure([30]), "own wrong answers": measure([20])}
    assert "own right answers are 1.50 times as long as its wrong ones" in describe_lengths(measured)
