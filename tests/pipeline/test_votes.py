"""Replies of every kind, and what a number of votes makes of them."""

from __future__ import annotations

import json

import pytest

from pipeline.types import Completion
from pipeline.votes import Vote, count_votes, read_vote


def vote(verdict: str) -> str:
    return json.dumps({"reason": "as it is", "answer": "0.75", "verdict": verdict})


def test_seven_of_ten_votes_are_seven_tenths() -> None:
    votes = [Vote(verdict="correct")] * 7 + [Vote(verdict="unsure")] * 3
    assert count_votes(votes, 0.7).verdict == "correct"
    assert count_votes(votes, 0.71).verdict == "unknown"
    assert count_votes([Vote(verdict="unsure", reason="no answer")], 1.0).reason.endswith("unsure: no answer")


READABLE = {
    "plain": vote("wrong"),
    "fenced": f"```json\n{vote('wrong')}\n```",
    "text around it": f"The sets {{1, 2}} differ.\n{vote('wrong')}\nThat is all.",
    "line breaks in a string": '{"reason": "first\nsecond", "answer": null, "verdict": "wrong"}',
    "LaTeX without care": r'{"reason": "\(\sqrt{2}\) and \underline{2}", "answer": "\\frac12", "verdict": "wrong"}',
    "a number for an answer, capitals": '{"verdict": "Wrong", "answer": 7, "reason": ""}',
    "the same twice": vote("wrong") + "\n" + vote("wrong"),
    "another object before": '{"answer": "7"} ' + vote("wrong"),
}
UNREADABLE = {
    "no object": "wrong",
    "another key": '{"reason": "", "answer": "7", "verdict": "wrong", "confidence": 1}',
    "another word": vote("incorrect"),
    "two verdicts": vote("wrong") + vote("correct"),
    "nested": f'{{"result": {vote("wrong")}}}',
    "quoted inside what cannot be read": f'{{"reason": "it says {vote("correct")} and \\sqrt", "verdict": "wrong"}}',
    "empty": "",
    "too deep": '{"reason": ' + "[" * 100_000,
    "braces": "{" * 50_000,
    "half a character": '{"reason": "\\ud800", "answer": null, "verdict": "wrong"}',
}


@pytest.mark.parametrize("case", READABLE)
def test_a_reply_is_read_with_what_stands_around_it(case: str) -> None:
    reply = read_vote(Completion(text=READABLE[case]))
    assert isinstance(reply, Vote)
    assert reply.verdict == "wrong"


@pytest.mark.parametrize("case", UNREADABLE)
def test_a_reply_that_is_no_single_verdict_is_a_vote_for_nothing(case: str) -> None:
    told = read_vote(Completion(text=UNREADABLE[case]))
    assert isinstance(told, str)
    grade = count_votes([told], 1.0)
    assert grade.verdict == "unknown"
    assert "1 of 1 unreadable" in grade.reason
    grade.model_dump_json()


def test_a_reply_that_was_cut_off_is_not_read() -> None:
    assert read_vote(Completion(text=vote("wrong"), finish_reason="length")) == "cut off at max_tokens"
