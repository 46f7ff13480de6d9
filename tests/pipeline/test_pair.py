"""Every mistake becomes exactly one pair: kept, or dropped with the finding that says why."""

from __future__ import annotations

from typing import Any

import pytest

from pipeline.cleanups.base import clean
from pipeline.cleanups.calculator_notes import Settings as CalculatorNotes
from pipeline.cleanups.replace import Settings as Replace
from pipeline.config import PairSettings
from pipeline.edits import edit_ratio
from pipeline.pair import Pairing
from pipeline.types import Correction, Grade, Message, Mistake, Pair, Problem

PROBLEM = Problem(id="p", question="q", answer="8")


def make_mistake(number: int, text: str) -> Mistake:
    return Mistake(id=f"m{number}", problem=PROBLEM, attempt_id=f"a{number}", text=text, extracted="9")


def make_correction(text: str | None, verdict: str | None, failure: str | None = None, **told: Any) -> Correction:
    grade = Grade(verdict=verdict, extracted="8", reason=f"is {verdict}") if verdict else None  # type: ignore[arg-type]
    fixed = {"problem_id": "p", "settings": "s", "teacher": None, "gold_visible": True, "prompt_hash": None}
    return Correction(
        id=f"c-{text}",
        mistake_id="m",
        rung="reference",
        text=text,
        completion=None,
        grade=grade,
        failure=failure,
        won=verdict == "correct",
        **(fixed | told),
    )


def make_pairing(limit: int = 4, rate: float = 0.5, **settings: Any) -> Pairing:
    settings = {"max_per_problem": limit, "cleanups": ["calculator_notes"], **settings}
    return Pairing([Message(role="user", content="q")], PairSettings.model_validate(settings), "s", rate)


def pair(pairing: Pairing, number: int, text: str, *tries: Correction) -> Pair:
    mistake = make_mistake(number, text)
    return pairing.refuse(mistake) or pairing.pair(mistake, tries)


GOOD = make_correction("4 + 4 = 8\n#### 8", "correct")


def test_a_kept_pair_is_cleaned_on_both_sides_and_carries_its_provenance() -> None:
    made = pair(make_pairing(), 1, "4 + 5 = <<4+5=9>>9\n#### 9", make_correction("bad", "wrong"), GOOD)
    assert made.dropped_by is None
    assert (made.chosen, made.rejected) == ("4 + 4 = 8\n#### 8", "4 + 5 = 9\n#### 9")
    assert (made.rung, made.gold_visible, made.answer, made.rejected_answer) == ("reference", True, "8", "9")


def test_repeats_surplus_identical_texts_and_mistakes_without_a_correction_are_refused_by_name() -> None:
    pairing = make_pairing(limit=3)
    told = [
        pair(pairing, 1, "x <<1=1>>#### 9", GOOD).dropped_by,
        pair(pairing, 2, "x #### 9", GOOD).dropped_by,
        pair(pairing, 3, "4 + 4 = 8\n#### 8", GOOD).dropped_by,
        pair(pairing, 4, "y", make_correction("z", "wrong"), make_correction(None, None, "no rationale")).dropped_by,
        pair(pairing, 5, "one too many", GOOD).dropped_by,
        pair(pairing, 6, " <<1=1>> ", GOOD).dropped_by,
    ]
    assert told == [None, "repeated_mistake", "identical_text", "uncorrected", "over_limit", "empty_text"]


def test_the_reason_of_an_uncorrected_mistake_lists_every_try() -> None:
    made = pair(make_pairing(), 1, "y", make_correction("z", "wrong"), make_correction(None, None, "no rationale"))
    assert made.findings[0].reason == "reference: is wrong; reference: no rationale"


def test_an_objection_is_the_reason_even_behind_other_failures() -> None:
    objected = make_correction(None, None, "the teacher calls the attempt right: 4 + 4 = 8", objection="attempt_right")
    made = pair(make_pairing(), 1, "y", make_correction("z", "wrong"), objected)
    assert made.dropped_by == "attempt_right"
    kept = pair(make_pairing(), 1, "y", objected, GOOD)
    assert (kept.dropped_by, kept.findings[0].rule) == (None, "attempt_right")


def test_a_chosen_text_in_another_format_is_dropped_or_flagged() -> None:
    odd = make_correction("8", "correct", format_mismatch=("no final answer line",))
    assert pair(make_pairing(), 1, "y", odd).dropped_by == "format"
    lenient = Pairing([Message(role="user", content="q")], PairSettings(), "s", format_action="flag")
    made = pair(lenient, 1, "y", odd)
    assert (made.dropped_by, made.findings[0].reason) == (None, "no final answer line")


def test_problems_outside_the_pass_rates_and_repeated_answers_are_refused_before_a_teacher_is_asked() -> None:
    assert pair(make_pairing(rate=0.9, max_pass_rate=0.8), 1, "y").dropped_by == "pass_rate"
    assert pair(make_pairing(rate=0.0, min_pass_rate=0.1), 1, "y").dropped_by == "pass_rate"
    pairing = make_pairing(distinct_answers=True)
    assert [pair(pairing, n, f"text {n}", GOOD).dropped_by for n in (1, 2)] == [None, "repeated_answer"]


def test_the_commonest_wrong_answer_is_taken_first() -> None:
    mistakes = [make_mistake(n, f"t{n}").model_copy(update={"extracted": x}) for n, x in enumerate("7959")]
    assert [m.id for m in make_pairing(order="common_first").arrange(mistakes)] == ["m1", "m3", "m0", "m2"]
    assert [m.id for m in make_pairing().arrange(mistakes)] == ["m0", "m1", "m2", "m3"]


def test_only_a_correct_text_becomes_chosen() -> None:
    for verdict in ("wrong", "unknown"):
        assert pair(make_pairing(), 1, "y", make_correction("z", verdict)).chosen is None


def test_a_pair_without_a_chosen_text_needs_a_reason() -> None:
    made = pair(make_pairing(), 1, "y")
    with pytest.raises(ValueError, match="needs the finding"):
        Pair.model_validate(made.model_dump() | {"findings": ()})


def test_clean_ups_apply_in_order_and_unclosed_notes_lose_all_but_their_result() -> None:
    chain = [CalculatorNotes(), Replace(pattern=r"^A: (.+)$", replacement=r"#### \1")]
    assert clean("2 + 3 = <<2+3=5>>5\nA: 5", chain) == "2 + 3 = 5\n#### 5"
    assert clean("2 + 3 = <<2+3=5 apples", chain) == "2 + 3 = 5 apples"
    assert clean("a << b and c >> d", chain) == "a << b and c >> d"


def test_the_edit_ratio_is_0_for_the_same_and_1_for_another_text() -> None:
    assert edit_ratio("a b c", "a b c") == 0
    assert edit_ratio("aaa", "bbb") == 1
    assert 0 < edit_ratio("4 * 6 = 24", "4 * 6 = 25") < 0.3
    assert 0 < edit_ratio("小明有三个苹果", "小明有四个苹果") < 0.3
