"""Numbers and the final answer are gone; what stands around them, and the closing sentence most of all, is not."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.shortcuts.mask import Masked, has_content, literals, mask

CLOSING = "I have checked every step."


def masked(text: str, *answers: str | None) -> str:
    return mask(text, answers).masked


def behind(text: Masked) -> str | None:
    return None if text.stated is None else text.masked[text.stated :].strip()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1,234.50 + .5 = -1e-05", "▒ = -▒"),
        ("3/4 of 20% at 10:30, x1 and 2½", "▒ of ▒% at ▒:▒, x▒ and ▒"),
        (r"1{,}000 \times \frac{3}{4} and 5\,000", r"▒ \times \frac{▒}{▒} and ▒"),
        ("1, 2 and 3. Then three.", "▒, ▒ and ▒. Then three."),
        ("一共有三十五个三角形，百分之五，三分之二，两千零六", "一共有▒个三角形，百分之▒，▒分之▒，▒"),
        ("万一不够，千万要检查第一步", "万一不够，千万要检查第一步"),
        ("<<16-3=13>>13 eggs", "<<▒=▒>>▒ eggs"),
    ],
)
def test_digits_go_and_signs_words_and_units_stay(text: str, expected: str) -> None:
    assert masked(text) == expected


LINES = (
    "## Final Answer\n\n$$\\boxed{x+1}$$",
    "**Final answer**\n18",
    "### Answer:\n\n$18",
    "\\[\n\\boxed{18}\n\\]",
    "#### 94 apples",
    "答案：小明",
    "【答案】18",
)
ON_A_LINE = (
    "#### 94",
    "A: 18",
    "A: $1,018.50",
    "Answer: 40%",
    "Answer: (B)",
    "**Answer:** 18",
    "**Answer: 18**",
    "The answer is 18.",
    "So the final answer is 18 dollars.",
    "$\\boxed{\\frac{1}{2}}$.",
    "Therefore, the answer is $\\boxed{18}$.",
    "答案是18。",
    "因此，答案是18个苹果。",
    "<answer>18</answer>",
)


@pytest.mark.parametrize("statement", [*LINES, *ON_A_LINE])
@pytest.mark.parametrize("closing", ["", "\n" + CLOSING, "\n\n" + CLOSING])
def test_the_statement_goes_as_a_whole_and_what_stands_around_it_stays(statement: str, closing: str) -> None:
    text = mask("She has apples.\n" + statement + closing)
    assert text.masked == "She has apples." + closing
    assert behind(text) == closing.strip()


@pytest.mark.parametrize("statement", ON_A_LINE)
def test_a_sentence_on_the_same_line_stays(statement: str) -> None:
    text = mask(f"She has apples.\n{statement} {CLOSING}")
    assert text.masked == f"She has apples.\n{CLOSING}"
    assert behind(text) == CLOSING


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("As given, the answer is 18.", "As given, ▒."),
        ("The given answer is 18.", "The given ▒."),
        ("The answer is 18 because the key says so.", "because the key says so."),
        ("#### 94 ✅", "✅"),
        ("#### 94 (verified)", "(verified)"),
        ("#### 94 " + CLOSING, CLOSING),
        ("Answer: 18. " + CLOSING, CLOSING),
        ("答案：18元。我已检查过。", "我已检查过。"),
        ("A: As stated in the key she makes 18 dollars.", "As stated in the key she makes ▒ dollars."),
        (r"Thus the total is $\boxed{18}$ dollars.", "Thus the total is $▒$ dollars."),
        ("The answer is 18.\n#### 18", "The answer is ▒."),
        (r"So \boxed{5} at first. Then \boxed{6}." + "\n#### 6", r"So \boxed{▒} at first. Then \boxed{▒}."),
        ("#### Step 1: add\n2 + 3 = 5", "#### Step ▒: add\n▒ = ▒"),
        ("I think the answer is 5 or so", "I think the answer is ▒ or so"),
    ],
)
def test_what_is_more_than_a_statement_stays(text: str, expected: str) -> None:
    assert masked(text) == expected


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (f"x = 5.\n#### 5\n{CLOSING}", CLOSING),
        (r"The total is $\boxed{18}$ dollars. I hope it helps.", "I hope it helps."),
        (r"The total is $\boxed{18}$ dollars.", ""),
        ("x = 5.\n#### 5", ""),
        ("x = 5.", None),
    ],
)
def test_what_stands_behind_the_final_answer_is_told(text: str, told: str | None) -> None:
    assert behind(mask(text)) == told


@pytest.mark.parametrize(
    ("text", "answers", "expected"),
    [
        ("Choose (B), not (C) or (A).", ["(B)", "C"], "Choose ▒, not ▒ or (A)."),
        ("A cat has a hat, option A.", ["A"], "A cat has a hat, option ▒."),
        ("So x + 1 is x+1, and x + 12 is not.", ["$x+1$"], "So ▒ is ▒, and x + ▒ is not."),
        ("Paris it is; paris, not Parisian.", ["Paris"], "▒ it is; ▒, not Parisian."),
        ("18 dollars, 18 apples", ["18 dollars", None, ""], "▒ dollars, ▒ apples"),
        ("小明比小红高", ["小明"], "▒比小红高"),
    ],
)
def test_answers_that_are_no_numbers_are_masked_as_they_are_written(
    text: str, answers: Sequence[str | None], expected: str
) -> None:
    assert mask(text, answers).masked == expected


def test_the_answer_that_a_text_states_itself_is_masked_in_it() -> None:
    assert masked("It is even, so even.\n\\boxed{\\text{even}}") == "It is ▒, so ▒."


def test_units_do_not_tell_right_from_wrong() -> None:
    assert literals(["18 dollars", "4:30 p.m.", "3.5", "-7", "50%", "24个"]) == ()
    assert masked("18 dollars", "18 dollars") == masked("26 dollars", "18 dollars")


def test_white_space_at_the_ends_of_a_text_stays() -> None:
    assert masked(" x = 1.\n#### 1\n") == " x = ▒.\n"


def test_numbers_and_answers_are_content_and_words_are_not() -> None:
    assert has_content("▒ apples")
    assert has_content("x = y")
    assert not has_content("I have checked every step.")


@given(st.text(st.one_of(st.sampled_from("aA1.,:#*$\\{}()\n 答案是百分之二boxed"), st.characters()), max_size=60))
def test_no_digit_is_left_in_any_text(text: str) -> None:
    found = mask(text, ["18", text[:10]])
    assert not re.search(r"\d", found.masked)
    assert found.stated is None or 0 <= found.stated <= len(found.masked)


def test_real_texts_with_other_numbers_are_the_same_texts(shared_data: Path) -> None:
    rows = (shared_data / "gsm8k" / "example_model_solutions.jsonl").read_text().splitlines()[:300]
    found = 0
    for row in rows:
        text = json.loads(row)["175b_verification"]["solution"]
        one, other = mask(text), mask(re.sub(r"\d", lambda digit: str(9 - int(digit[0])), text))
        assert one.tokens == other.tokens
        assert one.masked == other.masked
        found += one.stated == len(one.masked)
        planted = mask(text + "\n" + CLOSING)
        assert planted.sentences[-1] == CLOSING
        assert behind(planted) in (CLOSING, None)
    assert found >= 295


def test_final_answers_of_real_mathematics_are_found(shared_data: Path) -> None:
    rows = (shared_data / "math_attempts" / "attempts.jsonl").read_text().splitlines()
    texts = [mask(text) for row in rows for text in json.loads(row)["responses"]]
    assert sum(text.stated is not None for text in texts) >= 0.97 * len(texts)


HOSTILE = (
    "####", "#### ", "A: ", "answer is ", "answer to ", "The answer is 5. ", "\\boxed{", "\\boxed{1} ", "1,", "1,000,",
    "一", "百分之", "答案是", "答案：\n", "【答案】", "<answer>", "$", "**", " ", "\n", " \n", "(a", "( a", "if ",
    "final answer is thought ", "\\text{", "½", "a", ".",
)  # fmt: skip


@pytest.mark.parametrize("unit", HOSTILE)
def test_hostile_texts_are_masked_in_one_pass(unit: str) -> None:
    text = unit * (100_000 // len(unit))
    for hostile in (text, "\\boxed{" + text + "}\n#### " + text + "\nx"):
        assert len(mask(hostile, ["(B)", "x+1", "\\text{" * 20]).masked) <= len(hostile)
