"""Worked solutions with their numbers blotted out."""

from __future__ import annotations

import json
import re
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.answers.numerals import read_numeral
from pipeline.steps.mask import mask_numbers

QUESTION = "Tom has 4 boxes of 6 pens, and three pens more. He sells 1,000 cards."


def mask(text: str, answer: str = "27", question: str = QUESTION) -> str:
    return mask_numbers(text, question=question, answer=answer)


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("4 * 6 = <<4*6=24>>24\n24 + 3 = 27\n#### 27", "4 * 6 = ■\n■ + 3 = ■\n#### ■"),
        ("He sells 1000 of 2,000 cards.", "He sells 1000 of ■ cards."),
        ("x_1 = 24 and H2O, \\frac{24}{4}", "x_1 = ■ and H2O, \\frac{■}{4}"),
        ("\\frac{6}{5}, \\frac46, \\frac45", "\\frac{6}{■}, \\frac46, \\frac4■"),
        ("24 apples, 3x4=12, 4.0 and 50% more", "■ apples, 3x4=■, 4.0 and ■ more"),
        ("So \\boxed{4 * 6 + 3} it is.", "So \\boxed{■} it is."),
        ("The answer is 4 boxes. Then more.", "The answer is ■. Then more."),
        ("**Answer:** 4 boxes", "**Answer:** ■"),
        ("### Final Answer\n\n$4$", "### Final Answer\n\n■"),
        ("Step 2: 4 * 6\n3. twelve", "Step 2: 4 * 6\n3. twelve"),
    ],
)
def test_only_the_numbers_of_the_question_are_left(text: str, masked: str) -> None:
    assert mask(text) == masked


@pytest.mark.parametrize(
    ("answer", "writings"),
    [
        ("1,000", ["1000", "1,000", "1{,}000", "1\\,000", "1 000", "$1,000", "1000.00", "one thousand", "一千", "1千"]),
        ("12", ["12", "12.0", "twelve", "Twelve", "a dozen", "十二", "12th", "-12", "12-inch", "12个"]),
        (
            "3/4",
            ["3/4", "\\frac{3}{4}", "\\dfrac34", "0.75", "¾", "three quarters", "四分之三", "6/8", "75%"],
        ),
        ("50%", ["50%", "50\\%", "0.5", "1/2", "half", "一半", "50 percent"]),
        ("3万", ["30000", "30,000", "3万", "三万"]),
        ("(3, 7)", ["x = 3 and y = 7", "(3, 7)", "(3,7)"]),
        ("x = 5", ["5", "x = 5", "five"]),
        ("4:30 p.m.", ["4:30 p.m.", "4:30"]),
        ("\\frac{\\pi}{2}", ["\\frac{\\pi}{2}", "\\dfrac{\\pi}{2}", "\\frac {\\pi} {2}", "\\frac\\pi2"]),
        ("Tuesday", ["Tuesday", "tuesday"]),
        ("星期二", ["星期二", "是星期二。"]),
    ],
)
def test_the_answer_goes_in_every_writing_even_where_the_question_has_it(answer: str, writings: list[str]) -> None:
    for writing in writings:
        masked = mask(f"We get {writing} now.", answer, f"{QUESTION} Not {writing}.")
        assert "■" in masked, masked
        assert writing.strip("-$是。th").lower() not in masked.lower(), masked


@pytest.mark.parametrize(
    ("text", "answer", "masked"),
    [
        ("Choose A or B. The answer is (B).", "B", "Choose A or B. The answer is ■."),
        ("所以选 B。\n答案：B", "B", "所以选 B。\n答案：■"),
        ("A cat is in the category.\nAnswer: cat", "cat", "A ■ is in the category.\nAnswer: ■"),
        ("一共有一个苹果", "1", "一共有■个苹果"),
        ("one and two", "2", "one and ■"),
        ("twenty-four less twenty", "4", "twenty-four less twenty"),
    ],
)
def test_words_are_left_that_only_look_like_the_answer(text: str, answer: str, masked: str) -> None:
    assert mask(text, answer) == masked


@given(st.integers(0, 10**6), st.integers(0, 10**6), st.sampled_from(["{}", "{:,}", "{}.0", "$ {} $", "\\boxed{{{}}}"]))
def test_the_answer_is_never_among_the_numbers_left(a: int, b: int, form: str) -> None:
    question = f"What is {a} and {b} or {a + b}?"
    text = f"First {form.format(a)}, then {form.format(b)}: {a} + {b} = {form.format(a + b)}\n#### {a + b}"
    assert Fraction(a + b) not in numbers_of(mask_numbers(text, question=question, answer=str(a + b)))


def numbers_of(text: str) -> set[Fraction | None]:
    digits = {Fraction(number.replace(",", "")) for number in re.findall(r"\d[\d,]*(?:\.\d+)?|\.\d+", text)}
    words = re.findall(r"(?<![\d■] )(?<!\w)[a-z]+(?:-[a-z]+)?", text.lower())
    return digits | {read_numeral(word) for word in words}


def test_no_gold_answer_of_gsm8k_is_left_in_its_rationale(shared_data: Path) -> None:
    rows = [json.loads(line) for line in (shared_data / "gsm8k" / "train.jsonl").open()][::2]
    for row in rows:
        body, gold = row["answer"].rsplit("#### ", 1)
        masked = mask_numbers(row["answer"], question=row["question"], answer=gold)
        assert Fraction(gold.replace(",", "")) not in numbers_of(masked), masked
        assert masked.endswith("\n#### ■")
        assert "<<" not in masked
        assert masked.count("\n") == body.count("\n")


@pytest.mark.parametrize(
    "text", ["1", "a", "a1", "_", "1,000,", "1/", "one ", "一", "\\boxed{", "answer is ", "\\frac{"]
)
def test_hostile_texts_are_masked_as_fast_as_they_are_long(text: str) -> None:
    hostile = (text * 100_000)[:100_000]
    assert len(mask(hostile, "ab \\frac{a}{b}")) <= 100_000
