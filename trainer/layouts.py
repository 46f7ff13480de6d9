"""Two ways to lay a micro-batch out, with the same numbers: packed prompt tries, or a padded row for each text.

The trainer takes tries where the model can (every layer attends, by transformers' attention interface) and where a
comparison on real examples shows the same log-probs.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from typing import Any, Protocol

import torch
from accelerate.utils import gather_object
from torch.nn.attention import sdpa_kernel

from trainer.attention import NOT_CUDNN, TreeMask, use_tree_attention
from trainer.batch import MicroBatch, make_batch
from trainer.data import Example
from trainer.errors import TrainingInputError
from trainer.head import Request, has_plain_head, inner_model
from trainer.packing import Plan, Unit, fill_rows, pad_rows, separate_texts, share_prompts

log = logging.getLogger(__name__)

TREE_LAYERS = {"full_attention", "sliding_attention"}
"""Layer types, in transformers' words, for which the ancestor mask says all."""
FLEX_MULTIPLE = 128
"""FlexAttention works on blocks of this many tokens."""


class Layout(Protocol):
    """How the texts of a micro-batch stand side by side."""

    multiple: int
    """Rows are padded to a multiple of this many tokens."""

    def units(self, examples: Sequence[Example], budget: int) -> list[Unit]:
        """What must stay together, none beyond `budget` tokens."""

    def fill(self, units: Sequence[Unit], budget: int) -> list[Plan]:
        """Micro-batches of at most `budget` tokens, padding included."""

    def prepare(self, model: Any) -> AbstractContextManager[None]:
        """Inside this, `forward` and its backward pass may be called with the transformers model `model`."""

    def forward(self, model: Any, batch: MicroBatch, request: Request) -> dict[str, torch.Tensor]:
        """Call the model, wrapped or not; see head.py for what comes back."""


class Tree:
    """One trie for each prompt: every distinct prefix is computed once."""

    def __init__(self, *, flex: bool = False) -> None:
        self.flex = flex
        self.multiple = FLEX_MULTIPLE if flex else 1

    def units(self, examples: Sequence[Example], budget: int) -> list[Unit]:
        return share_prompts(examples, budget)

    def fill(self, units: Sequence[Unit], budget: int) -> list[Plan]:
        return fill_rows(units, budget)

    def prepare(self, model: Any) -> AbstractContextManager[None]:
        return use_tree_attention(model)

    def forward(self, model: Any, batch: MicroBatch, request: Request) -> dict[str, torch.Tensor]:
        tree = TreeMask(batch.subtree_end_BT, batch.depth_BT, None if self.flex else batch.segments)
        inputs = {"input_ids": batch.tokens_BT, "position_ids": batch.depth_BT, "tree": tree}
        made: dict[str, torch.Tensor] = model(**inputs, use_cache=False, request=request)
        return made


class Padded:
    """One padded row for each text: takes every causal model."""

    def __init__(self, *, whole_logits: bool = False) -> None:
        self.whole_logits = whole_logits
        self.multiple = 1

    def units(self, examples: Sequence[Example], budget: int) -> list[Unit]:
        return separate_texts(examples, budget)

    def fill(self, units: Sequence[Unit], budget: int) -> list[Plan]:
        return pad_rows(units, budget)

    def prepare(self, model: Any) -> AbstractContextManager[None]:
        on_cuda = next(model.parameters()).is_cuda
        return sdpa_kernel(NOT_CUDNN) if on_cuda else nullcontext()

    def forward(self, model: Any, batch: MicroBatch, request: Request) -> dict[str, torch.Tensor]:
        request = replace(request, whole_logits=self.whole_logits)
        made: dict[str, torch.Tensor] = model(
            input_ids=batch.tokens_BT, attention_mask=batch.filled_BT.long(), use_cache=False, request=request
        )
        return made


def request_for(batch: MicroBatch, **options: Any) -> Request:
    """The request for a batch's distinct completion tokens."""
    return Request(batch.parents_U, batch.targets_U, **options)


