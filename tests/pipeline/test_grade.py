"""Grading a completion, and the estimate of what wrong verdicts do."""

from __future__ import annotations

import asyncio

import pytest

from pipeline.checkers.numeric import Settings
from pipeline.grade import grade_completion, rejected_contamination
from pipeline.types import Completion, Problem

PROBLEM = Problem(id="p", question="q", answer="8")


@pytest.mark.parametrize(
    ("finish", "verdict"), [("stop", "correct"), ("length", "unknown"), ("content_filter", "unknown")]
)
def test_a_text_that_did_not_end_by_itself_is_unknown_even_if_it_looks_right(finish: str, verdict: str) -> None:
    completion = Completion.model_validate({"text": "#### 8", "finish_reason": finish})
    assert asyncio.run(grade_completion(Settings().create(), PROBLEM, completion)).verdict == verdict


def test_the_contamination_of_the_rejected_pool() -> None:
    assert rejected_contamination(0.9, 0.02) == pytest.approx(0.018 / 0.118)
    assert rejected_contamination(0.5, 0.0) == 0
    assert rejected_contamination(1.0, 0.02) == pytest.approx(1)
    assert rejected_contamination(1.0, 0.0) == 0
