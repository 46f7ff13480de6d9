"""Two ways to lay a micro-batch out, with the same numbers: padded texts, or packed prompt tries.

A layout turns pairs into a batch of tensors (`collate`) and a batch into summed log-probs (`logps`). Shape suffixes:
P pairs, B rows, T tokens of a row, U distinct completion tokens, N completion tokens of all texts, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
import torch

from trainer.attention import TreeMask, use_tree_attention
from trainer.data import TokenPair, collate
from trainer.errors import TrainingInputError
from trainer.logprobs import completion_logps
from trainer.trie import Trie, build_trie

Batch = dict[str, torch.Tensor]


class Layout(Protocol):
    """How the texts of a micro-batch stand side by side."""

    def collate(self, pairs: Sequence[TokenPair]) -> Batch:
        """Tensors of one micro-batch."""

    def logps(self, model: Any, batch: Batch) -> tuple[torch.Tensor, torch.Tensor]:
        """Summed log-probs (nats) and token counts of chosen (column 0) and rejected (column 1), both [P, 2]."""


class Padded:
    """One padded row for each text: takes every causal model."""

    def __init__(self, pad: int) -> None:
        self.pad = pad

    def collate(self, pairs: Sequence[TokenPair]) -> Batch:
        return collate(pairs, self.pad)

    def logps(self, model: Any, batch: Batch) -> tuple[torch.Tensor, torch.Tensor]:
        sums_N, counts_N = completion_logps(model, **batch)
        return sums_N.view(2, -1).T, counts_N.view(2, -1).T


class Tree:
    """One trie for each prompt, packed into rows about as long as the longest trie: every shared prefix stands once.

    For models whose layers are all attention; the distance rule of sliding windows is kept.
    """

    def __init__(self, pad: int) -> None:
        self.pad = pad

    def collate(self, pairs: Sequence[TokenPair]) -> Batch:
        numbers: dict[tuple[int, ...], list[int]] = {}
        for number, pair in enumerate(pairs):
            numbers.setdefault(pair.prompt, []).append(number)
        tries, owners = [], []
        for prompt, group in numbers.items():
            tries.append(build_trie(prompt, [text for i in group for text in (pairs[i].chosen, pairs[i].rejected)]))
            owners.append([2 * i + side for i in group for side in (0, 1)])
        return _lay_out(tries, owners, self.pad)

    def logps(self, model: Any, batch: Batch) -> tuple[torch.Tensor, torch.Tensor]:
        tree = TreeMask(batch["subtree_end_BT"], batch["depth_BT"])
        with use_tree_attention(model):
            logits_BTV = model(
                input_ids=batch["tokens_BT"], position_ids=tree.depth_BT, tree=tree, use_cache=False
            ).logits
        logits_UV = logits_BTV.flatten(0, 1)[batch["parents_U"]].float()
        targets_U = batch["tokens_BT"].flatten()[batch["nodes_U"]]
        logps_U = logits_UV.gather(-1, targets_U[:, None]).squeeze(-1) - logits_UV.logsumexp(-1)
        owners_N = batch["owners_N"]
        sums = logps_U.new_zeros(int(owners_N.max()) + 1).index_add(0, owners_N, logps_U[batch["steps_N"]])
        return sums.view(-1, 2), torch.bincount(owners_N).view(-1, 2)


def _lay_out(tries: Sequence[Trie], owners: Sequence[Sequence[int]], pad: int) -> Batch:
    """Put tries into rows; `owners[i][j]` is the number of the text that path j of trie i spells."""
    width = max(map(len, tries))
    rows = pack_rows([len(trie) for trie in tries], width)
    tokens_BT = np.full((len(rows), width), pad)
    depth_BT = np.zeros_like(tokens_BT)
    ends_BT = np.tile(np.arange(1, width + 1), (len(rows), 1))  # padding attends to itself alone
    nodes, parents, steps, texts = [], [], [], []
    distinct = 0
    for number, row in enumerate(rows):
        start = 0
        for i in row:
            trie, place = tries[i], slice(start, start + len(tries[i]))
            tokens_BT[number, place], depth_BT[number, place] = trie.tokens_T, trie.depth_T
            ends_BT[number, place] = trie.subtree_end_T + start
            used = np.unique(np.concatenate(trie.paths))
            flat = number * width + start
            nodes.append(used + flat)
            parents.append(trie.parent_T[used] + flat)
            for path, text in zip(trie.paths, owners[i], strict=True):
                steps.append(np.searchsorted(used, path) + distinct)
                texts.append(np.full(len(path), text))
            distinct += len(used)
            start += len(trie)
    vectors = {"nodes_U": nodes, "parents_U": parents, "steps_N": steps, "owners_N": texts}
    grids = {"tokens_BT": tokens_BT, "depth_BT": depth_BT, "subtree_end_BT": ends_BT}
    return {name: torch.from_numpy(np.concatenate(parts)) for name, parts in vectors.items()} | {
        name: torch.from_numpy(grid) for name, grid in grids.items()
    }


def pack_rows(lengths: Sequence[int], width: int) -> list[list[int]]:
    """First-fit decreasing: indices of what stands in each row, no row longer than `width`.

    Raises TrainingInputError for a length beyond `width`.
    """
    rows: list[list[int]] = []
    room: list[int] = []
    for i in sorted(range(len(lengths)), key=lambda i: (-lengths[i], i)):
        if lengths[i] > width:
            raise TrainingInputError(f"a trie of {lengths[i]} tokens does not fit into rows of {width}")
        row = next((r for r, left in enumerate(room) if left >= lengths[i]), None)
        if row is None:
            rows.append([])
            room.append(width)
            row = len(rows) - 1
        rows[row].append(i)
        room[row] -= lengths[i]
    return rows


LAYOUTS: dict[str, type[Padded] | type[Tree]] = {"padded": Padded, "tree": Tree}