def choose_layout(model: Any, examples: Sequence[Example], pad: int, wanted: str, budget: int) -> Layout:
    """The fastest layout that gives the model's own log-probs on real examples, in all processes; it is logged.

    `wanted`: "auto", "tree" or "padded". Raises TrainingInputError where "tree" is wanted and cannot be had.
    """
    ordered = sorted(examples, key=lambda example: example.length)
    few, longest = ordered[len(ordered) // 2 :][:3], ordered[-1:]
    own = token_logps(model, few, Padded(whole_logits=True), pad, budget)
    limit = 2e-3 if next(model.parameters()).dtype == torch.float32 else 0.3
    padded, strange = Padded(), "its head is not a plain matrix"
    if has_plain_head(model):
        off = largest_difference(own, token_logps(model, few, padded, pad, budget))
        strange = "" if off <= limit else f"log-probs from the head in chunks are off by {off:.2g} nats a token"
    if strange:
        log.warning("%s: full logits are used, which take more memory", strange)
        padded = Padded(whole_logits=True)
    if wanted == "padded":
        return padded
    tree, off = Tree(flex=next(model.parameters()).is_cuda), 0.0
    obstacle = find_obstacle(model) or strange or None
    if obstacle is None:
        off = largest_difference(own, token_logps(model, few, tree, pad, budget))
        if off <= limit:  # the longest shows what sliding windows do; its full logits may not fit into memory
            rows = token_logps(model, longest, padded, pad, budget)
            off = max(off, largest_difference(rows, token_logps(model, longest, tree, pad, budget)))
        if off > limit:
            obstacle = f"its log-probs differ by {off:.2g} nats a token"
    obstacle = next(filter(None, gather_object([obstacle])), None)  # devices round differently, and all must plan alike
    if obstacle is None:
        log.info("layout: prompt tries; largest difference to one row for each text %.2g nats a token", off)
        return tree
    if wanted == "tree":
        raise TrainingInputError(f"layout 'tree' is not possible with this model: {obstacle}; use 'padded'")
    log.info("layout: one padded row for each text; tries are not possible with this model: %s", obstacle)
    return padded


def find_obstacle(model: Any) -> str | None:
    """Why a model cannot take a tree mask, as far as its class and configuration tell."""
    plain = inner_model(model)
    if not getattr(plain, "_supports_attention_backend", False):
        return "it does not use transformers' attention interface"
    types = set(getattr(plain.config.get_text_config(), "layer_types", None) or ())
    if other := sorted(types - TREE_LAYERS):
        return f"it has layers of type {', '.join(other)}"
    return None


def token_logps(model: Any, examples: Sequence[Example], layout: Layout, pad: int, budget: int) -> list[torch.Tensor]:
    """Log-probs of every token of every text, as a list of fp32 vectors on the CPU, text by text."""
    budget = max(budget, *(example.length * len(example.texts) for example in examples))
    made: list[torch.Tensor] = []
    for example in examples:
        for plan in layout.fill(layout.units([example], budget), budget):
            made += score_plan(model, plan, [example], layout, pad).values()
    return made


@torch.no_grad()
def score_plan(
    model: Any, plan: Plan, examples: Sequence[Example], layout: Layout, pad: int
) -> dict[tuple[int, int], torch.Tensor]:
    """Log-probs of the tokens of each (example, text) in a plan, fp32 on the CPU."""
    device = next(model.parameters()).device
    batch = make_batch(plan, examples, pad, multiple=layout.multiple).to(device)
    with layout.prepare(inner_model(model)):
        logps_N = batch.spread(layout.forward(model, batch, request_for(batch))["logps_U"])
    return dict(zip(batch.owners, torch.split(logps_N.float().cpu(), batch.length_S.tolist()), strict=True))


def largest_difference(a: Sequence[torch.Tensor], b: Sequence[torch.Tensor]) -> float:
    """Of two lists of vectors; infinite where one is not a number."""
    off = max(float((x - y).abs().max()) for x, y in zip(a, b, strict=True))
    return float("inf") if off != off else off
