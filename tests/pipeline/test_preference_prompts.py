"""A prompt that stands inside both answers is split off as TRL does it; answers that repeat a given one lose it."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from trl.data_utils import maybe_extract_prompt

from pipeline.preference_prompts import set_apart, split_prompt


def talk(*contents: str, first: str = "user") -> list[dict[str, str]]:
    roles = ["user", "assistant"] if first == "user" else ["assistant", "user"]
    return [{"role": roles[i % 2], "content": content} for i, content in enumerate(contents)]


def by_trl(**row: Any) -> tuple[Any, Any, Any]:
    found = maybe_extract_prompt(row)
    return found["prompt"], found["chosen"], found["rejected"]


turns = st.lists(st.sampled_from("abc"), min_size=1, max_size=5).map(lambda contents: talk(*contents))


@given(turns, turns)
def test_conversations_are_split_where_trl_splits_them(chosen: Any, rejected: Any) -> None:
    expected = by_trl(chosen=chosen, rejected=rejected)
    assert split_prompt(chosen, rejected) == (expected if expected[0] else None)


@given(turns, turns, st.sampled_from("abc"))
def test_conversations_beside_a_prompt_that_is_a_string_are_split_where_trl_splits_them(
    chosen: Any, rejected: Any, prompt: str
) -> None:
    expected = by_trl(prompt=prompt, chosen=chosen, rejected=rejected)
    assert set_apart(prompt, chosen, rejected) == (expected if expected[0] else None)


@given(st.text("ab. \n题", min_size=1), st.text("xy. \n目"), st.text("xy. \n目"))
def test_strings_are_split_where_trl_splits_them_or_before_the_word_or_space_there(
    start: str, one: str, two: str
) -> None:
    chosen, rejected = start + one, start + two
    expected = by_trl(chosen=chosen, rejected=rejected)[0]
    found = split_prompt(chosen, rejected)
    if found is None:
        assert re.fullmatch(r"[\n ]*[abxy]*", expected)
    else:
        assert found == (found[0], chosen.removeprefix(found[0]), rejected.removeprefix(found[0]))
        assert expected.startswith(found[0])
        assert re.fullmatch(" ?[abxy]*", expected.removeprefix(found[0]))


def test_strings_are_split_as_trl_splits_them_where_no_word_is_torn() -> None:
    for chosen, rejected in (
        ("What is 2 + 2?\n4", "What is 2 + 2?\n5"),
        ("The sky is blue.", "The sky is green."),
        ("1+1等于几？二", "1+1等于几？三"),
        ("\n\nHuman: q\n\nAssistant: Yes.", "\n\nHuman: q\n\nAssistant: No."),
        (
            "\n\nHuman: a\n\nAssistant: b\n\nHuman: c\n\nAssistant: d",
            "\n\nHuman: a\n\nAssistant: b\n\nHuman: c\n\nAssistant: e",
        ),
    ):
        assert split_prompt(chosen, rejected) == by_trl(chosen=chosen, rejected=rejected)


@pytest.mark.parametrize(
    ("chosen", "rejected", "prompt"),
    [
        ("Add: 3 and 4 are 12", "Add: 3 and 4 are 17", "Add: 3 and 4 are"),
        ("\n\nHuman: q\n\nAssistant: I think A", "\n\nHuman: q\n\nAssistant: I think B", "\n\nHuman: q\n\nAssistant:"),
        ("\n\nHuman: q\n\nAssistant: No", "\n\nHuman: q\n\nAssistant:", "\n\nHuman: q\n\nAssistant:"),
        ("Q: x. Yes, it is", "Q: x. Yes", "Q: x."),
        ("cart", "car", None),
        (" a", " b", None),
        ("Yes.", "No.", None),
        ("Yes.", [{"role": "user", "content": "Yes."}], None),
    ],
)
def test_answers_that_begin_alike_keep_their_first_words(chosen: Any, rejected: Any, prompt: str | None) -> None:
    found = split_prompt(chosen, rejected)
    assert found == (None if prompt is None else (prompt, chosen[len(prompt) :], rejected[len(prompt) :]))


def test_an_answer_never_loses_its_last_turn() -> None:
    both = talk("q", "a")
    assert split_prompt(both, [*both, *talk("q2", "a2")]) == (
        both[:1],
        both[1:],
        talk("a", "q2", "a2", first="assistant"),
    )
    assert split_prompt(both, both) == (both[:1], both[1:], both[1:])
    assert split_prompt(both[:1], both[:1]) is None


def test_answers_that_repeat_their_prompt_lose_it() -> None:
    system = [{"role": "system", "content": "s"}]
    question, one, two = talk("q"), talk("c", first="assistant"), talk("r", first="assistant")
    for repeated in (system + question, question):
        assert set_apart(system + question, repeated + one, repeated + two) == (system + question, one, two)
    as_it_is = (question, question + one, two)
    assert set_apart(*as_it_is) == as_it_is
    assert set_apart("q", one, two) == (question, one, two)
    assert set_apart("q", one + talk("q2", "c2"), one + talk("q2", "r2")) == (
        talk("q", "c", "q2"), talk("c2", first="assistant"), talk("r2", first="assistant"),
    )  # fmt: skip
    assert set_apart("q", question + one, talk("other") + two) is None
    assert set_apart("q", "c", "r") == ("q", "c", "r")


def test_long_texts_are_split_at_once() -> None:
    for text in (
        "a" * 100_000,
        " " * 100_000,
        "\n\nAssistant:" * 8000,
        "Human:" + "\n\nAssistant:" * 8000,
        "\0" * 100_000,
    ):
        found = split_prompt(text + "?", text + "!")
        assert found is None or "".join(found[:2]) == text + "?"
