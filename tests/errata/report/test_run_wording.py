"""Numbers of a run as its page says them."""

from __future__ import annotations

import pytest

from errata.report.run_wording import (
    counted,
    duration,
    model_name,
    money,
    number,
    p_said,
    points,
    points_between,
    share_of,
    signed_number,
)


def test_differences_carry_a_sign_and_a_true_minus() -> None:
    assert points(0.694) == "+69.4 points"
    assert points(-0.0104) == "−1.0 points"
    assert points(0.0001) == points(-0.0001) == "0.0 points"
    assert points_between((-0.01, 0.2)) == "−1.0 to +20.0"
    assert (signed_number(1.5), signed_number(-1.5), signed_number(0.001)) == ("+1.50", "−1.50", "0.00")
    assert number(-1234.5, 1) == "−1,234.5"


def test_counts_shares_and_p_values_read_as_words() -> None:
    assert [counted(n, "pair") for n in (0, 1, 1000)] == ["0 pairs", "1 pair", "1,000 pairs"]
    assert (share_of(1, 3), share_of(1, 0)) == ("33.3%", "")
    assert (p_said(0.0123), p_said(0.0)) == ("p = 0.012", "p < 1e-300")


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.04, "0.0 s"), (9.94, "9.9 s"), (61, "61 s"), (600, "10 min"), (9000, "2.5 h")]
)
def test_times_are_told_in_the_unit_that_reads_best(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_small_costs_keep_their_digits() -> None:
    assert [money(cost) for cost in (0.0, 0.0123, 1.5, 1234.5)] == ["0.00", "0.0123", "1.50", "1,234.50"]


@pytest.mark.parametrize(
    ("engine", "name"),
    [
        ({"model": "Qwen/Qwen3-4B"}, "Qwen/Qwen3-4B"),
        ({"model": "/models/mine"}, "mine"),
        ({"model": "/runs/x/round-2/policy"}, "round-2/policy"),
        ({"engine": "pool", "endpoints": {}}, "pool"),
        ({}, "unknown"),
    ],
)
def test_a_model_is_called_by_its_id_or_its_folder(engine: dict[str, object], name: str) -> None:
    assert model_name(engine) == name
