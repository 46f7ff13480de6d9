"""Preference rows -> token ids. Nothing is truncated; what does not fit is dropped and counted, or an error.

Prompt and completion are tokenised apart, so the boundary is where it was when the text was sampled.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from trainer.errors import TrainingInputError

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class TokenPair:
    """One pair as token ids; each completion ends with exactly one end token."""

    prompt: tuple[int, ...]
    chosen: tuple[int, ...]
    rejected: tuple[int, ...]

    @property
    def length(self) -> int:
        """Tokens of the longer side, prompt included."""
        return len(self.prompt) + max(len(self.chosen), len(self.rejected))


def tokenize_rows(
    rows: Iterable[Mapping[str, Any]], tokenizer: Any, *, max_length: int | None = None, overlong: str = "drop"
) -> list[TokenPair]:
    """Tokenise rows with `prompt`, `chosen`, `rejected`: strings, or conversations as TRL has them.

    Raises TrainingInputError, naming the row, for a missing column, an empty completion, identical sides, a tokenizer
    without the template or end token that is needed, a pair that is too long (`overlong="error"`), or no pair at all.
    """
    pairs, dropped = [], 0
    for number, row in enumerate(rows):
        where = f"row {number}" + (f" (id {row['id']})" if "id" in row else "")
        pair = _tokenize(row, tokenizer, where)
        if max_length is not None and pair.length > max_length:
            if overlong == "error":
                raise TrainingInputError(f"{where}: {pair.length} tokens, more than max_length {max_length}")
            dropped += 1
            continue
        pairs.append(pair)
    if dropped:
        log.warning(
            "%d of %d pairs are longer than max_length %s and left out", dropped, dropped + len(pairs), max_length
        )
    if not pairs:
        raise TrainingInputError(f"there is no pair to train on ({dropped} were longer than max_length)")
    return pairs


def _tokenize(row: Mapping[str, Any], tokenizer: Any, where: str) -> TokenPair:
    missing = [name for name in ("prompt", "chosen", "rejected") if row.get(name) is None]
    if missing:
        raise TrainingInputError(f"{where}: no {', '.join(missing)}; a row needs prompt, chosen and rejected")
    prompt, chosen, rejected = (row[name] for name in ("prompt", "chosen", "rejected"))
    if isinstance(prompt, str):
        texts = prompt, chosen, rejected
    else:
        texts = render(prompt, chosen, rejected, tokenizer, where)
    for side, text in zip(("chosen", "rejected"), texts[1:], strict=True):
        if not text.strip():
            raise TrainingInputError(f"{where}: {side} is empty")
    ids = [tokenizer(texts[0], add_special_tokens=isinstance(prompt, str))["input_ids"]]
    if ids[0] and ids[0][-1] == tokenizer.eos_token_id and isinstance(prompt, str):
        ids[0].pop()  # some tokenizers end every text
    ids += [end_once(tokenizer(text, add_special_tokens=False)["input_ids"], tokenizer, where) for text in texts[1:]]
    if ids[1] == ids[2]:
        raise TrainingInputError(f"{where}: chosen and rejected are identical")
    return TokenPair(*map(tuple, ids))


def render(
    prompt: Sequence[Mapping[str, str]],
    chosen: Sequence[Mapping[str, str]],
    rejected: Sequence[Mapping[str, str]],
    tokenizer: Any,
    where: str,
) -> tuple[str, str, str]:
    """Render a conversation with the chat template: up to where the model starts to write, and both sides."""
    if tokenizer.chat_template is None:
        raise TrainingInputError("the tokenizer has no chat template, which conversations need")
    start: str = tokenizer.apply_chat_template(list(prompt), add_generation_prompt=True, tokenize=False)
    sides = []
    for name, side in (("chosen", chosen), ("rejected", rejected)):
        if not any(turn["content"].strip() for turn in side):
            raise TrainingInputError(f"{where}: {name} is empty")
        whole: str = tokenizer.apply_chat_template([*prompt, *side], tokenize=False)
        if not whole.startswith(start):
            raise TrainingInputError(f"{where}: the chat template changes the prompt when an answer follows it")
        sides.append(whole[len(start) :])
    return start, sides[0], sides[1]


def end_once(ids: list[int], tokenizer: Any, where: str) -> list[int]:
    """The ids up to and with the first end token, which is added where there is none."""
    end = tokenizer.eos_token_id
    if end is None:
        raise TrainingInputError("the tokenizer has no end token (eos_token)")
    if end not in ids:
        return [*ids, end]
    first = ids.index(end)
    if tokenizer.decode(ids[first + 1 :]).strip():
        raise TrainingInputError(f"{where}: there is text behind the end token {tokenizer.eos_token!r}")
    return ids[: first + 1]


def collate(pairs: Sequence[TokenPair], pad: int) -> dict[str, torch.Tensor]:
    """Pad chosen, then rejected, to a batch of 2P rows.

    Returns `input_ids`, `attention_mask` and `completion_mask`, each [2P, longest].
    """
    rows = [(pair.prompt, pair.chosen) for pair in pairs] + [(pair.prompt, pair.rejected) for pair in pairs]
    width = max(len(prompt) + len(completion) for prompt, completion in rows)
    ids = torch.full((len(rows), width), pad)
    seen, scored = torch.zeros_like(ids), torch.zeros_like(ids)
    for i, (prompt, completion) in enumerate(rows):
        end = len(prompt) + len(completion)
        ids[i, :end] = torch.tensor(prompt + completion)
        seen[i, :end] = 1
        scored[i, len(prompt) : end] = 1
    return {"input_ids": ids, "attention_mask": seen, "completion_mask": scored}
