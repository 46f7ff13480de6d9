"""Where a text states its answer, and how much of it that is."""

from __future__ import annotations

import pytest

from pipeline.answers.claims import claimed_groups, main_clause, without_additions
from pipeline.answers.doubts import is_complete, is_restricted
from pipeline.answers.extraction import boxed_contents, candidates, last_boxes, strip_denied
from pipeline.answers.statements import Found, find_statements
from pipeline.checkers.math import Settings

SETTINGS = Settings()


def find(text: str) -> Found:
    return find_statements(text, boxed=True, marked=SETTINGS.find_marked, phrases=SETTINGS.find_phrases)


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("so \\boxed{\\frac{1}{2}}.", "\\frac{1}{2}"),
        ("#### 18", "18"),
        ("**Final Answer:** 18", "18"),
        ("答：一共有 18 个。", "18 个"),
        ("The answer is $18$ dollars.", "18 dollars"),
        ("### Final Answer\n\nx = 3", "x = 3"),
        ("<think>perhaps \\boxed{3}</think> It is \\boxed{4}.", "4"),
        ("We get\n$$x = 4$$", "x = 4"),
        ("Hence the minimum value is $\\frac{3}{4}$.", "\\frac{3}{4}"),
        ("所以最小值为 3。", "3"),
        ("**Alice** has a winning strategy.", "Alice"),
        ("- max: 4\n- min: 2", "max: 4; min: 2"),
        ("\\boxed{1} and \\boxed{2}", "1, 2"),
        ("a = 2\nb = 3", "a = 2; b = 3"),
    ],
)
def test_the_statement_of_a_text_is_found(text: str, form: str) -> None:
    assert form in find(text).statements[-1].forms


@pytest.mark.parametrize("text", ["", "I do not know.", "Let me think about whether the answer is yes or so."])
def test_a_text_that_states_nothing_decides_nothing(text: str) -> None:
    assert not any(statement.firm and statement.forms[0].isdigit() for statement in find(text).statements)


def test_boxes_are_found_with_balanced_braces_and_in_linear_time() -> None:
    assert [content for _, _, content in boxed_contents("\\boxed{a_{1}} \\boxed 7 \\fbox{b} \\boxed{open")] == [
        "a_{1}",
        "7",
    ]
    assert boxed_contents("\\boxed{" * 20_000) == []
    assert last_boxes("\\boxed{300}\\ \\mathrm{cm}")[0] == "300 \\mathrm{cm}"


def test_what_is_denied_is_no_answer() -> None:
    assert strip_denied("not 5 but 7").strip() == "7"
    assert "偶数" not in strip_denied("奇数，而不是偶数")


def test_what_a_sentence_adds_is_no_part_of_its_claim() -> None:
    assert without_additions("the minimum is $12$, attained when $x = 6$") == "the minimum is $12$"
    assert main_clause("Since $a = 2$, so the area is $9$") == "the area is $9$"
    assert claimed_groups("the solutions are $1$, $2$ and $3$") == ["1, 2, 3"]
    assert claimed_groups("$n$ is $5$") == ["5"]


def test_a_form_that_leaves_numbers_or_properties_out_is_not_complete() -> None:
    assert is_complete("the answer $n = 5$", "n = 5")
    assert not is_complete("all even $n \\ge 4$", "n \\ge 4")
    assert not is_complete("$x > 0$ and 7 others", "x > 0")
    assert is_restricted("$f(x) = cx$ for $c \\ge 0$", "f(x) = cx")
    assert not is_restricted("$f(x) = cx$ for all $x > 0$", "f(x) = cx")


def test_forms_hold_no_half_formulas() -> None:
    for form in candidates("we have $\\frac{1}{2}$ of {it and $x"):
        assert form.count("{") == form.count("}")
