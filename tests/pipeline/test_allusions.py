"""A solution that alludes to another text, a correction or a told answer is found; ordinary reasoning is not."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.allusions import ENGLISH, NEEDED, find_allusion

ASCII = st.characters(max_codepoint=127)
GSM8K = Path(__file__).parents[2].parent / "shared" / "data" / "gsm8k" / "train.jsonl"


@pytest.mark.parametrize(
    "text",
    [
        "The student's mistake was to add 2 instead of doubling.",
        "In the attempt, the boxes were counted once. There are 4 * 6 = 24 apples.",
        "The given answer is 18, so she sells 9 eggs.",
        "We know the answer is 18. So 16 - 3 - 4 = 9 eggs.",
        "9 * 2 = 18, which matches the expected answer.",
        "Here is the corrected solution:\n4 * 6 = 24",
        "Let me fix the second step: 4 * 6 = 24.",
        "The error is in step 2.",
        "The original solution forgot the boxes.",
        "4 * 6 = 24. The final answer is known to be 24.",
        "该学生的解答有误。4 * 6 = 24",
        "参考答案是24。",
        "更正如下：4 * 6 = 24",
        "We are given that the answer is 18.",
        "Since the final answer is 18, she sells 9 eggs.",
        "The answer given is 18.",
        "答案已知是18。",
        "The earlier calculation was wrong.",
        "Wait, the original work added 2.",
        "Correction: 47 * 2 = 94",
    ],
)
def test_an_allusion_is_found(text: str) -> None:
    assert find_allusion(text) is not None


def test_what_the_question_speaks_of_is_its_subject() -> None:
    question = "The student's answer was off by 3. How much is the correct answer if it was 15?"
    assert find_allusion("The student's answer was 15, so it should be 18.") is not None
    assert find_allusion("The student's answer was 15, so it should be 18.", question) is None


@pytest.mark.parametrize(
    ("question", "text"),
    [
        ("How much acid is in the original solution?", "The original solution contains 2 L of acid."),
        ("A wrong answer costs 2 points, a right one earns 5.", "That is 2 points for a wrong answer."),
        ("Which of these is even?", "Among the given answer choices, B is even."),
        ("The scale has an error of 3 percent.", "The error is 3 percent of 200, so 6."),
        ("A student writes 5 pages a day; how many did the student write?", "The student wrote 5 pages a day."),
        ("如何解这道题？", "正确的解法是列方程。"),
        ("q", "From the previous calculation, 4 * 6 = 24."),
        ("q", "Since the answer must be a positive integer, x = 3."),
        ("q", "Because the answer should be in dollars, divide by 100."),
        ("q", "The error in the approximation is 0.01."),
        ("q", "Let's fix the value of x."),
        ("How long is the car repair?", "It takes 5 hours to fix the car."),
    ],
)
def test_ordinary_reasoning_is_left_alone(question: str, text: str) -> None:
    assert find_allusion(text, question) is None


@pytest.mark.skipif(not GSM8K.is_file(), reason="the GSM8K data are not beside the project")
def test_reference_rationales_are_hardly_ever_taken_for_allusions() -> None:
    rows = [json.loads(line) for line in GSM8K.read_text().splitlines()]
    found = [row["answer"] for row in rows if find_allusion(row["answer"], row["question"])]
    assert len(found) <= 5, found


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(ENGLISH).flatmap(lambda rule: st.from_regex(re.compile(rule, re.I | re.A), alphabet=ASCII)))
def test_whatever_a_rule_matches_holds_a_needed_word(text: str) -> None:
    assert any(word in text.lower() for word in NEEDED)
