"""The format of a writer, read from a few of its texts."""

from __future__ import annotations

import pytest

from pipeline.answer_format.detect import detect
from pipeline.answer_format.form import AnswerFormat
from pipeline.answer_format.render import mismatch, render

WORDS = ("apples", "pears", "coins", "cards", "stamps", "shells", "books", "pens", "marbles", "nuts")


def make_texts(pattern: str, count: int = 10) -> list[str]:
    """Texts with the pattern's `N` and `W` filled in: numbers and nouns."""
    return [pattern.replace("N", str(7 * i + 3)).replace("W", WORDS[i % 10]) for i in range(count)]


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("3 * 2 = N\nN W\n#### N", AnswerFormat(final="#### {answer}", gap="\n", last=True, layout="lines")),
        (
            "3 * 2 = N W.\n\nSo N W.\n\nThe final answer is $\\boxed{N}$.",
            AnswerFormat(final="The final answer is $\\boxed{{answer}}$.", gap="\n\n", last=True, layout="paragraphs"),
        ),
        (
            "Add the W. That makes N. The answer is N.",
            AnswerFormat(final="The answer is {answer}.", gap=" ", last=True, layout="sentences"),
        ),
        (
            "Step 1: 3 * 2 = N\nStep 2: N W\n**Answer:** N",
            AnswerFormat(final="**Answer:** {answer}", gap="\n", last=True, layout="numbered", numbering="Step {n}: "),
        ),
        (
            "第一步：有N个。\n第二步：算。\n答案：N",
            AnswerFormat(final="答案：{answer}", gap="\n", last=True, layout="numbered", numbering="第{一}步："),
        ),
        (
            "<think>\nN W, so N.\n</think>\n\nAnswer: N",
            AnswerFormat(final="Answer: {answer}", last=True, thinking=("<think>\n", "\n</think>\n\n")),
        ),
        (
            "Final Answer: The final answer is $N$. I hope it is correct.",
            AnswerFormat(final="Final Answer: The final answer is ${answer}$. I hope it is correct.", last=True),
        ),
        (
            "Tom has N W.\n\nThus, the number of W is:\n\\[\n\\boxed{N}\n\\]",
            AnswerFormat(final="The answer is \\(\\boxed{{answer}}\\).", inline=True, layout="paragraphs"),
        ),
        (
            "一共有N个。所以是$\\boxed{N}$个。",
            AnswerFormat(final="答案是$\\boxed{{answer}}$。", inline=True, layout="sentences"),
        ),
        ("She has N W in the end.", AnswerFormat()),
    ],
)
def test_a_format_is_read_from_texts_and_its_own_texts_follow_it(pattern: str, expected: AnswerFormat) -> None:
    texts = make_texts(pattern)
    found = detect(texts)
    assert found.format == expected
    assert found.texts == 10
    assert detect(texts[:4]).format == expected
    for text in texts:
        assert mismatch(text, found.format) == []
        assert render(text, found.format) == text


def test_words_that_lead_in_are_left_open_where_they_vary() -> None:
    texts = [f"2 + 2\n{lead} answer is {i}." for i, lead in enumerate(("The", "So the", "Thus, the", "The", "So the"))]
    assert detect(texts).format.final == "The answer is {answer}."


def test_a_formula_around_the_answer_is_left_open_where_it_varies() -> None:
    assert detect([f"x\nA: {form}" for form in ("$5$", "6", "$7$", "8")]).format.final == "A: {answer}"


def test_a_trait_on_which_texts_differ_is_not_enforced() -> None:
    texts = [*make_texts("a\nb\n#### N", 5), *make_texts("<think>\nx\n</think>\n\na\n\nb\n\nThe answer is N.", 5)]
    found = detect(texts)
    assert found.format == AnswerFormat(thinking_varies=True)
    assert found.shares == {
        "thinking": {"<think>…</think>": 0.5, "none": 0.5},
        "final": {"#### {answer}": 0.5, "The answer is {answer}.": 0.5},
        "layout": {"lines": 0.5, "paragraphs": 0.5},
    }
    assert detect(texts, min_share=0.5).format.final is not None


def test_texts_that_were_cut_off_do_not_hide_the_format_of_the_others() -> None:
    assert detect([*make_texts("a\nb\n#### N", 5), *make_texts("a\nN W and then", 5)]).format.final == "#### {answer}"


def test_detection_does_not_depend_on_the_order() -> None:
    texts = [*make_texts("a\nb\n#### N", 5), *make_texts("a\n\nb\n\nA: N", 5)]
    assert detect(texts, 0.4) == detect(texts[::-1], 0.4)


def test_no_texts_are_an_error() -> None:
    with pytest.raises(ValueError, match="no texts"):
        detect([])


def test_a_format_survives_json() -> None:
    found = detect(make_texts("<think>\nN\n</think>\n\nThe final answer is $\\boxed{N}$."))
    assert type(found).model_validate_json(found.model_dump_json()) == found
