"""Steps set apart by lines, blank lines, numbers or full stops."""

from __future__ import annotations

import pytest

from pipeline.answer_format.layout import follows, lay_out, shape_of
from pipeline.answer_format.numbering import read_head, write_number

LINES = "Add 2 + 3 = 5.\nThen 5 * 2 = 10.\nSo 10 are left."
PARAGRAPHS = "Add 2 + 3 = 5.\n\nThen 5 * 2 = 10.\n\nSo 10 are left."
SENTENCES = "Add 2 + 3 = 5. Then 5 * 2 = 10. So 10 are left."
NUMBERED = "1. Add 2 + 3 = 5.\n2. Then 5 * 2 = 10.\n3. So 10 are left."
STEPS = "Step 1: Add 2 + 3 = 5.\nStep 2: Then 5 * 2 = 10.\nStep 3: So 10 are left."
CHINESE = "第一步：2 + 3 = 5。\n第二步：5 * 2 = 10。"


def test_layouts_are_told_apart() -> None:
    assert [shape_of(text).layout for text in (LINES, PARAGRAPHS, SENTENCES, NUMBERED, "One step.")] == [
        "lines",
        "paragraphs",
        "sentences",
        "numbered",
        None,
    ]
    assert [shape_of(text).numbering for text in (NUMBERED, STEPS, CHINESE)] == ["{n}. ", "Step {n}: ", "第{一}步："]


@pytest.mark.parametrize("text", [LINES, PARAGRAPHS, SENTENCES, NUMBERED, STEPS])
def test_every_layout_becomes_every_other(text: str) -> None:
    assert lay_out(text, "lines", None) == LINES
    assert lay_out(text, "paragraphs", None) == PARAGRAPHS
    assert lay_out(text, "sentences", None) == SENTENCES
    assert lay_out(text, "numbered", "{n}. ").replace("\n\n", "\n") == NUMBERED
    assert lay_out(text, "numbered", "Step {n}: ").replace("\n\n", "\n") == STEPS


def test_formulas_lists_tables_and_code_stay_together() -> None:
    formula = "We get:\n\\[\n\\begin{aligned}\na &= 1 \\\\[2pt]\n\n&= 2\n\\end{aligned}\n\\]\nSo it is 2.\nDone now."
    assert lay_out(formula, "paragraphs", None) == formula.replace("\nDone", "\n\nDone")
    code = "Run this:\n```\na = 1\n\nb = 2\n```"
    assert lay_out(code, "lines", None) == code
    listed = "There are:\n- apples\n- pears\nSo two kinds.\nThat is all."
    assert "- apples\n- pears" in lay_out(listed, "paragraphs", None)
    assert lay_out(listed, "sentences", None) == listed


def test_sentences_end_outside_of_formulas_brackets_and_abbreviations() -> None:
    text = "Mr. Lee (who has 5. No more) pays \\(a. B\\) at 2 p.m. Then he goes. It is $3.50 in all."
    assert lay_out(text, "lines", None).split("\n") == [
        "Mr. Lee (who has 5. No more) pays \\(a. B\\) at 2 p.m. Then he goes.",
        "It is $3.50 in all.",
    ]
    assert lay_out("先算2+3=5。再算5*2=10。", "lines", None) == "先算2+3=5。\n再算5*2=10。"


def test_lines_without_full_stops_get_them_in_one_paragraph() -> None:
    assert lay_out("2 + 3 = 5\n5 * 2 = 10", "sentences", None) == "2 + 3 = 5. 5 * 2 = 10"


def test_a_list_in_a_long_solution_is_no_numbering() -> None:
    lines = [
        "So we look at it.",
        "We try both.",
        "They are:",
        "1. four",
        "2. five",
        "Five it is.",
        "Done.",
        "All said.",
    ]
    assert shape_of("\n".join(lines)).layout == "lines"


def test_titles_lose_their_number_and_keep_their_marks() -> None:
    text = "### Step 1: Add\n2 + 3 = 5\n### Step 2: Double\n5 * 2 = 10"
    bold = "**Step 1: Add.** 2 + 3 = 5\n**Step 2: Double.** 5 * 2 = 10"
    assert lay_out(bold, "lines", None) == "**Add.** 2 + 3 = 5\n**Double.** 5 * 2 = 10"
    assert follows(text, None, None)


def test_a_single_step_follows_every_layout() -> None:
    for layout, numbering in (("lines", None), ("paragraphs", None), ("sentences", None), ("numbered", "{n}. ")):
        assert lay_out("Only 2 + 3 = 5.", layout, numbering) == "Only 2 + 3 = 5."  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "numbering", ["{n}. ", "{n}) ", "({n}) ", "Step {n}: ", "**Step {n}:** ", "第{n}步：", "{n}、"]
)
def test_numbers_are_read_as_they_are_written(numbering: str) -> None:
    for n in (1, 9, 10, 23):
        head = read_head(write_number(numbering, n) + "Add them")
        assert head is not None
        assert (head.numbering, head.n) == (numbering, n)


def test_chinese_numbers_are_read_and_written() -> None:
    written = [write_number("第{一}步：", n) for n in (1, 10, 11, 20, 21)]
    assert written == ["第一步：", "第十步：", "第十一步：", "第二十步：", "第二十一步："]
    heads = [read_head(head + "算") for head in written]
    assert [head.n for head in heads if head] == [1, 10, 11, 20, 21]


@pytest.mark.parametrize("line", ["1.5 apples", "12 apples", "3 + 4 = 7", "2: x", "一共五个", "Step one", "1990. x"])
def test_other_lines_have_no_number(line: str) -> None:
    assert read_head(line) is None
