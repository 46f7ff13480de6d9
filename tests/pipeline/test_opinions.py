"""What first and second opinions say of right answers that are called wrong."""

from __future__ import annotations

import pytest

from pipeline.opinions import SecondOpinions, measure_rate
from pipeline.types import Grade, Opinion, Verdict


def count(*kinds: tuple[int, Verdict, Verdict | None, Verdict]) -> SecondOpinions:
    """So many grades of each kind: the first's verdict, the second's, the one that came of both."""
    opinions = SecondOpinions()
    for n, first, second, final in kinds:
        said = [Opinion(checker="c", verdict=v, reason="") for v in (first, second) if v is not None]
        grade = Grade(verdict=final, extracted=None, reason="", opinions=tuple(said) if second else ())
        for _ in range(n):
            opinions.add(grade)
    return opinions


def test_the_rate_is_the_share_of_right_answers_that_the_first_called_wrong() -> None:
    opinions = count(
        (90, "correct", None, "correct"),
        (6, "unknown", "correct", "correct"),
        (4, "wrong", "correct", "unknown"),
        (76, "wrong", "wrong", "wrong"),
        (20, "wrong", "unknown", "wrong"),
        (5, "unknown", None, "unknown"),
    )
    rate = opinions.measured
    assert rate is not None
    assert (rate.value, rate.source, rate.n) == (0.04, "measured", 100)
    assert rate.interval == (0.0157, 0.0984)
    assert opinions.table == {
        "wrong": {"correct": 4, "wrong": 76, "unknown": 20},
        "unknown": {"correct": 6, "wrong": 0, "unknown": 0},
    }
    missed, on_the_first_alone = 10 * 0.01 / 0.99, 20 * 4 / 80
    assert opinions.contamination(0.01) == pytest.approx((missed + on_the_first_alone) / 96)


def test_a_second_opinion_that_is_never_wrong_leaves_nothing_behind() -> None:
    opinions = count((10, "wrong", "correct", "unknown"), (10, "wrong", "wrong", "wrong"))
    assert opinions.contamination(0.0) == 0
    assert count((10, "wrong", "correct", "unknown")).contamination() == 0, "the pool is empty"


def test_nothing_is_measured_where_no_second_opinion_decided_about_a_wrong_one() -> None:
    assert count((5, "correct", None, "correct"), (5, "wrong", None, "wrong")).measured is None
    assert count((5, "unknown", "correct", "correct")).measured is None
    assert count((5, "wrong", "unknown", "wrong")).measured is None
    assert count((5, "wrong", "wrong", "wrong")).measured is None, "there is no right answer to be missed"
    assert measure_rate(0, 0) is None
