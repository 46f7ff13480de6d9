"""Texts that are the same but for what does not matter."""

from __future__ import annotations

import asyncio

import pytest

from pipeline.checkers.exact import Settings
from pipeline.types import Grade, Problem


def grade(gold: str, text: str, **options: bool) -> Grade:
    return asyncio.run(Settings(**options).create().check(Problem(id="p", question="q", answer=gold), text))


@pytest.mark.parametrize(
    ("gold", "text", "verdict"),
    [
        ("Paris", "The answer is paris.", "correct"),
        ("Paris", "#### **Paris**", "correct"),
        ("Paris", "\\boxed{\\text{Paris}}", "correct"),
        ("New York", "Answer: New  York", "correct"),
        ("北京", "答案：北京。", "correct"),
        ("ABC", "#### ＡＢＣ", "correct"),
        ("Paris", "#### London", "wrong"),
        ("Paris", "#### Paris, Texas", "wrong"),
        ("Paris", "I think it is Paris", "unknown"),
        ("Paris", "#### Paris\n\\boxed{London}", "unknown"),
        ("Paris", "#### ...", "unknown"),
    ],
)
def test_verdicts(gold: str, text: str, verdict: str) -> None:
    made = grade(gold, text)
    assert made.verdict == verdict
    assert made.reason


def test_what_matters_is_an_option() -> None:
    assert grade("Paris", "#### paris", ignore_case=False).verdict == "wrong"
    assert grade("(a)", "#### a", ignore_punctuation=False).verdict == "wrong"
    assert grade("yes", " Yes. ", whole_text=True).verdict == "correct"


def test_a_gold_answer_of_which_nothing_is_left_is_told() -> None:
    checker = Settings().create()
    assert "nothing is left" in (checker.gold_error(Problem(id="p", question="q", answer="...")) or "")
    assert checker.gold_error(Problem(id="p", question="q", answer="x")) is None
