"""What a model says of given texts, token by token: the log-probs that training compares, outside of training.

Tokens, layouts, packing and the cache are the trainer's own, so the numbers are those that its log shows.
"""

from __future__ import annotations

import gc
from collections.abc import Iterable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from accelerate import PartialState
from transformers import PreTrainedModel

from trainer.config import DEFAULT_TOKENS
from trainer.conversations import Turns, render
from trainer.data import Example, Form, Row, continue_ids, tokenize_rows
from trainer.ends import Placed, place_tokens
from trainer.head import attach
from trainer.layouts import choose_layout
from trainer.loading import load_model, load_tokenizer, refuse_pickled_adapter
from trainer.reference import ReferenceCache, Vector, add_reference


@dataclass(frozen=True)
class ScoredText(Placed):
    """A completion with the log-probs of its tokens."""

    logps: Vector
    """In nats, fp32, one for each of `ends`; the last is the end token's."""


def score_rows(
    model: str | PreTrainedModel,
    rows: Iterable[Row],
    tokenizer: Any = None,
    *,
    form: Form = "preference",
    trust_remote_code: bool = False,
    **how: Any,
) -> list[tuple[ScoredText, ...]]:
    """Score each completion of each row (data.py has the forms of rows); `how` as in `score_examples`.

    The tokenizer is by default the model's. Raises TrainingInputError for a row that cannot be tokenized.
    """
    rows = list(rows)
    how["trust_remote_code"] = trust_remote_code
    name = model if isinstance(model, str) else model.name_or_path
    tokenizer = tokenizer or load_tokenizer(name, trust_remote_code=trust_remote_code)
    examples = tokenize_rows(rows, tokenizer, form=form)
    scored = score_examples(model, examples, pad=pad_token(tokenizer), **how)
    return [
        tuple(
            ScoredText(placed.text, placed.ends, logps)
            for placed, logps in zip(place_tokens(row, example, tokenizer, form), logps_K, strict=True)
        )
        for row, example, logps_K in zip(rows, examples, scored, strict=True)
    ]


def score_examples(
    model: str | PreTrainedModel,
    examples: Sequence[Example],
    *,
    pad: int,
    max_tokens: int | None = None,
    layout: str = "auto",
    dtype: str | torch.dtype = torch.float32,
    autocast: torch.dtype | None = None,
    cache: ReferenceCache | None = None,
    trust_remote_code: bool = False,
) -> list[tuple[Vector, ...]]:
    """Log-probs in nats of all tokens of each example's completions, fp32 vectors.

    `model` is a folder, a hub id, the folder of a PEFT adapter, or a loaded model, whose `forward` then takes the
    trainer's requests, too. One that is loaded here gets its weights in `dtype` and is freed at the end. As in training
    they are fp32 by default, and `autocast` is the precision that they compute in (`bf16: true`: torch.bfloat16).
    `max_tokens` bounds a micro-batch, but for examples that need more; `cache` keeps what is computed, by content.
    `trust_remote_code` runs the Python code that the model, or an adapter's base, brings.
    """
    how: dict[str, Any] = {"max_tokens": max_tokens, "layout": layout, "autocast": autocast, "cache": cache}
    if isinstance(model, str):
        loaded = load_scored(model, dtype, trust_remote_code=trust_remote_code).to(PartialState().device)
        try:
            return score_examples(loaded, examples, pad=pad, **how)
        finally:
            del loaded
            free_memory()
    model.eval()
    attach(model)
    device = next(model.parameters()).device.type
    needed = max(example.length * len(example.texts) for example in examples)
    budget = max(max_tokens or DEFAULT_TOKENS.get(device, 1024), needed)
    with nullcontext() if autocast is None else torch.autocast(device, dtype=autocast):
        chosen = choose_layout(model, _telling(examples), pad, layout, budget)
        done = add_reference(model, examples, chosen, pad=pad, budget=budget, cache=cache)
    return [example.reference for example in done]


def _telling(examples: Sequence[Example]) -> list[Example]:
    """What shows whether a layout fits: the examples with the most texts, whose tries branch, and the longest."""
    most = max(len(example.texts) for example in examples)
    longest = max(examples, key=lambda example: example.length)
    return [*(example for example in examples if len(example.texts) == most), longest]


def encode_answer(prompt: Turns, text: str, tokenizer: Any, *, ended: bool = True, where: str = "answer") -> Example:
    """What a model wrote behind a conversation, as it wrote it: empty, or without an end token, as it may be.

    The chat template has no say in it; it would trim the text, or add what was not written.
    """
    start = render(prompt, {}, tokenizer, {}, where)[0]
    ids = tokenizer(start, add_special_tokens=False)["input_ids"]
    written = continue_ids(tokenizer, start, ids, text, special=False)
    return Example(tuple(ids), ((*written, *([tokenizer.eos_token_id] if ended else [])),), where)


def load_scored(model: str, dtype: str | torch.dtype = torch.float32, *, trust_remote_code: bool = False) -> Any:
    """A causal language model; from the folder of a PEFT adapter, its base with the adapter on it."""
    base = base_of(model)
    loaded = load_model(base, dtype, trust_remote_code=trust_remote_code)
    loaded.config.use_cache = False  # as in training: the configuration is in the key of what the cache knows
    if base == model:
        return loaded
    from peft import PeftModel

    return PeftModel.from_pretrained(loaded, model)


def base_of(model: str) -> str:
    """What the adapter in a folder lies on; any other model is its own base."""
    if not is_adapter(model):
        return model
    from peft import PeftConfig

    refuse_pickled_adapter(model)
    return str(PeftConfig.from_pretrained(model).base_model_name_or_path)


def is_adapter(model: str) -> bool:
    """Whether this is the folder of a PEFT adapter."""
    return (Path(model) / "adapter_config.json").is_file()


def pad_token(tokenizer: Any) -> int:
    """The token that fills rows up; its value has no influence."""
    pad: int | None = tokenizer.pad_token_id
    return int(tokenizer.eos_token_id) if pad is None else pad


def free_memory() -> None:
    """Give back what models that nobody holds any more have left in memory, the GPU's included."""
    gc.collect()  # the replaced forward and its model hold each other
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
