"""What a sample leaves in doubt."""

from __future__ import annotations

import pytest

from errata.init.doubts import Sampled, shortest
from pipeline.grade import TRUNCATED
from pipeline.types import Attempt, Completion, Correction, Finding, Grade, Message, Objection, Pair, Verdict


def attempt(problem: str, number: int, verdict: Verdict | None, answer: str | None = None, why: str = "") -> Attempt:
    grade = Grade(verdict=verdict, extracted=answer, reason=why) if verdict else None
    return Attempt(
        id=f"{problem}-{number}",
        problem_id=problem,
        index=number,
        engine="e",
        settings="s",
        completion=Completion(text=f"#### {answer}") if verdict else None,
        grade=grade,
        failure=None if verdict else why,
    )


def pair(problem: str, number: int = 0, rejected: str = "no", kept: bool = True) -> Pair:
    return Pair(
        id=f"p{problem}{number}",
        problem_id=problem,
        mistake_id=f"m{problem}{number}",
        settings="s",
        prompt=(Message(role="system", content="S"), Message(role="user", content=f"Q{problem}")),
        rejected=rejected,
        chosen="yes" if kept else None,
        answer="7",
        rejected_answer="8",
        findings=() if kept else (Finding(rule="uncorrected", action="drop", reason="r"),),
    )


def correction(problem: str, failure: str | None, objection: Objection | None = None, won: bool = False) -> Correction:
    return Correction(
        id=f"c{problem}{failure}",
        problem_id=problem,
        mistake_id=f"m{problem}0",
        rung="revise",
        settings="s",
        teacher="t",
        gold_visible=False,
        prompt_hash=None,
        text=None,
        completion=None,
        grade=None,
        failure=failure,
        objection=objection,
        diagnosis="because",
        won=won,
    )


def sampled(*attempts: Attempt, pairs: tuple[Pair, ...] = (), corrections: tuple[Correction, ...] = ()) -> Sampled:
    return Sampled(attempts, corrections, pairs)


def test_a_gold_answer_that_most_deny_alike_and_none_gives_is_suspicious() -> None:
    agreeing = [attempt("a", i, "wrong", "8 ." if i else "8") for i in range(3)]
    found = sampled(*agreeing, attempt("a", 3, "unknown"), pairs=(pair("a"),)).suspects()
    assert [(s.question, s.gold, s.answer, s.times, s.of) for s in found] == [("Qa", "7", "8", 3, 4)]
    assert not sampled(*agreeing, attempt("a", 3, "correct", "7"), pairs=(pair("a"),)).suspects()
    split = [attempt("a", i, "wrong", str(i // 2)) for i in range(4)]
    assert not sampled(*split, pairs=(pair("a"),)).suspects()
    assert not sampled(attempt("a", 0, "wrong", "8"), pairs=(pair("a"),)).suspects(), "one says nothing"


def test_reasons_count_together_whatever_they_quote() -> None:
    told = sampled(
        attempt("a", 0, "unknown", why="the final answer 'x + 1' is not a number"),
        attempt("a", 1, "unknown", why="the final answer 'red' is not a number"),
        attempt("a", 2, None, why="time-out"),
    )
    assert told.unknown_reasons() == {"the final answer … is not a number": 2}
    assert told.failures() == {"time-out": 1}
    assert told.verdicts() == {"correct": 0, "wrong": 0, "unknown": 2, "failed": 1}


def test_mistakes_that_stayed_say_why_and_objections_are_listed() -> None:
    told = sampled(
        pairs=(pair("a"), pair("b", kept=False), pair("c", kept=False)),
        corrections=(
            correction("a", "the text is empty"),
            correction("a", None, won=True),
            correction("b", "the text is empty"),
            correction("c", "objected", "gold_wrong"),
        ),
    )
    assert told.uncorrected() == {"revise: the text is empty": 1, "revise: objects: gold wrong": 1}
    assert [(o.question, o.gold, o.objection, o.why) for o in told.objections()] == [
        ("Qc", "7", "gold_wrong", "because")
    ]


@pytest.mark.parametrize(
    ("verdicts", "why", "advice"),
    [
        (["unknown"] * 3 + ["wrong"] * 7, TRUNCATED, "raise sample.params.max_tokens (256)"),
        (["unknown"] * 3 + ["wrong"] * 7, "no final answer found", "cannot be decided"),
        (["correct"] * 10, "", "solves nearly everything"),
        (["wrong"] * 10, "", "solves nothing"),
        (["wrong"] * 5 + ["correct"] * 5, "", "no mistake was corrected"),
    ],
)
def test_advice_names_what_to_change(verdicts: list[Verdict], why: str, advice: str) -> None:
    told = sampled(*(attempt("a", i, verdict, "8", why) for i, verdict in enumerate(verdicts)))
    assert any(advice in line for line in told.advice(256))


def test_a_good_sample_needs_no_advice() -> None:
    told = sampled(*(attempt("a", i, "wrong" if i % 2 else "correct", "8") for i in range(10)), pairs=(pair("a"),))
    assert told.advice(256) == []


def test_shown_pairs_are_short_and_of_different_problems() -> None:
    made = [pair("a", 0, "x" * 50), pair("a", 1, "x"), pair("b", 0, "x" * 9), pair("c", 0, kept=False)]
    assert [p.id for p in shortest(made, 3)] == ["pa1", "pb0"]
    assert [p.id for p in shortest(made, 1)] == ["pa1"]


def test_hostile_texts_take_no_time() -> None:
    text = "'" * 100_000
    told = sampled(*(attempt("a", i, "unknown", text, text) for i in range(50)))
    assert sum(told.unknown_reasons().values()) == 50
