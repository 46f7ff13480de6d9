"""Thoughts put into tags, taken out of them, or into others."""

from __future__ import annotations

import pytest

from pipeline.answer_format.form import AnswerFormat
from pipeline.answer_format.render import mismatch, render

PLAIN = AnswerFormat(final="#### {answer}")
TAGGED = AnswerFormat(final="#### {answer}", thinking=("<think>\n", "\n</think>\n\n"))
SOLUTION = "She sells 16 - 7 = 9 eggs.\nShe makes 9 * 2 = 18.\n#### 18"


@pytest.mark.parametrize(
    ("opening", "closing"),
    [
        ("<think>", "</think>"),
        ("<thinking>", "</thinking>"),
        ("<reasoning>\n", "\n</reasoning>\n"),
        ("<|begin_of_thought|>\n\n", "\n\n<|end_of_thought|>\n\n"),
        ("[THINK]", "[/THINK]"),
        ("<scratchpad>\n", "\n</scratchpad>\n"),
        ("", "\n</think>\n\n"),
    ],
)
def test_tags_of_every_kind_become_the_students_and_go_where_it_has_none(opening: str, closing: str) -> None:
    text = f"{opening}Hmm, 16 - 7 = 9. Then 18.{closing}#### 18"
    assert mismatch(text, PLAIN)
    assert render(text, TAGGED) == "<think>\nHmm, 16 - 7 = 9. Then 18.\n</think>\n\n#### 18"
    assert render(text, PLAIN) == "Hmm, 16 - 7 = 9. Then 18.\n#### 18"


def test_the_solution_alone_stays_where_it_repeats_the_thoughts() -> None:
    text = f"<think>\nOkay, 16 - 7 is 9, I think. So 18.\n</think>\n\n{SOLUTION}"
    assert render(text, PLAIN) == SOLUTION
    assert render(text, TAGGED) == text


def test_thoughts_that_hold_the_only_answer_are_kept() -> None:
    text = "<think>\n2 + 3 = 5.\nThe answer is 5.\n</think>\n\nFirst 1 + 1 = 2 and then 2 + 3 = 5 as told."
    assert "#### 5" in render(text, PLAIN)
    assert "The answer is 5." in text


def test_reasoning_without_tags_is_put_in_tags_up_to_its_final_answer() -> None:
    rendered = "<think>\nShe sells 16 - 7 = 9 eggs.\nShe makes 9 * 2 = 18.\n</think>\n\n#### 18"
    assert render(SOLUTION, TAGGED) == rendered
    inline = AnswerFormat(final="The answer is $\\boxed{{answer}}$.", inline=True, thinking=("<think>", "</think>"))
    assert render("Add them.\n\nIt is $\\boxed{5}$.", inline) == "<think>\nAdd them.\n</think>\n\nIt is $\\boxed{5}$."
    assert render("It is $\\boxed{5}$ now.", inline) == (
        "<think>\nIt is $5$ now.\n</think>\n\nThe answer is $\\boxed{5}$."
    )


def test_tags_on_one_side_are_told() -> None:
    assert mismatch(SOLUTION, TAGGED) == ["no tags around thoughts, the student writes thoughts in <think>…</think>"]
    told = "thoughts in <think>…</think>, the student writes no tags around thoughts"
    assert mismatch(f"<think>\nHm.\n</think>\n\n{SOLUTION}", PLAIN) == [told]


def test_tags_that_vary_are_not_enforced() -> None:
    either = AnswerFormat(thinking_varies=True)
    for text in (SOLUTION, f"<think>a</think>{SOLUTION}"):
        assert mismatch(text, either) == []
        assert render(text, either) == text


def test_an_unclosed_tag_and_markup_are_part_of_the_text() -> None:
    for text in (f"<think>\n{SOLUTION}", f"<b>Note</b> first.\n{SOLUTION}", "<answer>5</answer>"):
        assert "thoughts" not in " ".join(mismatch(text, PLAIN))
