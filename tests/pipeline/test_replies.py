"""A teacher's reply is read in every form; what cannot be read is named, never guessed."""

from __future__ import annotations

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.replies import Malformed, Reply, read_reply, reply_schema
from pipeline.types import Completion

LATEX = r"Let $x = \frac{1}{2}$. Then \(\sqrt{x} \neq \theta\), \times \boxed{\text{no}}"


def tagged(text: str, asks: str = "solution") -> Reply | Malformed:
    return read_reply(Completion(text=text), "tagged", asks)  # type: ignore[arg-type]


def as_json(text: str, asks: str = "solution") -> Reply | Malformed:
    return read_reply(Completion(text=text), "json", asks)  # type: ignore[arg-type]


def test_the_three_forms_say_the_same() -> None:
    solution = f"{LATEX}\n#### 7"
    expected = Reply(diagnosis="line 2", solution=solution)
    assert tagged(f"<diagnosis> line 2 </diagnosis>\n<solution>\n{solution}\n</solution>") == expected
    reply = {"diagnosis": "line 2", "verdict": "solution", "solution": solution}
    assert as_json(f"Here it is:\n```json\n{json.dumps(reply)}\n```") == expected
    assert read_reply(Completion(text=f" {solution}\n"), "plain", "solution") == Reply(solution=solution)


def test_latex_survives_json_whose_backslashes_were_not_doubled() -> None:
    careless = json.dumps({"diagnosis": "", "verdict": "solution", "solution": LATEX}).replace("\\\\", "\\")
    read = as_json(careless)
    assert isinstance(read, Reply)
    assert read.solution == LATEX


@given(st.text(st.characters(codec="utf-8", exclude_categories=["Cc"]), min_size=1).filter(lambda text: text.strip()))
def test_json_that_is_right_is_read_as_it_is(solution: str) -> None:
    solution = solution.replace("\\", "/")
    read = as_json(json.dumps({"diagnosis": "d", "verdict": "solution", "solution": solution}))
    assert isinstance(read, Reply)
    assert read.solution == solution.strip()


def test_tags_of_the_reply_are_no_part_of_a_solution() -> None:
    for inside in ("He wrote <attempt_right>yes</attempt_right>.", "#### 6</solution> Oops. <solution>#### 7"):
        read = tagged(f"<diagnosis>d</diagnosis><solution>{inside}</solution>")
        assert isinstance(read, Malformed)
        assert "which is for the reply" in read.problem


def test_tags_in_a_diagnosis_or_a_thought_are_words() -> None:
    diagnosis = "Step 1 of the <solution> says <attempt_right>yes</attempt_right>"
    read = tagged(f"<diagnosis>{diagnosis}</diagnosis><solution>#### 7</solution>")
    assert read == Reply(diagnosis=diagnosis, solution="#### 7")
    thought = "<think>maybe <attempt_right>it is right</attempt_right></think>"
    assert tagged(f"{thought}<solution>#### 7</solution>") == Reply(solution="#### 7")
    assert tagged("<think>hm <solution>#### 7</solution>") == Malformed(problem="its thought does not end")


def test_control_characters_and_half_characters_are_no_text() -> None:
    for text in (
        '{"verdict": "solution", "solution": "\\ud800 x"}',
        '{"verdict": "solution", "solution": "\\u0008igl("}',
    ):
        assert isinstance(as_json(text), Malformed)
    assert isinstance(tagged("<solution>\ud800</solution>"), Malformed)


@pytest.mark.parametrize(
    "latex",
    [
        r"\bigl( \because \backslash \bf",
        r"\tilde{x} \textit{a} \tag{1}",
        r"x \ne y, $\nu$, \nleq",
        r"\rvert \frac12 \forall",
    ],
)
def test_latex_that_json_takes_for_escapes_survives(latex: str) -> None:
    read = as_json('{"verdict": "solution", "solution": "' + latex + '"}')
    assert isinstance(read, Reply)
    assert read.solution == latex


