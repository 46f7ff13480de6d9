"""What was asked, where it stands inside the answers: both sides of many data sets begin with it.

As TRL has it (`maybe_extract_prompt`), the prompt is what both sides begin with, and each side keeps at least one turn
or letter. Two cuts are earlier than TRL's, because answers may begin alike: strings of the form "\\n\\nHuman: …
\\n\\nAssistant: …" are cut behind the last such mark that both have, and no word is torn.
"""

from __future__ import annotations

from typing import TypeVar

Turns = list[dict[str, str]]
Side = str | Turns
T = TypeVar("T", str, Turns)

HUMAN, ASSISTANT = "Human:", "\n\nAssistant:"
CJK = "\u2e80"
"""From here on letters are words of their own."""


def is_empty(side: Side) -> bool:
    """Whether a side says nothing."""
    return not side.strip() if isinstance(side, str) else not any(turn["content"].strip() for turn in side)


def split_prompt(chosen: Side, rejected: Side) -> tuple[Side, Side, Side] | None:
    """(prompt, chosen, rejected) of two sides that begin with the prompt; None where they begin with nothing alike."""
    if isinstance(chosen, str) and isinstance(rejected, str):
        cut = _cut_text(chosen, rejected)
        return (chosen[:cut], chosen[cut:], rejected[cut:]) if chosen[:cut].strip() else None
    if isinstance(chosen, str) or isinstance(rejected, str):
        return None
    cut = min(_common(chosen, rejected), len(chosen) - 1, len(rejected) - 1)
    return (chosen[:cut], chosen[cut:], rejected[cut:]) if cut > 0 else None


def set_apart(prompt: Side, chosen: Side, rejected: Side) -> tuple[Side, Side, Side] | None:
    """(prompt, chosen, rejected) where the prompt is given, and taken off answers that repeat it.

    A prompt that is a string gives way to the turns that both answers begin with, as in TRL; answers that begin with
    the assistant's turn follow it. Turns are taken off where both answers have them. None where answers that are
    conversations do not go with a prompt that is a string.
    """
    if isinstance(chosen, str) or isinstance(rejected, str):
        return prompt, chosen, rejected
    if isinstance(prompt, str):
        if chosen and rejected and chosen[0]["role"] == rejected[0]["role"] == "assistant":
            asked: Turns = [{"role": "user", "content": prompt}]
            return split_prompt(asked + chosen, asked + rejected)
        return split_prompt(chosen, rejected)
    for start in range(len(prompt)):
        repeated = prompt[start:]
        if begins(chosen, repeated) and begins(rejected, repeated):
            return prompt, chosen[len(repeated) :], rejected[len(repeated) :]
    return prompt, chosen, rejected


def begins(side: Side, start: Side) -> bool:
    """Whether there is more to a side than the turns or letters that it begins with."""
    return len(side) > len(start) and side[: len(start)] == start


def _cut_text(chosen: str, rejected: str) -> int:
    common = _common(chosen, rejected)
    mark = chosen.rfind(ASSISTANT, 0, common)
    if mark >= 0 and chosen[:mark].lstrip().startswith(HUMAN):
        return mark + len(ASSISTANT)
    cut = max(min(common, len(chosen) - 1, len(rejected) - 1), 0)
    while cut and (_is_torn(chosen, cut) or _is_torn(rejected, cut)):
        cut -= 1
    return cut - (chosen[cut - 1 : cut] == " ")  # a space belongs to the word behind it


def _is_torn(text: str, cut: int) -> bool:
    return all(letter.isalnum() and letter < CJK for letter in text[cut - 1 : cut + 1])


def _common(one: T, other: T) -> int:
    """How many turns or letters both begin with."""
    low, high = 0, min(len(one), len(other))
    while low < high:
        middle = (low + high + 1) // 2
        if one[low:middle] == other[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low
