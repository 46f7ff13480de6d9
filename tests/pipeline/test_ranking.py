"""Scores become verdicts problem by problem: the best stands for right, the worst for wrong."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pipeline.ranking import rank_attempts
from pipeline.types import Attempt, Completion, Grade


def make_attempt(index: int, score: float | None) -> Attempt:
    grade = Grade(verdict="unknown", extracted=None, reason="scored", score=score)
    fixed = {"problem_id": "p", "engine": "student", "settings": "s"}
    return Attempt(id=f"a{index}", index=index, completion=Completion(text=f"t{index}"), grade=grade, **fixed)


def verdicts(scores: list[float | None], margin: float = 0.0, worst: int = 1) -> list[str]:
    ranked = rank_attempts([make_attempt(i, score) for i, score in enumerate(scores)], margin, worst)
    return [attempt.grade.verdict for attempt in ranked if attempt.grade]


def test_the_best_and_the_worst_are_decided() -> None:
    assert verdicts([2, 9, 5, None]) == ["wrong", "correct", "unknown", "unknown"]
    assert verdicts([2, 9, 5, 1], worst=2) == ["wrong", "correct", "unknown", "wrong"]


def test_nothing_is_wrong_within_the_margin_or_among_equals() -> None:
    assert verdicts([7, 8, 6], margin=2) == ["unknown", "correct", "unknown"]
    assert verdicts([7, 7, 7]) == ["correct", "unknown", "unknown"]
    assert verdicts([None, None]) == ["unknown", "unknown"]


@given(st.lists(st.none() | st.floats(-5, 5), min_size=1, max_size=8), st.floats(0, 3), st.integers(1, 4))
def test_every_wrong_one_lies_below_the_best_by_more_than_the_margin(
    scores: list[float | None], margin: float, worst: int
) -> None:
    told = verdicts(scores, margin, worst)
    given_scores = [score for score in scores if score is not None]
    wrong = [score for score, verdict in zip(scores, told, strict=True) if verdict == "wrong" and score is not None]
    assert told.count("correct") == bool(given_scores)
    assert len(wrong) <= worst
    assert all(max(given_scores) - score > margin for score in wrong)
