"""Texts as steps."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.steps.split import find_stated, split_steps


def texts_of(text: str) -> list[str]:
    return [step.text for step in split_steps(text)]


@pytest.mark.parametrize(
    ("text", "steps"),
    [
        ("4 * 6 = 24\n24 + 10 = 34\n#### 34", ["4 * 6 = 24", "24 + 10 = 34", "#### 34"]),
        ("\n\n  Hello.\n\n", ["Hello."]),
        ("- 3*4=12\n- 12+5=17\nA: 17", ["- 3*4=12", "- 12+5=17", "A: 17"]),
        ("Solution:\n3 * 4 = 12\n12 + 5 = 17", ["Solution:\n3 * 4 = 12", "12 + 5 = 17"]),
        ("  a\n  b\n  #### 3", ["a", "b", "#### 3"]),
        ("A\n\nB\n\nC", ["A", "B", "C"]),
    ],
)
def test_lines_are_steps(text: str, steps: list[str]) -> None:
    assert texts_of(text) == steps


def test_a_formula_stays_with_the_line_that_leads_to_it() -> None:
    text = (
        "First we multiply:\n\n\\[\n10 \\cdot 6\n= 60\n\\]\n\nThen\n$$60 \\cdot 7 = 420$$\n"
        "The answer is\n\\[\n\\boxed{420}\n\\]"
    )
    assert texts_of(text) == [
        "First we multiply:\n\n\\[\n10 \\cdot 6\n= 60\n\\]",
        "Then\n$$60 \\cdot 7 = 420$$",
        "The answer is\n\\[\n\\boxed{420}\n\\]",
    ]


def test_environments_lists_and_code_stay_whole() -> None:
    assert texts_of("x\n\\begin{align}\na&=1\\\\\n\nb&=2\n\\end{align}\ny") == [
        "x\n\\begin{align}\na&=1\\\\\n\nb&=2\n\\end{align}",
        "y",
    ]
    assert texts_of("He has:\n- 3 pens\n- 4 books\n\nThat is 7.") == ["He has:\n- 3 pens\n- 4 books", "That is 7."]
    assert texts_of("```python\nx = 1\n\ny = 2\n```\nSo y is 2.") == ["```python\nx = 1\n\ny = 2\n```", "So y is 2."]


@pytest.mark.parametrize(
    ("text", "steps"),
    [
        (
            "To find x:\n\n1. First\n   this.\n\n\\[\n3+4=7\n\\]\n\n2. Then:\n- a\n\n**Final Answer**: 7",
            ["To find x:", "1. First\n   this.\n\n\\[\n3+4=7\n\\]", "2. Then:\n- a", "**Final Answer**: 7"],
        ),
        (
            "### Step 1: foo\nbar\n\n### Step 2: baz\nqux\n\n\\boxed{5}",
            ["### Step 1: foo\nbar", "### Step 2: baz\nqux", "\\boxed{5}"],
        ),
        (
            "第一步：3×4=12\n所以有12个。\n第二步：12+5=17\n答案：17",
            ["第一步：3×4=12\n所以有12个。", "第二步：12+5=17", "答案：17"],
        ),
    ],
)
def test_numbered_steps_reach_to_the_next(text: str, steps: list[str]) -> None:
    assert texts_of(text) == steps


@pytest.mark.parametrize(
    ("text", "steps"),
    [
        (
            "Tom has 3.5 kg (e.g. rice. Or so). Mr. Smith has 4. He buys more. The answer is 7.",
            ["Tom has 3.5 kg (e.g. rice. Or so).", "Mr. Smith has 4.", "He buys more.", "The answer is 7."],
        ),
        (
            "小明有3个苹果。又买了4个（共7个。真的）。一共3+4=7个。\n答：7",
            ["小明有3个苹果。", "又买了4个（共7个。真的）。", "一共3+4=7个。", "答：7"],
        ),
    ],
)
def test_a_single_paragraph_is_split_into_sentences(text: str, steps: list[str]) -> None:
    assert texts_of(text) == steps


def test_tags_belong_to_what_they_open_or_close() -> None:
    assert texts_of("<think>\na = 1\nb = 2\n</think>\n\nSo 3.\n<answer>\n#### 3\n</answer>") == [
        "<think>\na = 1",
        "b = 2\n</think>",
        "So 3.",
        "<answer>\n#### 3\n</answer>",
    ]


@pytest.mark.parametrize(
    ("step", "stated"),
    [
        ("#### 94", "94"),
        ("The answer is $94.", "$94"),
        ("Therefore, the answer is\n\\[\\boxed{420}\\]", "420"),
        ("答案是 17。", "17"),
        ("3 + 4 = 7", None),
        ("So 3 + 4 = \\boxed{7}.", None),
        ("", None),
    ],
)
def test_a_step_that_only_states_the_answer_is_known(step: str, stated: str | None) -> None:
    assert find_stated(step) == stated


@given(st.text(st.sampled_from("ab1 .。:\n-#*$\\[]{}()<>/=|`，第步"), max_size=80))
def test_the_spans_cover_any_text_without_gaps(text: str) -> None:
    steps = split_steps(text)
    assert "".join(text[step.start : step.end] for step in steps) == text
    assert [step.text for step in steps] == [text[step.start : step.end].strip() for step in steps]
    assert all(a.end == b.start for a, b in itertools.pairwise(steps))
    assert all(step.text for step in steps[1:])


def test_every_line_of_a_reference_rationale_of_several_lines_is_a_step(shared_data: Path) -> None:
    rows = [json.loads(line) for line in (shared_data / "gsm8k" / "train.jsonl").open()][:1500]
    answers = [row["answer"] for row in rows if row["answer"].count("\n") > 1]
    apart = [answer for answer in answers if texts_of(answer) != [line.strip() for line in answer.splitlines() if line]]
    assert len(apart) <= len(answers) // 100  # lines that lead in with a colon
    assert all(find_stated(texts_of(answer)[-1]) == answer.rsplit("#### ", 1)[1] for answer in answers)


@pytest.mark.parametrize(
    "text",
    [
        "a",
        " ",
        "\n",
        "\\[",
        "$$\n",
        "```\n",
        "\\begin{a}\n",
        "(a. B",
        "1. a\n",
        "- a\n",
        "a:\n",
        "\\boxed{",
        "#### 1\n",
    ],
)
def test_hostile_texts_are_split_as_fast_as_they_are_long(text: str) -> None:
    hostile = (text * 100_000)[:100_000]
    assert split_steps(hostile)[-1].end == 100_000
