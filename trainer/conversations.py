"""Conversations -> texts, through the chat template: what the model has read, and what it is to write."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from trainer.errors import TrainingInputError
from trainer.trie import common_prefix

Turns = Sequence[Mapping[str, Any]]


def render(
    prompt: Turns, sides: Mapping[str, Turns], tokenizer: Any, row: Mapping[str, Any], where: str
) -> tuple[str, dict[str, str]]:
    """The prompt as a text, up to where the model starts to write, and each side's continuation of it.

    `row` may hold `tools` (a list, or JSON) and `chat_template_kwargs` for the template. Raises TrainingInputError for
    a tokenizer without a template, an empty side, or a template that changes the prompt when an answer follows it.
    """
    if tokenizer.chat_template is None:
        raise TrainingInputError("the tokenizer has no chat template, which conversations need")
    options = dict(row.get("chat_template_kwargs") or {})
    tools = row.get("tools")
    if tools:
        options["tools"] = json.loads(tools) if isinstance(tools, str) else tools
    start: str = tokenizer.apply_chat_template(list(prompt), add_generation_prompt=True, tokenize=False, **options)
    texts = {}
    for name, side in sides.items():
        if isinstance(side, str) or not side:
            raise TrainingInputError(f"{where}: prompt is a conversation, {name} is {'empty' if not side else 'not'}")
        if not any((turn.get("content") or "").strip() or turn.get("tool_calls") for turn in side):
            raise TrainingInputError(f"{where}: {name} is empty")
        whole: str = tokenizer.apply_chat_template([*prompt, *side], tokenize=False, **options)
        if not whole.startswith(start):
            raise TrainingInputError(f"{where}: the chat template changes the prompt when an answer follows it")
        texts[name] = whole[len(start) :]
    return start, texts


def complete_prompt(chosen: Any, rejected: Any, where: str) -> tuple[Any, Any, Any]:
    """Split off what both sides begin with, for data whose prompt stands inside them.

    Strings are cut at the last white space of the common part, so that no word is torn; conversations between turns.
    """
    if isinstance(chosen, str):
        common = chosen[: common_prefix(chosen, rejected)]
        # A space belongs to the word behind it, as tokenizers have it; a line break ends the prompt.
        cut = max((i + (letter != " ") for i, letter in enumerate(common) if letter.isspace()), default=0)
    else:
        cut = common_prefix(chosen, rejected)
    if not cut:
        raise TrainingInputError(f"{where}: no prompt, and chosen and rejected have no common start")
    return chosen[:cut], chosen[cut:], rejected[cut:]
