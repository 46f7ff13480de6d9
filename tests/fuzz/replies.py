"""What models and servers write -> replies, votes, ratings, completions; or why there is none."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, get_args

from hypothesis import strategies as st

from pipeline.checkers.rater import Rating, read_rating
from pipeline.jsontext import double_backslashes, find_objects
from pipeline.replies import Asks, Form, Malformed, read_reply
from pipeline.serving.replies import read_reply as read_completions
from pipeline.serving.replies import split_thought
from pipeline.types import Completion, content_id
from pipeline.votes import Vote, count_votes, read_vote
from tests.fuzz.target import Target, keep
from tests.fuzz.texts import KINDS, expand, json_texts, json_values, mostly, texts

JSON, MARKS = KINDS["json"], KINDS["marks"]
WORDS = texts(most=2).map(expand)
VERDICTS = st.sampled_from(
    ("solution", "attempt_wrong", "attempt_right", "gold_wrong", "correct", "wrong", "unsure", 7)
)
OBJECT = st.fixed_dictionaries(
    {"verdict": VERDICTS},
    optional={
        **{name: mostly(WORDS, json_values()) for name in ("diagnosis", "solution", "reason", "answer")},
        "first_wrong_step": st.one_of(st.integers(-2, 9), json_values()),
        "score": st.one_of(st.integers(0, 11), st.floats(), json_values()),
    },
).map(json.dumps)
TAGS = ("diagnosis", "solution", "first_wrong_step", "attempt_right", "gold_wrong")
TAGGED = st.dictionaries(st.sampled_from(TAGS), texts("2", most=2), max_size=3).map(
    lambda told: [part for tag, text in told.items() for part in (f"<{tag}>", text, f"</{tag}>")]
)
MIXED = st.lists(OBJECT | texts(most=1) | TAGGED, max_size=3)
SPOKEN = st.one_of(texts(*JSON, *MARKS), OBJECT, TAGGED, MIXED, json_texts())
INPUTS = st.fixed_dictionaries(
    {"text": SPOKEN, "form": st.sampled_from(get_args(Form)), "asks": st.sampled_from(get_args(Asks))},
    optional={"finish_reason": st.sampled_from(("stop", "stop", "stop", "length", "content_filter"))},
)


def run(given: Any, folder: Path) -> str:
    text = expand(given["text"])
    written = Completion(text=text, finish_reason=given.get("finish_reason", "stop"))
    reply = read_reply(written, given["form"], given["asks"])
    keep(reply == read_reply(written, given["form"], given["asks"]), "read again, the reply is another")
    if not isinstance(reply, Malformed):
        content_id(reply.model_dump())
        given_text = reply.solution if given["asks"] == "solution" else reply.first_wrong_step
        keep(
            (reply.objection is None) == (given_text is not None),
            "neither an objection nor what was asked for, or both",
        )
        keep(given["asks"] == "step" or reply.solution is None or bool(reply.solution.strip()), "an empty solution")
    vote, rating = read_vote(written), read_rating(written, 1, 10)
    grade = count_votes([vote, vote, "unreadable"], 0.6)
    content_id(grade.model_dump())
    keep(grade.verdict == "unknown" or isinstance(vote, Vote), "a verdict without a vote")
    keep(not isinstance(rating, Rating) or 1 <= rating.score <= 10, "a rating outside the scale")
    for value, end in find_objects(text):
        keep(isinstance(value, dict) and 0 < end <= len(text), "no object, or one that ends nowhere")
    double_backslashes(text)
    split_thought(text)
    kinds = (type(reply).__name__, getattr(reply, "problem", "")[:20], type(vote).__name__, type(rating).__name__)
    return " ".join(kinds)


FINISHES = ("stop", "length", "content_filter", "tool_calls", None, "", 7, [], "eos")
CONTENTS = st.one_of(
    texts(most=3).map(expand), json_values(), st.just([{"type": "text", "text": "7"}, {"type": "image"}])
)
MESSAGE = st.fixed_dictionaries(
    {}, optional={"content": CONTENTS, "reasoning_content": CONTENTS, "reasoning": CONTENTS, "role": json_values()}
)
CHOICE = st.fixed_dictionaries(
    {}, optional={"message": st.one_of(MESSAGE, json_values()), "finish_reason": st.sampled_from(FINISHES)}
)
USAGE = st.dictionaries(st.sampled_from(("prompt_tokens", "completion_tokens")), json_values(), max_size=2)
FINE = st.fixed_dictionaries({"message": MESSAGE, "finish_reason": st.just("stop")})
CHOICES = st.one_of(
    st.lists(FINE, min_size=1, max_size=3), st.lists(st.one_of(CHOICE, FINE, json_values()), max_size=3)
)
BODY = st.fixed_dictionaries(
    {"choices": mostly(CHOICES, json_values(), of=8)},
    optional={
        "usage": st.one_of(USAGE, json_values()),
        "error": st.one_of(json_values(), st.fixed_dictionaries({"message": CONTENTS, "code": json_values()})),
        "message": CONTENTS,
    },
)
BODIES = st.one_of(
    BODY.map(lambda body: {"json": body}),
    BODY.map(lambda b: {"text": json.dumps(b)}),
    SPOKEN.map(lambda t: {"text": t}),
)
REPLIES = st.tuples(BODIES, st.sampled_from(("apart", "keep"))).map(lambda two: {**two[0], "reasoning": two[1]})


def run_completions(given: Any, folder: Path) -> str:
    made = read_completions(given["json"] if "json" in given else expand(given["text"]), given["reasoning"])
    keep(bool(made), "no completion and no error")
    for completion in made:
        keep(Completion.model_validate(completion.model_dump()) == completion, "not the same again")
        keep(min(completion.usage.prompt_tokens, completion.usage.completion_tokens) >= 0, "fewer than no tokens")
    return f"{len(made)} completions, {made[0].finish_reason}, thought {made[0].reasoning is not None}"


TARGET = Target("replies", INPUTS, run)
COMPLETIONS = Target("completions", REPLIES, run_completions)
