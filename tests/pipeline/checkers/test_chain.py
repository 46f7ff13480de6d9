"""A second opinion: when it is asked, and what comes of two verdicts."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from pipeline.checkers.chain import Settings
from pipeline.components import AnyChecker
from pipeline.engines.scripted import Scripted
from pipeline.errors import RequestFailed
from pipeline.prompts import Prompts
from pipeline.types import Grade, Message, Problem

PROBLEM = Problem(id="p", question="q", answer="8")
JUDGE = {"checker": "judge", "engine": {"engine": "scripted", "replies": ["unused"]}, "both_orders": False}
TEXTS = {"correct": "#### 8", "wrong": "#### 9", "unknown": "no idea"}
"""What `numeric` says of them."""


def make_settings(**options: Any) -> Settings:
    return TypeAdapter(AnyChecker).validate_python({"checker": "chain", "first": "numeric", "second": JUDGE, **options})


def check(settings: Settings, text: str, *verdicts: Any, problem: Problem = PROBLEM) -> tuple[Grade, int]:
    """The grade where the judges answer so, one verdict each; and how many requests there were."""
    engines = {}
    for name, verdict in zip(settings.engines, verdicts, strict=True):

        def answer(messages: Sequence[Message], index: int, verdict: Any = verdict) -> Any:
            if isinstance(verdict, Exception):
                return verdict
            return json.dumps({"reason": "because", "answer": "8", "verdict": verdict})

        engines[name] = Scripted(answer)

    async def ask() -> Grade:
        async with settings.connect(engines.__getitem__, Prompts()) as checker:
            return await checker.check(problem, text)

    return asyncio.run(ask()), sum(engine.asked for engine in engines.values())


@pytest.mark.parametrize(
    ("first", "second", "verdict", "confirmed"),
    [
        ("wrong", "wrong", "wrong", "wrong"),
        ("wrong", "correct", "unknown", "unknown"),
        ("wrong", "unsure", "wrong", "unknown"),
        ("unknown", "wrong", "wrong", "wrong"),
        ("unknown", "correct", "correct", "correct"),
        ("unknown", "unsure", "unknown", "unknown"),
    ],
)
def test_what_comes_of_two_verdicts(first: str, second: str, verdict: str, confirmed: str) -> None:
    grade, asked = check(make_settings(), TEXTS[first], second)
    assert (grade.verdict, asked) == (verdict, 1)
    judged = "unknown" if second == "unsure" else second
    assert [(o.checker, o.verdict) for o in grade.opinions] == [("numeric", first), ("judge", judged)]
    assert grade.reason.startswith(f"numeric says {first} (")
    assert f"judge says {judged} (1 of 1 votes {second}: because)" in grade.reason
    assert grade.extracted == {"wrong": "9", "unknown": "8"}[first]
    assert check(make_settings(must_confirm=True), TEXTS[first], second)[0].verdict == confirmed


def test_who_is_not_in_doubt_is_not_asked_about() -> None:
    grade, asked = check(make_settings(), TEXTS["correct"], "wrong")
    assert (grade.verdict, grade.opinions, asked) == ("correct", (), 0)
    assert check(make_settings(ask_on=["correct"]), TEXTS["correct"], "wrong")[0].verdict == "unknown"
    assert check(make_settings(ask_on=["unknown"]), TEXTS["wrong"], "correct")[1] == 0


def test_a_second_opinion_that_fails_leaves_no_verdict() -> None:
    with pytest.raises(RequestFailed, match="judge: no answer"):
        check(make_settings(), TEXTS["wrong"], RequestFailed("no answer"))


def test_chains_of_chains_keep_their_judges_apart() -> None:
    settings = make_settings(first={"checker": "chain", "first": "numeric", "second": JUDGE}, second=JUDGE)
    assert list(settings.engines) == ["judge", "second_judge"]
    assert check(settings, TEXTS["wrong"], "wrong", "correct")[0].verdict == "unknown"
    assert check(settings, TEXTS["wrong"], "correct", "wrong")[0].verdict == "wrong", "the first chain cannot tell"

    twice = {"checker": "chain", "first": JUDGE, "second": JUDGE, "ask_on": ["wrong"]}
    settings = make_settings(first=twice, second=twice, ask_on=["wrong"])
    assert len(settings.engines) == 4
    grade, asked = check(settings, "9", "wrong", "wrong", "wrong", "correct")
    assert (grade.verdict, asked) == ("wrong", 4)
    assert [(o.checker, o.verdict) for o in grade.opinions] == [("chain", "wrong"), ("chain", "unknown")]


def test_a_gold_answer_that_the_first_cannot_read_is_left_to_the_second() -> None:
    problem = PROBLEM.model_copy(update={"answer": "an even number"})
    settings = make_settings()
    assert settings.create().gold_error(problem) is None
    grade, _ = check(settings, "#### 8", "correct", problem=problem)
    assert grade.verdict == "correct"
    assert "cannot read the gold answer" in grade.opinions[0].reason
    assert make_settings(ask_on=["wrong"]).create().gold_error(problem) is not None
    assert make_settings(second="numeric").create().gold_error(problem) is not None


def test_the_gold_answer_is_right_without_a_request() -> None:
    assert asyncio.run(make_settings().create().check_answer(PROBLEM, "8")).verdict == "correct"


def test_columns_and_fingerprints_are_those_of_both() -> None:
    settings = make_settings(first="choice")
    assert settings.columns == settings.create().columns == ("choices",)

    def fingerprint(identity: str) -> Any:
        engine = Scripted(lambda messages, index: "x", identity=identity)
        return settings.fingerprint({"judge": engine}.__getitem__, Prompts())

    assert fingerprint("a") == fingerprint("a") != fingerprint("b")
    assert "choices" in json.dumps(fingerprint("a")["first"])


def test_a_chain_without_a_second_or_with_an_unknown_one_is_told() -> None:
    with pytest.raises(ValidationError, match="second\n  Field required"):
        TypeAdapter(AnyChecker).validate_python({"checker": "chain", "first": "math"})
    with pytest.raises(ValidationError, match="'juge'"):
        make_settings(second="juge")
    with pytest.raises(ValidationError, match="ask_on"):
        make_settings(ask_on=[])
