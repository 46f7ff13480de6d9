"""A phrase goes where it is all that a sentence, an insert or a remark says, and stays everywhere else."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.shortcuts.marker import Marker
from pipeline.shortcuts.safe import VEIL, same_reasoning
from pipeline.shortcuts.strips.sentence import Settings

STRIP = Settings()
OPENER = "Let us think step by step and be careful."
CLOSER = "I have checked every step."
HEADS = (
    "So,",
    "So, the",
    "Therefore,",
    "Thus, he",
    "In total,",
    "First, we",
    "Next,",
    "To solve this problem,",
    "Now,",
)


def marker(phrase: str | None, kind: str = "words") -> Marker:
    return Marker(kind, phrase or "", "chosen", phrase)


def strip(text: str, *phrases: str) -> str:
    return STRIP.apply(text, [marker(phrase) for phrase in phrases])


@pytest.mark.parametrize(
    ("phrase", "text", "left"),
    [
        (OPENER, f"{OPENER}\n4 * 6 = 24\n#### 24", "4 * 6 = 24\n#### 24"),
        (OPENER, f"{OPENER} 4 * 6 = 24\n#### 24", "4 * 6 = 24\n#### 24"),
        (OPENER, f"- {OPENER}\n- 4 * 6 = 24", "- 4 * 6 = 24"),
        (OPENER, f"- {OPENER} 4 * 6 = 24", "- 4 * 6 = 24"),
        ("let us think step by step and be careful", f"**{OPENER}** So 24", "So 24"),
        (CLOSER, f"4 * 6 = 24\n#### 24\n{CLOSER}", "4 * 6 = 24\n#### 24"),
        (CLOSER, f"4 * 6 = 24\n{CLOSER}\n#### 24", "4 * 6 = 24\n#### 24"),
        (CLOSER, f"4 * 6 = 24. {CLOSER}\n\n#### 24", "4 * 6 = 24.\n\n#### 24"),
        (CLOSER, f"one\n\n{CLOSER}\n\n#### 24", "one\n\n#### 24"),
        (f"{OPENER} {CLOSER}", f"{OPENER}\n{CLOSER}\nso 3", "so 3"),
        ("Hope this helps!", "3 + 4 = 7\n\nHope this helps!", "3 + 4 = 7"),
        ("Solution", "## Solution\n3 + 4 = 7", "3 + 4 = 7"),
        ("Solution:", "**Solution:** 3 + 4 = 7", "3 + 4 = 7"),
        ("Sure!", "Sure! We add.", "We add."),
        ("我已经检查了每一步。", "3+4=7。我已经检查了每一步。\n答案是7", "3+4=7。\n答案是7"),
        ("让我们一步一步思考", "让我们一步一步思考。3+4=7。", "3+4=7。"),
        ("解：", "解：3+4=7", "3+4=7"),
    ],
)
def test_whole_sentences_lines_and_titles_go(phrase: str, text: str, left: str) -> None:
    assert strip(text, phrase) == left


@pytest.mark.parametrize(
    ("phrase", "text", "left"),
    [
        ("Upon careful checking,", "Upon careful checking, 3 + 4 = 7", "3 + 4 = 7"),
        ("Upon careful checking, we", "So. Upon careful checking, we see 7.", "So. We see 7."),
        ("First of all, as we can see, the", "First of all, as we can see, the sum is 7.", "The sum is 7."),
        ("Clearly,", "Clearly, x is 5", "x is 5"),
        ("Clearly,", "Clearly, sin(x) is 5", "sin(x) is 5"),
        ("Therefore,", r"Therefore, \(x = 5\) holds.", r"\(x = 5\) holds."),
        ("Third,", "Third, we add 4.", "We add 4."),
        ("then", "we add, then, it is 7. then, it is 8", "we add, then, it is 7. it is 8"),
        ("First,", "*First,* we add.", "We add."),
        ("经过仔细检查，", "经过仔细检查，一共有3个。", "一共有3个。"),
        ("首先，", "首先，我们有3个", "我们有3个"),
        ("as expected", "so it is 7 (as expected).", "so it is 7."),
        ("(as expected)", "so it is 7 (as expected)", "so it is 7"),
    ],
)
def test_inserts_and_remarks_go_and_leave_a_sentence(phrase: str, text: str, left: str) -> None:
    assert strip(text, phrase) == left


@pytest.mark.parametrize(
    ("phrase", "text"),
    [
        ("clearly", "so the total is clearly 7"),
        ("Clearly the", "Clearly the total is 7"),
        ("In the morning,", "In the morning, he eats 3."),
        ("If we look carefully,", "If we look carefully, it is 7"),
        ("Since we checked it,", "Since we checked it, it is 7"),
        ("Currently,", "Currently, he has 7"),
        ("Originally,", "Originally, he had 7"),
        ("Only,", "Only, 3 are left"),
        ("After the break,", "After the break, he eats 3"),
        ("First calculate the length,", "First calculate the length, width and height."),
        ("To check, and", "To check, and to be sure, add 3"),
        ("The number doubles.", "The number doubles.\n4 * 2 = 8"),
        ("Tom gives the rest away.", "Tom gives the rest away.\n4 - 4 = 0"),
        ("Each box is full.", "Each box is full.\n4 * 6 = 24"),
        ("Let x be the number.", "Let x be the number.\nx = 3"),
        ("We have one apple.", "We have one apple."),
        ("So it is 7.", "So it is 7.\n#### 7"),
        ("ft.", "It has 9 sq. ft. So it is big."),
        ("hour", "60 miles an\nhour\nso 3"),
        ("Yes.", "Is it? Yes."),
        ("That is wrong.", "That is wrong."),
        ("The answer is", "So. The answer is 7."),
        ("Therefore,", "Therefore, the answer is 7."),
        ("Therefore,", r"Therefore, it is \(\boxed{7}\)."),
        ("each", "he gets 4 (each)."),
        ("as expected", "f(as expected) is 7"),
        ("Step ▒:", "Step 1: We add."),
        ("我们没有了", "我们没有了。"),
        ("每盒三个。", "每盒三个。一共6个"),
        ("如果检查，", "如果检查，有3个"),
        ("let us check", "```\nlet us check\n```"),
        ("let us (check", "We add. Let us (check. Twice)."),
    ],
)
def test_what_bears_content_stays(phrase: str, text: str) -> None:
    assert strip(text, phrase) == text


def test_phrases_are_the_business_of_this_strip_and_nothing_else_is() -> None:
    assert STRIP.name == "sentence"
    for kind in ("words", "openers", "closers", "characters", "function_words"):
        assert STRIP.handles(marker(CLOSER, kind))
        assert not STRIP.handles(marker(None, kind))
    assert not STRIP.handles(marker(" !! "))
    assert not STRIP.handles(Marker("markup", "bold", "chosen"))
    assert strip("We add.") == "We add."


PIECES = [
    OPENER,
    CLOSER,
    "So,",
    "So, the",
    "\n",
    "\n\n",
    " ",
    "3 + 4 = 7",
    "he adds",
    ".",
    ",",
    "- ",
    "**",
    "(",
    ")",
    "$x$",
]
PIECES += ["首先，", "我们检查了。", "共3个", "#### 7", "Clearly,", VEIL, "1. ", "!", ":", "Solution:", "as expected"]


@given(st.lists(st.sampled_from(PIECES), max_size=14), st.lists(st.sampled_from(PIECES), min_size=1, max_size=3))
def test_stripping_twice_is_stripping_once_and_keeps_the_reasoning(pieces: list[str], phrases: list[str]) -> None:
    text = "".join(pieces)
    once = strip(text, *phrases)
    assert strip(once, *phrases) == once
    assert [sign for sign in once if sign in "34=+$"] == [sign for sign in text if sign in "34=+$"]
    assert once.count(VEIL) == text.count(VEIL)


def test_real_solutions_keep_numbers_formulas_and_answers(shared_data: Path) -> None:
    math = (shared_data / "math_attempts" / "attempts.jsonl").read_text(encoding="utf-8").splitlines()
    school = (shared_data / "gsm8k" / "example_model_solutions.jsonl").read_text(encoding="utf-8").splitlines()
    texts = [json.loads(line)["responses"][0] for line in math]
    texts += [json.loads(line)["ground_truth"] for line in school[::4]]
    changed = [(text, after) for text in texts for head in HEADS if (after := strip(text, head)) != text]
    assert len(changed) > 200
    assert [why for text, after in changed if (why := same_reasoning(text, after))] == []


@pytest.mark.parametrize("unit", ["So, ", "So, a. ", f"{CLOSER}\n", "(So) ", "a ", "**", "# ", "\n", "步"])
def test_long_texts_take_linear_time(unit: str) -> None:
    text = unit * (100_000 // len(unit))
    strip(text, "So,", CLOSER, "步")
