"""Pairs of very different lengths are flagged; a control widens what is ordinary, and never narrows it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.filters.length_ratio import Settings
from tests.pipeline.filters.conftest import RIGHT, WRONG, make_pair


@pytest.mark.parametrize(
    ("chosen", "rejected", "score"),
    [("a" * 500, "b" * 100, 5.0), ("a" * 20, "b" * 100, 0.2), ("字" * 90, "号" * 10, 9.0), ("a" * 50, "", 50.0)],
)
def test_too_long_and_too_short_are_flagged(chosen: str, rejected: str, score: float) -> None:
    found = Settings().find(make_pair(chosen, f" {rejected}\n"))
    assert found is not None
    assert (found.action, found.score, found.span) == ("flag", score, None)


@pytest.mark.parametrize(
    ("chosen", "rejected"), [(RIGHT, WRONG), (RIGHT, RIGHT), ("a" * 400, "b" * 100), ("a" * 25, "b" * 100), ("", "")]
)
def test_ordinary_lengths_are_not(chosen: str, rejected: str) -> None:
    assert Settings().find(make_pair(chosen, rejected)) is None


def test_a_control_widens_the_bounds_if_it_is_large_enough() -> None:
    control = [make_pair("a" * 1000, "b" * 100)] * 60
    assert Settings().prepare(control)(make_pair("a" * 1000, "b" * 100)) is None
    assert Settings().prepare(control[:49])(make_pair("a" * 1000, "b" * 100)) is not None
    assert Settings().prepare(control)(make_pair("a" * 1001, "b" * 100)) is not None


@given(st.lists(st.floats(0.1, 10), min_size=50, max_size=80), st.floats(0.25, 4))
def test_no_control_narrows_them(ratios: list[float], ratio: float) -> None:
    control = [make_pair("a" * round(1000 * each), "b" * 1000) for each in ratios]
    assert Settings().prepare(control)(make_pair("a" * round(1000 * ratio), "b" * 1000)) is None
