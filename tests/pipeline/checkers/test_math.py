"""Equivalence is found, `wrong` is earned, hostile input costs no more than its limit."""

from __future__ import annotations

import asyncio
import itertools
import json
import threading
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pytest

from pipeline.checkers.math import Settings
from pipeline.types import Grade, Problem

HERE = Path(__file__).parent


def grade_all(
    cases: Iterable[tuple[str, str]], questions: Sequence[str] | None = None, **options: float
) -> list[Grade]:
    """Grade (gold, text) cases with one checker."""

    async def run() -> list[Grade]:
        async with Settings(workers=2, **options).create() as checker:
            asked = questions or itertools.repeat("q")
            problems = [
                (Problem(id=str(i), question=question, answer=gold), text)
                for i, ((gold, text), question) in enumerate(zip(cases, asked, strict=False))
            ]
            return await asyncio.gather(*(checker.check(problem, text) for problem, text in problems))

    return asyncio.run(run())


CORRECT = [
    ("\\frac{1}{2}", "\\boxed{0.5}"),
    ("\\frac{1}{9}", "so \\boxed{\\dfrac{1}{9}}"),
    ("2\\sqrt{2}", "\\boxed{\\sqrt{8}}"),
    ("x^2+2x+1", "\\boxed{(x+1)^2}"),
    ("(-\\infty, 3)", "\\boxed{x<3}"),
    ("\\{1,2\\}", "\\boxed{\\{2, 1\\}}"),
    ("\\text{even}", "\\boxed{Even}"),
    ("420", "The answer is 420."),
    ("10", "\\boxed{10 \\text{ apples}}"),
    ("016", "\\boxed{16}"),
    ("4:30 p.m.", "答：下午4点30分"),
    ("(1,2), (2,1)", "Therefore \\boxed{(2,1)} and \\boxed{(1,2)}."),
    ("2x-y+1=0", "**Answer:** $y = 2x+1$"),
    ("f(x)=x^2", "So $f(t)=t^2$."),
    ("7", "The answer is not 5 but 7."),
]
WRONG = [
    ("\\frac{1}{2}", "\\boxed{\\frac{1}{3}}"),
    ("2\\sqrt{2}", "\\boxed{\\sqrt{7}}"),
    ("x^2+1", "\\boxed{x^2-1}"),
    ("5", "#### 6"),
    ("\\text{Evelyn}", "\\boxed{Briana}"),
    ("\\frac{1}{2^{99}}", "\\boxed{\\frac{1}{2^{98}}}"),
    ("5", "The answer is not 5 but 7."),
    ("3\\text{ cm}", "\\boxed{3\\text{ m}}"),
    ("[0,1)", "\\boxed{[0,1]}"),
    ("(1,2)", "\\boxed{(2,1)}"),
]
UNKNOWN = [
    ("5", "I do not know"),
    ("5", "#### 5\n\\boxed{6}"),
    ("5", "\\boxed{\\text{five or so}}"),
    ("5", "\\boxed{" + "1+" * 900 + "1}"),
    ("10", "\\boxed{10\\%}"),
    ("\\frac{1}{3}", "\\boxed{0.333}"),
    ("x+1", "\\boxed{y+1}"),
    ("5", "We try 5, then 6, then 7 once more"),
    ("12", "\\textbf{(1)} \\boxed{3} \\textbf{(2)} \\boxed{4}"),
    ("11/2", "#### 1 1/2 or so, perhaps"),
    *(("5", f"The answer is {told}") for told in ("not 5.", "at least 5.", "about 5.", "5 or more.", "half of 5.")),
    *(("5", f"答：{told}") for told in ("不是5", "大于5", "至少是5", "5的倍数")),
    *(("5", f"\\boxed{{{told}}}") for told in ("\\ge 5", "\\ne 5", "> 5")),
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


HOSTILE = [
    "\\boxed{9^{9^{9^{9}}}}",
    "\\boxed{" + "{" * 50_000 + "1" + "}" * 50_000 + "}",
    "\\boxed{" * 14_000,
    "\\boxed{10000000!}",
    "\\boxed{((99!)!)!}",
    "\\boxed{" + "\\frac{1}{1+" * 60 + "1" + "}" * 60 + "}",
    "\\boxed{\\sum_{k=1}^{400}\\sum_{j=1}^{400} k^j}",
    "answer is " * 10_000,
    "A: " + "*" * 100_000,
    "$" * 100_000,
    "</think>" * 10_000,
    "#### 5" + " " * 100_000 + "x",
    "#### (" + "a" * 100_000,
    "#### 5" + ", not" * 20_000 + ".",
    "\\boxed{\\lfloor \\pi^{10000000}\\rfloor}",
    "#### 5" + "\\(" * 40_000,
    "\\boxed{" + "x^{" * 200 + "1" + "}" * 200 + "}",
    "\\boxed{\\begin{pmatrix}1&2\\\\3&4\\end{pmatrix}" + "\\begin{pmatrix}1&2\\\\3&4\\end{pmatrix}" * 13 + "}",
]


def test_hostile_answers_end_undecided_and_the_checker_goes_on() -> None:
    cases = [("5", bomb) for bomb in HOSTILE] + [("\\frac12", "\\boxed{0.5}"), ("x", "\\boxed{x+1}")]
    *hostile, last, also = grade_all(cases, limit=4.0)
    assert {grade.verdict for grade in hostile} <= {"unknown", "wrong"}
    assert [grade.verdict for grade in hostile].count("unknown") >= len(HOSTILE) - 3
    assert (last.verdict, also.verdict) == ("correct", "wrong")


def test_what_hangs_the_second_reading_costs_its_limit_and_is_unknown() -> None:
    hanging = ("\\int_0^1 x\\,dx", "\\boxed{\\int_0^1 \\sin(\\sin(\\sin(x^x)))^{99}\\,dx}")
    slow, quick = grade_all([hanging, ("\\frac12", "\\boxed{0.5}")], limit=0.05)
    assert (slow.verdict, quick.verdict) == ("unknown", "correct")
    assert "second reading" in slow.reason


def test_the_checker_works_off_the_main_thread() -> None:
    found: list[Grade] = []
    thread = threading.Thread(target=lambda: found.extend(grade_all([("\\frac12", "\\boxed{0.5}")])))
    thread.start()
    thread.join()
    assert [grade.verdict for grade in found] == ["correct"]


def read_lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_real_attempts_at_math_differ_from_their_labels_where_we_say_why(shared_data: Path) -> None:
    """800 real answers; the labels are another grader's, and wrong in places."""
    rows = read_lines(shared_data / "math_attempts" / "attempts.jsonl")
    cases = [(row["answer"], text) for row in rows for text in row["responses"]]
    questions = [row["question"] for row in rows for _ in row["responses"]]
    where = [(row["id"], index, bool(label)) for row in rows for index, label in enumerate(row["labels"])]
    grades = grade_all(cases, questions=questions, limit=20.0)
    differing = {
        (name, index): grade.verdict
        for (name, index, label), grade in zip(where, grades, strict=True)
        if grade.verdict == "unknown" or (grade.verdict == "correct") != label
    }
    told = read_lines(HERE / "math_attempts_differences.jsonl")
    assert differing == {(row["id"], row["index"]): row["verdict"] for row in told}
    assert all(row["why"] for row in told)


def test_real_attempts_at_gsm8k_are_never_graded_against_their_labels(shared_data: Path) -> None:
    rows = read_lines(shared_data / "gsm8k" / "example_model_solutions.jsonl")
    attempts = [
        (row["ground_truth"].rsplit("A: ", 1)[1], made["solution"], made["is_correct"])
        for row in rows
        for made in row.values()
        if isinstance(made, dict)
    ]
    assert len(attempts) == 5276
    grades = grade_all([(gold, text) for gold, text, _ in attempts])
    assert sum(grade.verdict == "unknown" for grade in grades) <= 15
    decided = [
        (g.verdict == "correct", right)
        for g, (_, _, right) in zip(grades, attempts, strict=True)
        if g.verdict != "unknown"
    ]
    assert all(said == right for said, right in decided)


def share(grades: Sequence[Grade], rows: Sequence[dict[str, Any]], verdict: str, *, equal: bool) -> float:
    """Share of the equal or unequal rows with a verdict."""
    of = [grade.verdict for grade, row in zip(grades, rows, strict=True) if row["equal"] is equal]
    return of.count(verdict) / len(of)


@pytest.mark.parametrize("name", ["hard_set", "olympiad_set"])
def test_hard_pairs_are_decided_and_almost_never_falsely(name: str) -> None:
    rows = read_lines(HERE / f"{name}.jsonl")
    assert len(rows) >= 400
    grades = grade_all([(row["answer"], row["response"]) for row in rows])
    assert share(grades, rows, "wrong", equal=True) <= 0.01
    assert share(grades, rows, "correct", equal=False) <= 0.01
    assert share(grades, rows, "correct", equal=True) >= 0.85
    assert share(grades, rows, "wrong", equal=False) >= 0.8


def test_the_pairs_that_math_verify_publishes_as_equal_are_correct_or_unknown() -> None:
    rows = read_lines(HERE / "math_verify_cases.jsonl")
    equal = [row for row in rows if row["equal"] and "fault" not in row]
    assert len(equal) >= 200
    grades = grade_all([(row["answer"], row["response"]) for row in equal], last_number=True)
    assert [(row, grade) for row, grade in zip(equal, grades, strict=True) if grade.verdict == "wrong"] == []
    assert sum(grade.verdict == "correct" for grade in grades) >= 0.9 * len(equal)


def test_a_guessed_last_number_may_make_a_text_correct_where_configured_and_never_wrong() -> None:
    text = "First 3 of them, then 4, and 12 of the others as well"
    assert [g.verdict for g in grade_all([("12", text), ("13", text)])] == ["unknown", "unknown"]
    assert [g.verdict for g in grade_all([("12", text), ("13", text)], last_number=True)] == ["correct", "unknown"]


def test_a_percent_sign_may_be_left_out_where_a_percentage_is_asked_for() -> None:
    case = [("25\\%", "\\boxed{25}")]
    assert grade_all(case, questions=["By what percent did it grow?"])[0].verdict == "correct"
    assert grade_all(case, questions=["How much did it grow?"])[0].verdict == "unknown"


def test_a_wider_tolerance_takes_a_rounded_decimal_for_the_exact_value() -> None:
    assert grade_all([("\\frac13", "\\boxed{0.333}")], tolerance=0.002)[0].verdict == "correct"


@pytest.mark.parametrize("answer", ["", "  ", "x" * 2000])
def test_a_gold_answer_that_cannot_be_read_is_named(answer: str) -> None:
    assert "cannot read" in (Settings().create().gold_error(Problem(id="p", question="q", answer=answer)) or "")
