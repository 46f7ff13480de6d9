"""Replies as servers send them, good and bad."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import MalformedReply
from pipeline.serving.replies import read_reply, split_thought
from pipeline.types import Usage


def choice(content: Any, finish: str = "stop", **message: Any) -> dict[str, Any]:
    return {"index": 0, "finish_reason": finish, "message": {"role": "assistant", "content": content, **message}}


@pytest.mark.parametrize(
    ("text", "thought", "answer"),
    [
        ("<think>\nhm\n</think>\n\n#### 4", "hm", "#### 4"),
        ("hm\n</think>\n#### 4", "hm", "#### 4"),  # the template opened the tag in the prompt
        ("<think>endless", "endless", ""),
        ("no thought", None, "no thought"),
        ("The tag <think> is shown like this: </think>", None, "The tag <think> is shown like this: </think>"),
        ("<think></think>#### 4", "", "#### 4"),
    ],
)
def test_a_thought_is_kept_apart(text: str, thought: str | None, answer: str) -> None:
    assert split_thought(text) == (thought, answer)
    made = read_reply({"choices": [choice(text)]}, "apart")[0]
    assert (made.reasoning, made.text) == (thought, answer)
    assert read_reply({"choices": [choice(text)]}, "keep")[0].text == text


@pytest.mark.parametrize("field", ["reasoning_content", "reasoning"])
def test_a_servers_own_field_for_thoughts_is_read(field: str) -> None:
    reply = {"choices": [choice("#### 4", **{field: "hm"})]}
    apart, keep = read_reply(reply, "apart")[0], read_reply(reply, "keep")[0]
    assert (apart.reasoning, apart.text) == ("hm", "#### 4")
    assert keep.text == "<think>\nhm\n</think>\n\n#### 4"
    assert keep.reasoning is None


def test_usage_counts_the_prompt_once_and_shares_what_was_written() -> None:
    usage = {"prompt_tokens": 10, "completion_tokens": 11}
    made = read_reply({"choices": [choice("a"), choice("b"), choice("c")], "usage": usage}, "apart")
    assert [m.usage.prompt_tokens for m in made] == [10, 0, 0]
    assert [m.usage.completion_tokens for m in made] == [4, 4, 3]


@pytest.mark.parametrize("finish", ["length", "content_filter"])
def test_a_text_cut_off_before_its_first_word_is_kept_since_it_is_paid(finish: str) -> None:
    made = read_reply({"choices": [choice(None, finish)]}, "apart")[0]
    assert (made.text, made.finish_reason) == ("", finish)


def test_json_under_another_content_type_is_read_all_the_same() -> None:
    assert read_reply('{"choices": [{"finish_reason": "stop", "message": {"content": "4"}}]}', "apart")[0].text == "4"


@pytest.mark.parametrize(
    ("reply", "told"),
    [
        ("<html>Bad gateway</html>", "ends in /v1"),
        ({"choices": []}, "no choices"),
        ({"error": {"message": "model is loading"}}, "model is loading"),
        ({"choices": [choice(None)]}, "no text"),
        ({"choices": [choice("4", "tool_calls")]}, "tool_calls"),
        ({"choices": [{"finish_reason": "stop"}]}, "no chat completion"),
        ({"choices": ["x"]}, "no chat completion"),
        ({"choices": [choice(5)]}, "no chat completion"),
        ({"choices": [choice("4", reasoning={"a": 1})]}, "no chat completion"),
        ({"choices": [choice("4")], "usage": {"completion_tokens": "many"}}, "no chat completion"),
        ({"choices": [choice([{"type": "text"}])]}, "no chat completion"),
        ({"choices": [choice("\ud800")]}, "not valid Unicode"),
        ({"choices": [choice([{"type": "text", "text": "\udfff"}])]}, "not valid Unicode"),
        ({"choices": [choice("4", reasoning="\ud800")]}, "not valid Unicode"),
        ({"choices": [choice("4")], "usage": {"prompt_tokens": 1 << 60}}, "no reply has"),
        ({"choices": [choice("4")], "usage": {"completion_tokens": -1}}, "no reply has"),
        ("[" * 100_000, "not JSON"),
        (None, "no choices"),
        ([1], "no choices"),
    ],
)
def test_what_is_no_completion_is_told_and_never_an_empty_text(reply: object, told: str) -> None:
    with pytest.raises(MalformedReply, match=told):
        read_reply(reply, "apart")


@pytest.mark.parametrize("finish", ["eos", "end_turn", "stop_sequence", None])
def test_other_words_for_the_end_are_understood(finish: str) -> None:
    assert read_reply({"choices": [choice("4", finish)]}, "apart")[0].finish_reason == "stop"
    assert read_reply({"choices": [choice("4", "max_tokens")]}, "apart")[0].finish_reason == "length"


def test_text_in_parts_is_joined() -> None:
    parts = [{"type": "text", "text": "#### "}, {"type": "image_url"}, {"type": "text", "text": "4"}]
    assert read_reply({"choices": [choice(parts)]}, "apart")[0].text == "#### 4"


def test_what_a_useless_reply_cost_is_told() -> None:
    usage = {"prompt_tokens": 10, "completion_tokens": 11}
    with pytest.raises(MalformedReply) as caught:
        read_reply({"choices": [choice(None)], "usage": usage}, "apart")
    assert caught.value.usage == Usage(prompt_tokens=10, completion_tokens=11)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["content", "text", "type", "reasoning"]), inner),
    max_leaves=6,
)
MESSAGE = st.fixed_dictionaries({}, optional={"content": JSON, "reasoning_content": JSON, "reasoning": JSON}) | JSON
CHOICE = st.fixed_dictionaries(
    {}, optional={"finish_reason": JSON | st.sampled_from(["stop", "eos"]), "message": MESSAGE}
)
USAGE = st.fixed_dictionaries({}, optional={"prompt_tokens": JSON, "completion_tokens": JSON}) | JSON
REPLY = st.fixed_dictionaries({}, optional={"choices": st.lists(CHOICE | JSON) | JSON, "usage": USAGE, "error": JSON})


@given(REPLY | JSON, st.sampled_from(["apart", "keep"]))
def test_no_json_whatever_brings_the_reader_down(reply: object, reasoning: Any) -> None:
    with contextlib.suppress(MalformedReply):
        for text in read_reply(reply, reasoning):
            text.model_dump_json()