@pytest.mark.parametrize(
    "text",
    [
        "def f(n):\n\treturn n\n\ttext = 1\n\nnext = 2",
        "apples,\nless than 8.\n\tan extra line\nmid-June\nexists\nsimple\n\top = 1",
        "so\nu = 3\n$\\nu = \\frac{1}{2}$\nnot 5",
    ],
)
def test_tabs_and_line_breaks_of_right_json_are_kept(text: str) -> None:
    read = as_json(json.dumps({"diagnosis": "", "verdict": "solution", "solution": text}))
    assert isinstance(read, Reply)
    assert read.solution == text


@pytest.mark.parametrize("word", ["attempt_right", "gold_wrong"])
def test_an_objection_is_no_solution(word: str) -> None:
    for read in (
        tagged(f"<diagnosis>?</diagnosis><{word}>since 2 + 2 = 4</{word}>"),
        as_json(json.dumps({"diagnosis": "since 2 + 2 = 4", "verdict": word, "solution": None})),
    ):
        assert read == Reply(objection=word, diagnosis="since 2 + 2 = 4")  # type: ignore[arg-type]


def test_a_step_is_a_number() -> None:
    assert tagged("<diagnosis>d</diagnosis><first_wrong_step> 3 </first_wrong_step>", "step") == Reply(
        diagnosis="d", first_wrong_step=3
    )
    step = {"diagnosis": "d", "verdict": "attempt_wrong", "first_wrong_step": 3}
    assert as_json(json.dumps(step), "step") == Reply(diagnosis="d", first_wrong_step=3)
    assert read_reply(Completion(text="Step 3."), "plain", "step") == Reply(first_wrong_step=3)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "is empty"),
        ("4 + 4 = 8", "no <solution>"),
        ("<solution>4 + 4 = 8", "not closed"),
        ("<solution> \n</solution>", "is empty"),
        ("<solution>8</solution><attempt_right>yes</attempt_right>", "objects .attempt_right. and gives"),
        ("<attempt_right>a</attempt_right><gold_wrong>b</gold_wrong>", "both"),
        ("<solution>8</solution><first_wrong_step>two</first_wrong_step>", "not a number"),
    ],
)
def test_a_tagged_reply_that_cannot_be_read_is_named(text: str, told: str) -> None:
    read = tagged(text)
    assert isinstance(read, Malformed)
    assert re.search(told, read.problem)


@pytest.mark.parametrize(
    "text",
    [
        "4",
        "{",
        '{"verdict": "solution"}',
        '{"verdict": "right", "solution": "8"}',
        '{"verdict": "solution", "solution": 8}',
        '{"verdict": "attempt_right", "solution": "8"}',
        '{"verdict": "solution", "solution": " "}',
        '{"solution": "8"}',
    ],
)
def test_a_json_reply_that_is_not_what_was_asked_for_is_named(text: str) -> None:
    assert isinstance(as_json(text), Malformed)


def test_a_reply_that_was_cut_off_is_not_read() -> None:
    cut = Completion(text="<solution>8</solution>", finish_reason="length")
    assert read_reply(cut, "tagged", "solution") == Malformed(problem="it was cut off at max_tokens")


def test_the_schema_admits_exactly_what_is_read() -> None:
    assert json.loads(reply_schema("solution"))["required"] == ["diagnosis", "verdict", "solution"]
    assert json.loads(reply_schema("step"))["required"] == ["diagnosis", "verdict", "first_wrong_step"]


@pytest.mark.parametrize(
    "text", ["<solution>" * 10_000, "\\" * 100_000, '{"a":"' + "\\u" * 50_000 + '"}', "{" * 99_999]
)
def test_hostile_replies_are_refused(text: str) -> None:
    for form in ("tagged", "json"):
        assert isinstance(read_reply(Completion(text=text), form, "solution"), Malformed)  # type: ignore[arg-type]
