"""One micro-batch as tensors.

Shape suffixes: B rows, T tokens of a row; U distinct completion tokens; S texts, N their completion tokens one text
after another; P examples, K completions of an example.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Self

import numpy as np
import torch

from trainer.data import Example
from trainer.packing import Plan
from trainer.trie import common_prefix


@dataclass(frozen=True, kw_only=True)
class TextIndex:
    """Whose the tokens and the texts are: what a micro-batch and the scores of it have in common."""

    text_N: torch.Tensor
    length_S: torch.Tensor
    """Completion tokens of each text, end token included."""
    texts_PK: torch.Tensor
    """Texts of each example, best first; -1 where it has fewer than K."""
    mismatched_P: torch.Tensor
    """Text that belongs to another prompt (data.add_mismatched), or -1."""
    desirable_P: torch.Tensor
    weight_P: torch.Tensor
    margin_P: torch.Tensor

    def to(self, device: Any) -> Self:
        """The same on another device."""
        values = ((f.name, getattr(self, f.name)) for f in fields(self))
        return replace(self, **{name: v.to(device) for name, v in values if isinstance(v, torch.Tensor)})


@dataclass(frozen=True, kw_only=True)
class MicroBatch(TextIndex):
    """Rows of tries for the model, and where to read each text's log-probs."""

    tokens_BT: torch.Tensor
    depth_BT: torch.Tensor
    subtree_end_BT: torch.Tensor
    filled_BT: torch.Tensor
    """True where a token stands, false where padding does."""
    segments: tuple[int, ...]
    """Lengths of the tries in the first row, padding as the last one; tokens attend inside their own alone."""
    nodes_U: torch.Tensor
    """Flat index of each distinct completion token in the rows."""
    parents_U: torch.Tensor
    """Flat index of the token before it, whose hidden state predicts it."""
    steps_N: torch.Tensor
    """Which distinct token each token of each text is."""
    reference_N: torch.Tensor | None
    """Reference log-probs in nats, where the examples have them."""
    ghost: bool
    wheres: tuple[str, ...]
    owners: tuple[tuple[int, int], ...]
    """Of each text, the example among those that the batch was made from, and which of its texts it is."""
    tokens: int
    """Tokens in the rows, padding not counted."""
    context: int
    """Pairs of tokens of which one attends to the other, sliding windows aside."""
    sequence_tokens: int
    """Tokens of all texts with their prompts: what one sequence for each text would compute."""

    def spread(self, values_U: torch.Tensor) -> torch.Tensor:
        """What was computed for each distinct token, for all texts that contain it: [U] -> [N].

        By index_select: the gradient of plain indexing is summed in any order, even on the CPU.
        """
        return values_U.index_select(0, self.steps_N)

    @property
    def targets_U(self) -> torch.Tensor:
        """The distinct completion tokens."""
        return self.tokens_BT.flatten()[self.nodes_U]


def make_batch(
    plan: Plan, examples: Sequence[Example], pad: int, *, multiple: int = 1, skip_shared: bool = False
) -> MicroBatch:
    """Lay a plan out; rows are padded to a `multiple` of tokens.

    `skip_shared` leaves out what both sides of a pair have in common: it cancels in a loss of their margin.
    """
    width = -(-plan.width // multiple) * multiple
    numbers = sorted({i for row in plan.rows for block in row for i, _ in block.owners})
    owned = [(i, k) for i in numbers for k in range(len(examples[i].texts))]
    text_of = {owner: s for s, owner in enumerate(owned)}

    tokens_BT = np.full((len(plan.rows), width), pad, dtype=np.int64)
    depth_BT = np.zeros_like(tokens_BT)
    end_BT = np.tile(np.arange(1, width + 1), (len(plan.rows), 1))  # padding attends to itself alone
    filled_BT = np.zeros_like(tokens_BT, dtype=bool)
    path_S: list[np.ndarray[Any, Any]] = [np.empty(0)] * len(owned)
    parent_of = np.zeros(tokens_BT.size, dtype=np.int64)
    for b, row in enumerate(plan.rows):
        start = 0
        for block in row:
            trie, place = block.trie, slice(start, start + len(block))
            tokens_BT[b, place], depth_BT[b, place] = trie.tokens_T, trie.depth_T
            end_BT[b, place] = trie.subtree_end_T + start
            filled_BT[b, place] = True
            flat = b * width + start
            parent_of[flat : flat + len(block)] = trie.parent_T + flat
            for path, owner in zip(trie.paths, block.owners, strict=True):
                path_S[text_of[owner]] = path + flat
            start += len(block)

    lengths = [len(path) for path in path_S]
    skipped = _common_starts(owned, path_S, examples) if skip_shared else [0] * len(owned)
    read_S = [path[n:] for path, n in zip(path_S, skipped, strict=True)]
    nodes_U, steps_N = np.unique(np.concatenate(read_S), return_inverse=True)
    completions = max(len(examples[i].completions) for i in numbers)
    texts_PK = np.full((len(numbers), completions), -1)
    mismatched_P = np.full(len(numbers), -1)
    for p, i in enumerate(numbers):
        for k in range(len(examples[i].completions)):
            texts_PK[p, k] = text_of[i, k]
        if examples[i].mismatched is not None:
            mismatched_P[p] = text_of[i, len(examples[i].completions)]
    reference = None
    if all(examples[i].reference for i in numbers):
        parts = [examples[i].reference[k][n:] for (i, k), n in zip(owned, skipped, strict=True)]
        reference = torch.from_numpy(np.concatenate(parts))
    return MicroBatch(
        tokens_BT=torch.from_numpy(tokens_BT),
        depth_BT=torch.from_numpy(depth_BT),
        subtree_end_BT=torch.from_numpy(end_BT),
        filled_BT=torch.from_numpy(filled_BT),
        segments=tuple(n for n in (*map(len, plan.rows[0]), width - sum(map(len, plan.rows[0]))) if n),
        nodes_U=torch.from_numpy(nodes_U),
        parents_U=torch.from_numpy(parent_of[nodes_U]),
        steps_N=torch.from_numpy(steps_N),
        text_N=torch.from_numpy(np.repeat(np.arange(len(owned)), [len(part) for part in read_S])),
        length_S=torch.tensor(lengths),
        texts_PK=torch.from_numpy(texts_PK),
        mismatched_P=torch.from_numpy(mismatched_P),
        desirable_P=torch.tensor([examples[i].desirable for i in numbers]),
        weight_P=torch.tensor([examples[i].weight for i in numbers]),
        margin_P=torch.tensor([examples[i].margin for i in numbers]),
        reference_N=reference,
        ghost=plan.ghost,
        wheres=tuple(examples[i].where for i in numbers),
        owners=tuple(owned),
        tokens=int(filled_BT.sum()),
        context=int(depth_BT.sum() + filled_BT.sum()),
        sequence_tokens=sum(len(examples[i].prompt) + length for (i, _), length in zip(owned, lengths, strict=True)),
    )


def _common_starts(
    owned: Sequence[tuple[int, int]], path_S: Sequence[np.ndarray[Any, Any]], examples: Sequence[Example]
) -> list[int]:
    """For each text, how many leading tokens the other side of its pair shares."""
    starts = [0] * len(owned)
    for s, (i, k) in enumerate(owned):
        if k == 0 and len(examples[i].texts) == 2:
            starts[s] = starts[s + 1] = common_prefix(path_S[s].tolist(), path_S[s + 1].tolist())
    return starts
