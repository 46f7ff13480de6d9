"""Numbers as a page shows them."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from errata.report.wording import bounds, log_odds, p_text, percent, ratio, shorten, signed


def test_shares_have_a_sign_where_they_are_differences() -> None:
    assert percent(0.7204) == "72.0%"
    assert signed(0.2755) == "+27.6%"
    assert signed(-0.0681) == "−6.8%"
    assert bounds((-0.0004, 0.0804)) == "0.0% to +8.0%"


def test_a_p_value_of_zero_is_called_small() -> None:
    assert p_text(0.0) == "< 1e-300"
    assert p_text(0.01234) == "0.012"


@given(st.integers(0, 10**6), st.integers(0, 10**6))
def test_log_odds_change_their_sign_with_the_sides(chosen: int, rejected: int) -> None:
    assert math.isclose(log_odds(chosen, rejected), -log_odds(rejected, chosen), abs_tol=1e-12)
    assert ratio(316, 1000) == "316 : 1,000"


def test_a_text_that_is_cut_says_how_long_it_was() -> None:
    assert shorten("line\nend", 80) == "line⏎end"
    assert shorten("x" * 100_000, 80) == "x" * 80 + "… (100,000 characters)"
