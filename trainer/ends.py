"""Where each token of a completion ends in the text that a person reads; what the chat template adds counts nothing."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

from trainer.conversations import render
from trainer.data import Example, Form, Row, read_sides

MARK = "\ue000"
"""Stands for an answer's text while a template shows what it puts before it; of no use in any text."""
STALLED = 64
"""Tokens after which a decoder that does not give the text back is no longer waited for."""


@dataclass(frozen=True)
class Placed:
    """A completion's text, and for each of its tokens the number of characters that are complete behind it.

    A character that several tokens spell ends with the last of them. Tokens before the text end at 0, the end token
    and all behind the text where the text ends; so the pieces between the ends are the text.
    """

    text: str
    """The answer; what the template makes of the turns, where that is no answer with something before and behind it."""
    ends: tuple[int, ...]


def place_tokens(row: Row, example: Example, tokenizer: Any, form: Form = "preference") -> tuple[Placed, ...]:
    """For each completion of a row, where the tokens end that `tokenize_rows` made of it."""
    prompt, sides = read_sides(row, example.where, form)
    plain = isinstance(prompt, str)
    start, texts = (prompt, sides) if plain else render(prompt, sides, tokenizer, row, example.where)
    placed = []
    for (name, text), ids in zip(texts.items(), example.completions, strict=True):
        ends = _find_ends(tokenizer, start, text, example.prompt, ids, special=plain)
        answer = None if plain else _answer(sides[name])
        if answer is not None:
            marked = [{**sides[name][0], "content": MARK}]
            frame = render(prompt, {name: marked}, tokenizer, row, example.where)[1][name]
            move = _find_answer(text, answer, frame.partition(MARK)[0])
            if move is not None:
                text, ends = answer, [move(end) for end in ends]
        placed.append(Placed(text, (*ends[:-1], len(text))))
    return tuple(placed)


def _answer(side: Sequence[Mapping[str, Any]]) -> str | None:
    """The text of a side that is a single turn with nothing beside its text."""
    content = side[0].get("content")
    return content if len(side) == 1 and isinstance(content, str) and not side[0].get("tool_calls") else None


def _find_answer(text: str, answer: str, before: str) -> Callable[[int], int] | None:
    """From places in a rendered text to places in the answer that it holds; None where it does not hold it.

    Templates that trim an answer, or set its thoughts apart, change white space alone: then the other characters tell.
    """
    if text.startswith(before + answer):
        return lambda place: min(max(place - len(before), 0), len(answer))
    held, solid = "".join(text.split()), "".join(answer.split())
    head = len("".join(before.split()))
    first = head if held.startswith(solid, head) else held.find(solid)
    if first < 0:
        return None
    behind = [0, *(i + 1 for i, letter in enumerate(answer) if not letter.isspace())]
    seen = [0, *accumulate(not letter.isspace() for letter in text)]
    return lambda place: behind[min(max(seen[place] - first, 0), len(solid))]


def _find_ends(
    tokenizer: Any, start: str, text: str, prompt: Sequence[int], ids: Sequence[int], *, special: bool
) -> list[int]:
    """Ends of `ids` in `text`, which was tokenized behind `start`, or alone where a token would span the boundary."""
    if getattr(tokenizer, "is_fast", False):
        for before, known in ((start, prompt), ("", ())):
            own = special and bool(before)
            made = tokenizer(before + text, add_special_tokens=own, return_offsets_mapping=True)
            wanted = [*known, *ids]
            found = made["input_ids"][: len(wanted)]
            if found == wanted[: len(found)] and len(found) >= len(wanted) - 1:  # the end token may have been added
                spans = made["offset_mapping"][len(known) : len(found)]
                return _close([(a - len(before), b - len(before)) for a, b in spans], text, len(ids))
    return _decode_ends(tokenizer, ids, text)


def _close(spans: Sequence[tuple[int, int]], text: str, count: int) -> list[int]:
    """Ends from the spans of characters that tokens touch."""
    starts = list(accumulate((max(a, 0) for a, _ in spans), max))
    touched = list(accumulate((max(b, 0) for _, b in spans), max))
    ends = []
    for end, following in zip(touched, [*starts[1:], len(text)], strict=True):
        end = min(end, following)
        while end < following and unicodedata.combining(text[end]):  # normalisation joins marks to what they stand on
            end += 1
        ends.append(end)
    return ends + [len(text)] * (count - len(ends))


def _decode_ends(tokenizer: Any, ids: Sequence[int], text: str) -> list[int]:
    """Ends by decoding ever more tokens, for tokenizers that tell no offsets.

    What is read in one go begins a few tokens earlier, since decoders treat a text's start in their own way. From where
    a decoder does not give the text back, nothing ends before the last token.
    """

    def decode(first: int, last: int) -> str:
        told: str = tokenizer.decode(list(ids[first:last]), clean_up_tokenization_spaces=False)
        return told

    ends: list[int] = []
    first, read, place = 0, 0, 0
    for last in range(1, len(ids) + 1):
        before, now = decode(first, read), decode(first, last)
        new = now[len(before) :] if now.startswith(before) else ""
        if new and text.startswith(new, place):
            first, read, place = read, last, place + len(new)
        elif last - read > STALLED:
            first, read = read, last
        ends.append(place)
    return ends
