"""Two models on the same problems."""

from __future__ import annotations

import random

import pytest
from scipy.stats import binomtest, bootstrap

from pipeline.measures.answering import Answered, Given
from pipeline.measures.change import compare
from pipeline.types import Grade, Problem

VERDICTS = {"c": "correct", "w": "wrong", "u": "unknown"}


def answer(letters: str, samples: str = "", seconds: str = "") -> list[Answered]:
    """One answered problem a letter, with the same samples each; f is a failed request."""

    def give(letter: str) -> Given:
        failed = letter == "f"
        grade = Grade(verdict=VERDICTS.get(letter, "unknown"), extracted=None, reason="")  # type: ignore[arg-type]
        return Given(None if failed else letter, grade, 1, failed)

    return [
        Answered(
            Problem(id=str(i), question=f"q{i}", answer="1"),
            give(letter),
            tuple(give(one) for one in samples),
            give(seconds[i]) if seconds else None,
        )
        for i, letter in enumerate(letters)
    ]


def test_flips_are_counted_each_way_and_tested_exactly() -> None:
    told = compare(answer("w" * 9 + "c" + "c" * 10), answer("c" * 9 + "w" + "c" * 10))
    assert (told.fixed, told.broken, told.gain.value) == (9, 1, 0.4)
    assert told.p_value == pytest.approx(2 * (1 + 10) / 2**10)
    assert told.p_value == pytest.approx(binomtest(9, 10).pvalue)
    assert told.significant
    assert told.conclusion.startswith("`after` is better by 40.0 points")
    assert [flip.problem_id for flip in told.examples["fixed"]] == ["0", "1", "2", "3", "4"]
    assert (told.examples["broken"][0].before, told.examples["broken"][0].after) == ("c", "w")


def test_no_flip_is_no_significant_change() -> None:
    told = compare(answer("cw"), answer("cw"))
    assert (told.p_value, told.gain.value, told.significant) == (1.0, 0.0, False)
    assert told.conclusion.startswith("No significant change")


def test_a_fall_is_called_worse() -> None:
    assert "`late` is worse by 50.0 points" in compare(answer("c" * 20), answer("c" * 10 + "w" * 10), "late").conclusion


def test_the_interval_of_the_gain_is_that_of_the_paired_bootstrap() -> None:
    drawn = random.Random(3)
    before, after = ("".join(drawn.choices("cw", weights, k=300)) for weights in ((3, 7), (6, 4)))
    told = compare(answer(before), answer(after)).gain
    differences = [(new == "c") - (old == "c") for old, new in zip(before, after, strict=True)]
    wanted = bootstrap((differences,), lambda x, axis: x.mean(axis=axis), method="percentile", n_resamples=9999, rng=0)
    assert told.interval == pytest.approx(tuple(wanted.confidence_interval), abs=0.012)


def test_failed_requests_are_named_beside_the_numbers() -> None:
    assert "10% of the requests failed" in compare(answer("c" * 9 + "f"), answer("c" * 10)).conclusion
    assert "failed" not in compare(answer("c" * 99 + "f"), answer("c" * 100)).conclusion


def test_gains_of_samples_and_of_second_turns_are_told() -> None:
    told = compare(answer("ww", "cw", seconds="ww"), answer("ww", "ccw", seconds="cw"))
    assert told.sampled_gain is not None
    assert told.sampled_gain.value == round(2 / 3 - 1 / 2, 4)
    assert told.second_turn_gain is not None
    assert told.second_turn_gain.value == 0.5
    assert compare(answer("w"), answer("c")).sampled_gain is None
