"""Final answers restated in another writer's way."""

from __future__ import annotations

import re
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.answer_format.form import AnswerFormat
from pipeline.answer_format.render import mismatch, render
from pipeline.checkers.numeric import Settings as Numeric

HASHES = AnswerFormat(final="#### {answer}", gap="\n", last=True)
A_LINE = AnswerFormat(final="A: {answer}", gap="\n", last=True)
BOXED = AnswerFormat(final="The answer is \\(\\boxed{{answer}}\\).", inline=True)
SENTENCE = AnswerFormat(final="The answer is {answer}.", gap=" ", last=True)
BOLD = AnswerFormat(final="**Answer:** {answer}", gap="\n\n", last=True)
CHINESE = AnswerFormat(final="答案：{answer}", gap="\n", last=True)
TAGGED = AnswerFormat(final="#### {answer}", thinking=("<think>\n", "\n</think>\n\n"))
STEPS = AnswerFormat(final="**Answer:** {answer}", layout="numbered", numbering="Step {n}: ")
FORMATS = (HASHES, A_LINE, BOXED, SENTENCE, BOLD, CHINESE, TAGGED, STEPS)


@pytest.mark.parametrize(
    "stated",
    [
        "#### 18",
        "A: 18",
        "The answer is 18.",
        "So the final answer is $18$.",
        "**Answer:** 18",
        "**Answer: 18**",
        "**The answer is 18.**",
        "### Final Answer\n18",
        "**Final Answer:**\n18",
        "**Final Answer:**\n\n$$\n\\boxed{18}\n$$",
        "Final Answer: The final answer is $18$. I hope it is correct.",
        "Therefore, the answer is:\n\\[\n\\boxed{18}.\n\\]",
        "\\boxed{18}",
        "答案：18",
        "所以，答案是18。",
        "因此，答案为\\boxed{18}。",
        "【答案】18",
        "<answer> 18 </answer>",
        "The answer is 18.\n#### 18",
        "The answer is 18.\n\n\\[\n\\boxed{18}\n\\]",
    ],
)
def test_every_way_of_stating_an_answer_becomes_every_other_one(stated: str) -> None:
    text = f"She sells 16 - 7 = 9 eggs.\nShe makes 9 * 2 = 18 a day.\n{stated}"
    body = "She sells 16 - 7 = 9 eggs.\nShe makes 9 * 2 = 18 a day."
    assert render(text, HASHES) == f"{body}\n#### 18"
    assert render(text, A_LINE) == f"{body}\nA: 18"
    assert render(text, BOLD) == f"{body}\n\n**Answer:** 18"
    assert render(text, CHINESE) == f"{body}\n答案：18"
    assert render(text, SENTENCE) == f"{body} The answer is 18."
    assert not mismatch(render(text, BOXED), BOXED)


@pytest.mark.parametrize(
    ("text", "rendered"),
    [
        ("So $x = \\boxed{\\frac{1}{2}}$ of it.", "So $x = \\frac{1}{2}$ of it.\n#### $\\frac{1}{2}$"),
        ("Thus \\(\\boxed{\\frac12}\\) is left.", "Thus \\(\\frac12\\) is left.\n#### \\(\\frac12\\)"),
        ("Hence it is \\(\\boxed{4:30 \\text{ p.m.}}\\).", None),
        ("Thus, the area is:\n\\[\n\\boxed{25}.\n\\]", "Thus, the area is:\n\\[\n25.\n\\]\n#### 25"),
        ("$2\\cdot\\boxed{x}$ and no more", "$2\\cdot x$ and no more\n#### x"),
        ("That is $3^\\boxed{12}$.", "That is $3^{12}$.\n#### 12"),
        ("$5=\\boxed{5}$. Check: it is 5.", "$5=5$. Check: it is 5.\n#### 5"),
        ("So it is \\boxed{6} cups.\nThe answer is 6.", "So it is 6 cups.\n#### 6"),
        ("The answer is 5 because 2 + 3 = 5.", "The answer is 5 because 2 + 3 = 5.\n#### 5"),
        ("She pays.\nThe answer is $18.", "She pays.\n#### $18"),
        ("#### 5\n", None),
    ],
)
def test_the_words_and_the_maths_stay_where_they_are(text: str, rendered: str | None) -> None:
    if rendered is None:
        assert not mismatch(render(text, HASHES), HASHES)
    else:
        assert render(text, HASHES) == rendered


def test_signs_that_latex_reads_are_escaped_in_a_box() -> None:
    assert render("Off.\n#### 25%", BOXED) == "Off.\nThe answer is \\(\\boxed{25\\%}\\)."
    assert render("Off.\n#### $18", BOXED) == "Off.\nThe answer is \\(\\boxed{\\$18}\\)."


def test_a_wrong_turn_in_the_middle_stays_as_it_is() -> None:
    text = "3 + 3 = 5.\nThe answer is 5. Hmm, wait.\n3 + 3 = 6.\n#### 6"
    assert render(text, A_LINE) == "3 + 3 = 5.\nThe answer is 5. Hmm, wait.\n3 + 3 = 6.\nA: 6"


