"""math-verify in killable processes: equivalence is found, `wrong` is earned, hostile input costs its limit."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterable
from pathlib import Path

import pytest

from pipeline.checkers.math import Settings
from pipeline.types import Grade, Problem


def grade_all(cases: Iterable[tuple[str, str]], **options: float) -> list[Grade]:
    """Grade (gold, text) cases with one checker."""

    async def run() -> list[Grade]:
        async with Settings(workers=2, **options).create() as checker:
            problems = [(Problem(id=str(i), question="q", answer=gold), text) for i, (gold, text) in enumerate(cases)]
            return await asyncio.gather(*(checker.check(problem, text) for problem, text in problems))

    return asyncio.run(run())


CORRECT = [
    ("\\frac{1}{2}", "\\boxed{0.5}"),
    ("\\frac{1}{9}", "so \\boxed{\\dfrac{1}{9}}"),
    ("2\\sqrt{2}", "\\boxed{\\sqrt{8}}"),
    ("x^2+2x+1", "\\boxed{(x+1)^2}"),
    ("(-\\infty, 3)", "\\boxed{(-\\infty,3)}"),
    ("\\{1,2\\}", "\\boxed{\\{2, 1\\}}"),
    ("\\text{even}", "\\boxed{Even}"),
    ("420", "The answer is 420."),
    ("10", "\\boxed{10 \\text{ apples}}"),
]
WRONG = [
    ("\\frac{1}{2}", "\\boxed{\\frac{1}{3}}"),
    ("2\\sqrt{2}", "\\boxed{\\sqrt{7}}"),
    ("x^2+1", "\\boxed{x^2-1}"),
    ("5", "#### 6"),
    ("\\text{Evelyn}", "\\boxed{Briana}"),
]
UNKNOWN = [
    ("5", "I do not know"),
    ("5", "#### 5\n\\boxed{6}"),
    ("5", "\\boxed{\\text{five or so}}"),
    ("5", "\\boxed{" + "1+" * 900 + "1}"),
]


def test_equivalent_answers_are_correct_different_ones_wrong_and_the_rest_unknown() -> None:
    grades = grade_all([*CORRECT, *WRONG, *UNKNOWN])
    wanted = ["correct"] * len(CORRECT) + ["wrong"] * len(WRONG) + ["unknown"] * len(UNKNOWN)
    told = [
        (case, grade)
        for case, grade, want in zip([*CORRECT, *WRONG, *UNKNOWN], grades, wanted, strict=True)
        if grade.verdict != want
    ]
    assert told == []
    assert all(grade.reason for grade in grades)


def test_hostile_answers_cost_their_limit_and_the_checker_goes_on() -> None:
    bombs = ["\\boxed{9^{9^{9^{9}}}}", "\\boxed{" + "{" * 400 + "1" + "}" * 400 + "}", "\\boxed{10000000!}"]
    cases = [("5", bomb) for bomb in bombs] + [("\\frac12", "\\boxed{0.5}")] * 2
    *hostile, last, also = grade_all(cases, limit=4.0)
    assert {grade.verdict for grade in hostile} <= {"unknown", "wrong"}
    assert "unknown" in {grade.verdict for grade in hostile}
    assert (last.verdict, also.verdict) == ("correct", "correct")


def test_the_checker_works_off_the_main_thread() -> None:
    found: list[Grade] = []
    thread = threading.Thread(target=lambda: found.extend(grade_all([("\\frac12", "\\boxed{0.5}")])))
    thread.start()
    thread.join()
    assert [grade.verdict for grade in found] == ["correct"]


def test_real_attempts_at_math_agree_with_their_labels(shared_data: Path) -> None:
    """800 real answers; the labels are another grader's, whose known slip is "4:30" for "4:30 p.m."."""
    rows = [json.loads(line) for line in (shared_data / "math_attempts" / "attempts.jsonl").read_text().splitlines()]
    cases = [(row["answer"], text) for row in rows for text in row["responses"]]
    labels = [bool(label) for row in rows for label in row["labels"]]
    grades = grade_all(cases, limit=20.0)
    against = [
        (gold, grade) for (gold, _), grade, label in zip(cases, grades, labels, strict=True)
        if grade.verdict != "unknown" and (grade.verdict == "correct") != label
    ]  # fmt: skip
    mislabelled = {"10{,}000"}  # the label refuses "10000"
    assert [case for case in against if case[0] not in mislabelled] == []
    assert sum(grade.verdict == "unknown" for grade in grades) <= 24


@pytest.mark.parametrize("answer", ["", "  ", "x" * 2000])
def test_a_gold_answer_that_cannot_be_read_is_named(answer: str) -> None:
    assert "cannot read" in (Settings().create().gold_error(Problem(id="p", question="q", answer=answer)) or "")
