"""Numbers are read exactly, and `wrong` is never said of what cannot be read."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.checkers.numeric import Numeric, Settings, read_number
from pipeline.types import Problem

CHECKER = Numeric(Settings())


def verdict(answer: str, text: str) -> str:
    return CHECKER.compare(answer, text).verdict


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("18", 18),
        ("-3", -3),
        ("−3", -3),
        ("+4", 4),
        ("1,234,567.50", Fraction("1234567.5")),
        ("$18.50", Fraction("18.5")),
        ("-$5", -5),
        ("\\$18", 18),
        ("18 dollars.", 18),
        ("18 apples per day", 18),
        ("3/4", Fraction(3, 4)),
        ("1 1/2", Fraction(3, 2)),
        (".5", Fraction(1, 2)),
        ("5.", 5),
        ("50%", 50),
        ("１８", 18),
        ("1.8 billion", 1_800_000_000),
        ("３万", 30_000),
        ("12元", 12),
        ("45°", 45),
        ("**42**", 42),
        ("twenty-four", 24),
        ("twenty-four apples", 24),
        ("two thirds", Fraction(2, 3)),
        ("二十四", 24),
        ("三百零五个", 305),
        ("两万", 20_000),
        ("百分之五", 5),
        ("三分之二", Fraction(2, 3)),
    ],
)
def test_a_number_is_read_with_what_stands_around_it(text: str, value: Fraction) -> None:
    read = read_number(text)
    assert read is not None
    assert read.value == value


@pytest.mark.parametrize("text", ["", "10+John's age", "5 or 6", "4:30", "x = 4", "1/0", "1,23", "2 x 3", "3, 4"])
def test_what_is_not_one_number_is_not_read(text: str) -> None:
    assert read_number(text) is None


@pytest.mark.parametrize(
    "text",
    [
        "5 + 3 = 8\n#### 8",
        "A: 8",
        "so it is \\boxed{8}",
        "\\boxed{\\text{no}} then \\boxed{8}",
        "The answer is 8.",
        "The final answer is: $8",
        "答案是 8。",
        "答：8元",
        "#### 7\nWait.\n#### 8",
        "#### 8.0",
        "#### 16/2",
    ],
)
def test_the_marked_final_answer_is_what_counts(text: str) -> None:
    assert verdict("8", text) == "correct"


@pytest.mark.parametrize("text", ["#### 9", "A: -8", "\\boxed{80}", "The answer is 88."])
def test_another_marked_number_is_wrong(text: str) -> None:
    assert verdict("8", text) == "wrong"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("I think it is 9", "no final answer"),
        ("", "no final answer"),
        ("#### nine or so", "not a number"),
        ("#### 8\nor \\boxed{9}", "disagree"),
        ("A: 4:30", "not a number"),
        ("#### 8 or more", "not a number"),
    ],
)
def test_what_cannot_be_decided_is_unknown_with_the_reason(text: str, reason: str) -> None:
    grade = CHECKER.compare("8", text)
    assert grade.verdict == "unknown"
    assert reason in grade.reason


def test_a_percent_sign_too_many_is_unknown_not_wrong() -> None:
    assert verdict("0.5", "#### 50%") == "unknown"
    assert verdict("50", "#### 50%") == "correct"
    assert verdict("50%", "#### 0.5") == "unknown"
    assert verdict("50%", "#### 40%") == "wrong"


def test_the_tolerance_is_relative_and_configurable() -> None:
    assert verdict("1000", "#### 1001") == "wrong"
    assert Numeric(Settings(tolerance=0.01)).compare("1000", "#### 1001").verdict == "correct"
    assert verdict("2880000", "#### 2880001") == "wrong"
    assert verdict("2880000.5", "#### 2880000.6") == "correct"


@given(st.decimals(-(10**12), 10**12, places=3), st.decimals(-(10**12), 10**12, places=3))
def test_any_decimal_equals_itself_and_no_other(a, b) -> None:
    assert verdict(str(a), f"#### {a:,}") == "correct"
    if abs(a - b) > abs(a) / 10**5 + abs(b) / 10**5:
        assert verdict(str(a), f"#### {b}") in ("wrong", "unknown")
        assert verdict(str(a), f"#### {b}") == "wrong" or a == 100 * b or b == 100 * a


@given(st.text(max_size=200))
def test_no_text_raises(text: str) -> None:
    assert verdict("8", text) in ("correct", "wrong", "unknown")
    read_number(text)


def test_long_runs_of_digits_and_spaces_cost_no_time() -> None:
    for hostile in ("#### " + "1" * 50_000, "#### " + "1 " * 50_000, "A:" + " " * 50_000, "\\boxed{" * 2_000):
        assert CHECKER.compare("8", hostile).verdict in ("unknown", "wrong")


def test_every_chinese_gold_answer_is_read(shared_data: Path) -> None:
    rows = [json.loads(line) for line in (shared_data / "cmath" / "test.jsonl").read_text().splitlines()]
    unread = [row["answer"] for row in rows if CHECKER.gold_error(Problem(id="p", question="q", answer=row["answer"]))]
    assert len(rows) == 600
    assert unread == []


@pytest.mark.parametrize(
    ("gold", "text"), [("1/3", "#### 0.333"), ("0.05", "#### 5 percent"), ("3.14159", "#### 3.14")]
)
def test_a_rounded_decimal_and_a_lone_percent_sign_are_not_called_wrong(gold: str, text: str) -> None:
    assert verdict(gold, text) == "unknown"


@pytest.mark.parametrize(
    ("gold", "text"), [("1.5 h", "A: 90 minutes"), ("5%", "#### 5 percent"), ("24", "答：二十四个")]
)
def test_units_are_converted_and_words_are_read(gold: str, text: str) -> None:
    assert verdict(gold, text) == "correct"