def test_a_text_that_states_two_answers_is_left_alone_and_told() -> None:
    text = "So \\boxed{5}? No.\n#### 6"
    assert render(text, A_LINE) == text
    assert mismatch(text, A_LINE) == ["different final answers are stated: '6', '5'"]


def test_blanks_to_fill_in_are_no_answers_and_keep_their_boxes() -> None:
    text = "Then $4 = \\boxed{\\phantom{2}}$. So the number in the box is $\\boxed{4}$."
    assert render(text, HASHES) == text
    assert mismatch(text, HASHES)
    assert render(text, BOXED) == text


def test_an_answer_is_given_only_where_the_text_states_none() -> None:
    assert render("2 + 2 = 4", HASHES, "4") == "2 + 2 = 4\n#### 4"
    assert render("2 + 2 = 4\nA: 4", HASHES, "5") == "2 + 2 = 4\n#### 4"
    assert render("2 + 2 = 4", HASHES) == "2 + 2 = 4"
    assert mismatch("2 + 2 = 4", HASHES) == ["no final answer is stated, the student writes '#### …'"]


def test_headings_with_four_hashes_are_no_answers() -> None:
    text = "#### Step 1: Add\n2 + 2 = 4\n\n#### Conclusion\nIt is \\(\\boxed{4}\\)."
    assert render(text, BOXED) == text
    assert render(text, A_LINE).endswith("It is \\(4\\).\nA: 4")


def test_what_does_not_fit_is_said_in_words() -> None:
    assert mismatch("5.\n\\boxed{5}", HASHES) == ["final answer stated as '\\\\boxed{…}', the student writes '#### …'"]
    assert mismatch("It is \\boxed{5} now", HASHES)[0].startswith("final answer stated in a box of the solution")
    assert mismatch("5.\n\n#### 5", HASHES) == ["a blank line before the final answer, not a new line"]
    assert mismatch("#### 5\nI hope this helps!", HASHES)[0].startswith("the text goes on after the final answer")
    assert mismatch("The answer is 5.\n#### 5", HASHES)[0].startswith("the final answer is stated more than once")


@pytest.mark.parametrize(
    "bad",
    [
        {"final": "the end"},
        {"final": "My guess: {answer}"},
        {"inline": True},
        {"layout": "numbered"},
        {"numbering": "{n}. "},
        {"layout": "numbered", "numbering": "no. {n} "},
        {"thinking": ("<think>", "")},
    ],
)
def test_a_format_that_could_not_be_found_again_is_refused(bad: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"\S"):
        AnswerFormat.model_validate(bad)


PIECES = [
    "Tom has 5 apples.",
    "Then 2 + 3 = 5",
    "It costs $4.",
    "So we get:\n\\[\n2+3=5\n\\]",
    "Thus \\(d = 5\\).",
    "一共有五个。",
    "- one item",
    "1. first part",
    "2. second part",
    "Step 1: begin",
    "$$x=y$$",
    "```\ncode here\n```",
    "### A heading",
    "#### 5",
    "A: 5",
    "The answer is 5.",
    "So the final answer is $5$.",
    "\\boxed{5}",
    "Here $x=\\boxed{5}$ holds.",
    "**Final Answer**\n\n5",
    "答案：7",
    "<answer>5</answer>",
    "<think>",
    "</think>",
    "{",
    "\\boxed{",
]
TEXTS = st.lists(st.tuples(st.sampled_from(PIECES), st.sampled_from(["\n", "\n\n", " "])), max_size=8).map(
    lambda parts: "".join(piece + blank for piece, blank in parts)
)


@settings(max_examples=300, deadline=None)
@given(TEXTS, st.sampled_from(FORMATS), st.sampled_from([None, "5"]))
def test_rendering_twice_is_rendering_once_and_what_fits_is_not_touched(
    text: str, target: AnswerFormat, answer: str | None
) -> None:
    rendered = render(text, target, answer)
    assert render(rendered, target, answer) == rendered
    if not mismatch(text, target):
        assert rendered == text


@settings(max_examples=300, deadline=None)
@given(TEXTS.filter(lambda text: "think>" not in text), st.sampled_from(FORMATS))
def test_no_step_is_lost(text: str, target: AnswerFormat) -> None:
    words = re.compile(r"apples|costs|get|first part|second part|item|code here|heading|holds|一共有五个|begin")
    lost = Counter(words.findall(text)) - Counter(words.findall(render(text, target)))
    assert not lost, "an answer with words in it may be stated once more"


@settings(max_examples=200, deadline=None)
@given(st.lists(st.sampled_from(PIECES[:13]), max_size=5), st.sampled_from(PIECES[13:22]), st.sampled_from(FORMATS))
def test_the_verdict_stays(steps: list[str], final: str, target: AnswerFormat) -> None:
    checker = Numeric().create()
    text = "\n".join([*steps, final])
    before, after = (checker.compare("5", each).verdict for each in (text, render(text, target)))  # type: ignore[attr-defined]
    assert before in ("unknown", after)
