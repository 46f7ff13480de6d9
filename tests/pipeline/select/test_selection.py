"""Pairs come one by one in any order, and the same ones stay."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.select.selection import Selection
from pipeline.select.settings import SelectSettings
from pipeline.types import Finding, Message, Pair, content_id

Look = tuple[Pair, str | None, float]


def make_pair(
    number: int, question: str, rejected: str = "one two three four", chosen: str = "5", **fields: Any
) -> Pair:
    return Pair(
        id=content_id(number),
        problem_id=fields.pop("problem_id", question),
        mistake_id=f"m{number}",
        settings="s",
        prompt=fields.pop("prompt", (Message(role="system", content="s"), Message(role="user", content=question))),
        rejected=rejected,
        chosen=chosen,
        answer="5",
        rejected_answer="4",
        **fields,
    )


def decide(looks: list[Look], **options: Any) -> dict[str, Finding]:
    selection = Selection(SelectSettings(**options))
    for look in looks:
        selection.add(*look)
    return selection.decide()


TEXTS = st.sampled_from([" ".join(f"w{n}" for n in range(start, start + 30)) for start in (0, 1, 2, 3, 40, 80)])
FEATURES = st.tuples(
    TEXTS, st.sampled_from("pqr"), st.text("x", max_size=4), st.sampled_from([None, "a", "b"]), st.integers(0, 4)
)


@settings(max_examples=60)
@given(st.lists(FEATURES, max_size=20), st.sampled_from(["middle", "hardest", "any"]), st.randoms())
def test_what_is_decided_does_not_depend_on_the_order(features: list[Any], prefer: str, rng: random.Random) -> None:
    looks: list[Look] = [
        (make_pair(number, text, "xx", chosen, problem_id=problem), topic, right / 4)
        for number, (text, problem, chosen, topic, right) in enumerate(features)
    ]
    options = {
        "near_duplicates": 0.8,
        "max_never_correct": 0.25,
        "topic": "topic",
        "max_topic_share": 0.6,
        "balance_length": 0.1,
        "max_pairs": 8,
        "prefer": prefer,
    }
    decided = decide(looks, **options)
    rng.shuffle(looks)
    assert decide(looks, **options) == decided


def test_without_settings_everything_stays() -> None:
    assert decide([(make_pair(number, "the same question"), "a", 0.0) for number in range(9)]) == {}
    assert decide([], near_duplicates=0.8, max_pairs=1, balance_length=0) == {}


def test_near_duplicates_are_told_by_question_and_rejected_text_and_the_preferred_one_stays() -> None:
    question, answer = " ".join(f"q{n}" for n in range(40)), " ".join(f"r{n}" for n in range(40))
    looks: list[Look] = [
        (make_pair(1, question, answer, problem_id="p"), None, 0.0),
        (make_pair(2, question, answer, problem_id="q"), None, 0.5),
        (make_pair(3, question, "another answer altogether " * 9, problem_id="r"), None, 0.5),
    ]
    decided = decide(looks, near_duplicates=0.8)
    assert {id: finding.rule for id, finding in decided.items()} == {content_id(1): "near_duplicate"}
    assert f"like pair {content_id(2)} of problem q" in decided[content_id(1)].reason


def test_a_pair_that_revises_is_told_by_all_that_the_user_says() -> None:
    def revise(number: int, question: str) -> Look:
        said = [("user", question), ("assistant", "x"), ("user", "check this answer")]
        prompt = tuple(Message(role=role, content=text) for role, text in said)  # type: ignore[arg-type]
        return make_pair(number, question, "x", prompt=prompt, view="revise"), None, 0.5

    one, other = (" ".join(f"{letter}{n}" for n in range(30)) for letter in "ab")
    assert not decide([revise(1, one), revise(2, other)], near_duplicates=0.8)
    assert len(decide([revise(1, one), revise(2, one + " end")], near_duplicates=0.8)) == 1


def test_the_bare_question_may_be_named_where_a_template_drowns_it() -> None:
    template = " ".join(f"w{n}" for n in range(300))
    with_it, without = (Selection(SelectSettings(near_duplicates=0.8)) for _ in range(2))
    for number, question in enumerate(["how many apples", "when does it leave"]):
        pair = make_pair(number, f"{template} {question}", rejected=question, problem_id=question)
        with_it.add(pair, None, 0.5)
        without.add(pair, None, 0.5, question=question)
    assert len(with_it.decide()) == 1
    assert not without.decide()


def test_near_duplicates_go_before_the_limits_are_looked_at() -> None:
    looks: list[Look] = [(make_pair(n, f"q{min(n, 2)}", problem_id=str(n)), None, 0.5) for n in range(6)]
    rules = sorted(finding.rule for finding in decide(looks, near_duplicates=1, max_pairs=2).values())
    assert rules == ["max_pairs", "near_duplicate", "near_duplicate", "near_duplicate"]


def test_dropped_pairs_are_not_to_be_looked_at() -> None:
    dropped = make_pair(1, "q", findings=(Finding(rule="r", action="drop", reason=""),))
    with pytest.raises(ValueError, match="is not kept"):
        Selection(SelectSettings()).add(dropped, None, 0.5)
