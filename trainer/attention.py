"""Tree attention: unmodified transformers models on rows of prompt tries (see trie.py).

The implementation is registered under its own name, so that transformers builds no mask of its own and does not look
for packed sequences in the position ids; a `TreeMask` travels to every layer as a keyword argument instead.
FlexAttention (CUDA) takes it as a block mask over the whole row, SDPA branch by branch as dense masks over the keys
that a branch sees. cuDNN's SDPA, which gave NaN gradients with explicit masks, is never chosen.

Shape suffixes: B rows, T tokens of a row, H query heads, G key heads, D head width.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import torch
import torch.nn.functional as F
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.attention.flex_attention import BlockMask, create_block_mask, flex_attention
from transformers import AttentionInterface

TREE = "errata_tree"
"""Name under which the implementation is registered."""
NOT_CUDNN = [SDPBackend.FLASH_ATTENTION, SDPBackend.EFFICIENT_ATTENTION, SDPBackend.MATH]


PIECE = 64
"""Queries that SDPA takes at once, at least; less work is wasted on masked pairs with fewer, but calls cost time."""


@dataclass(frozen=True)
class Piece:
    """Some neighbouring queries of a trie, and the keys that any of them attends to."""

    queries: int
    """Their number."""
    keys: torch.Tensor | None
    """Indices in the segment; None for all from its start to the last query."""
    mask: torch.Tensor
    """[1, 1, queries, keys] booleans."""


def find_cuts(ends: torch.Tensor) -> list[int]:
    """Where to cut a trie between queries: where a branch ends, and no piece below PIECE tokens where it can be."""
    length = len(ends)
    leaves = torch.nonzero(ends == torch.arange(1, length + 1)).squeeze(-1) + 1  # a new branch begins behind a leaf
    first = torch.nonzero(ends < length).squeeze(-1)  # the first token that not all others descend from
    cuts = [0]
    for cut in sorted({int(first[0])} if len(first) else set()) + leaves.tolist():
        if cut - cuts[-1] >= PIECE and length - cut >= PIECE:
            cuts.append(cut)
    return [*cuts, length]


@dataclass
class TreeMask:
    """Which token may attend to which: q to k iff k <= q < subtree_end[k], and within a sliding window by depth."""

    subtree_end_BT: torch.Tensor
    depth_BT: torch.Tensor
    segments: Sequence[int] | None = None
    """Lengths of the tries in the only row, for SDPA one by one; None for FlexAttention over whole rows."""

    def __post_init__(self) -> None:
        self._pieces: dict[int | None, list[list[Piece]]] = {}
        self._blocks: dict[int | None, BlockMask] = {}

    def pieces(self, window: int | None = None) -> list[list[Piece]]:
        """For each segment, the pieces that SDPA computes; made once for each window."""
        if window not in self._pieces:
            assert self.segments is not None
            ends, made, start = self.subtree_end_BT[0].cpu(), [], 0
            for length in self.segments:
                cuts = find_cuts(ends[start : start + length] - start)
                made.append([self._make_piece(ends, window, start, a, b) for a, b in pairwise(cuts)])
                start += length
            self._pieces[window] = made
        return self._pieces[window]

    def _make_piece(self, ends: torch.Tensor, window: int | None, start: int, first: int, last: int) -> Piece:
        keys = torch.nonzero(ends[start : start + last] > start + first).squeeze(-1)
        device = self.depth_BT.device
        queries = torch.arange(start + first, start + last, device=device)
        mask = self._rule(window)(0, 0, queries[:, None], (keys.to(device) + start)[None, :])
        return Piece(last - first, None if len(keys) == last else keys.to(device), mask[None, None])

    def blocks(self, window: int | None = None) -> BlockMask:
        """The same for FlexAttention, over whole rows; made once for each window."""
        if window not in self._blocks:
            rows, length = self.subtree_end_BT.shape
            device = self.subtree_end_BT.device
            make = _compiled(create_block_mask) if device.type == "cuda" else create_block_mask
            self._blocks[window] = make(self._rule(window), rows, None, length, length, device=device)
        return self._blocks[window]

    def _rule(self, window: int | None) -> Callable[..., Any]:
        """The rule itself, for indices that broadcast: the one definition behind both forms."""
        ends_BT, depth_BT = self.subtree_end_BT, self.depth_BT

        def allows(b: Any, h: Any, q: Any, k: Any) -> Any:
            allowed = (k <= q) & (q < ends_BT[b, k])
            if window is not None:  # on a path, the distance between two tokens is the difference of their depths
                allowed = allowed & (depth_BT[b, q] - depth_BT[b, k] < window)
            return allowed

        return allows


@functools.cache
def _compiled(function: Any) -> Any:
    """Compiled once for all shapes: the rows of a run differ in length."""
    return torch.compile(function, dynamic=True)


@functools.cache
def _cap(softcap: float) -> Callable[..., Any]:
    """cap·tanh(score / cap); the same object for the same cap, so that nothing is compiled twice."""

    def cap(score: Any, b: Any, h: Any, q: Any, k: Any) -> Any:
        return softcap * torch.tanh(score / softcap)

    return cap


def tree_attention(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    scaling: float | None = None,
    dropout: float = 0.0,
    sliding_window: int | None = None,
    softcap: float | None = None,
    tree: TreeMask | None = None,
    **_: Any,
) -> tuple[torch.Tensor, None]:
    """Attention of one layer: query [B, H, T, D], key and value [B, G, T, D] -> [B, T, H, D].

    Raises ValueError when the model was called without a `tree`.
    """
    if tree is None:
        raise ValueError(f"attention {TREE!r} needs the keyword argument `tree` in the model's call")
    if dropout:
        raise ValueError("tree attention has no dropout: switch it off before training on preferences")
    grouped = query.shape[1] != key.shape[1]
    query, key = query.to(value.dtype), key.to(value.dtype)  # under autocast, norms leave them in fp32
    if tree.segments is None:
        cap = None if softcap is None else _cap(softcap)
        attend = _compiled(flex_attention) if query.is_cuda else flex_attention
        out = attend(query, key, value, cap, tree.blocks(sliding_window), scale=scaling, enable_gqa=grouped)
        return out.transpose(1, 2).contiguous(), None
    return _by_branches(query, key, value, tree, scaling, sliding_window, softcap, grouped), None


@torch.compiler.disable  # type: ignore[untyped-decorator]
def _by_branches(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    tree: TreeMask,
    scaling: float | None,
    window: int | None,
    softcap: float | None,
    grouped: bool,
) -> torch.Tensor:
    """SDPA piece by piece; outside torch.compile, which would make a graph of its own for every shape of a trie."""
    parts = []
    assert tree.segments is not None
    segments = (torch.split(tensor, list(tree.segments), dim=2) for tensor in (query, key, value))
    with sdpa_kernel(NOT_CUDNN) if query.is_cuda else nullcontext():
        for q, k, v, pieces in zip(*segments, tree.pieces(window), strict=True):
            done = 0
            for part, piece in zip(torch.split(q, [p.queries for p in pieces], dim=2), pieces, strict=True):
                done += piece.queries
                if piece.keys is None:
                    near = k[:, :, :done], v[:, :, :done]
                else:
                    near = k.index_select(2, piece.keys), v.index_select(2, piece.keys)
                if softcap is not None:
                    made = _capped(part, *near, piece.mask, scaling or query.shape[-1] ** -0.5, softcap)
                else:
                    made = F.scaled_dot_product_attention(part, *near, piece.mask, scale=scaling, enable_gqa=grouped)
                parts.append(made)
    return torch.cat(parts, 2).transpose(1, 2).contiguous()


def _capped(
    query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, mask: torch.Tensor, scaling: float, softcap: float
) -> torch.Tensor:
    """Attention with soft-capped scores, cap·tanh(score / cap), which SDPA does not offer (Gemma 2)."""
    groups = query.shape[1] // key.shape[1]
    key, value = key.repeat_interleave(groups, 1), value.repeat_interleave(groups, 1)
    scores = softcap * torch.tanh(query @ key.transpose(-1, -2) * scaling / softcap)
    return scores.masked_fill(~mask, -torch.inf).softmax(-1, dtype=torch.float32).to(value.dtype) @ value


AttentionInterface.register(TREE, tree_attention)


@contextmanager
def use_tree_attention(model: Any) -> Iterator[None]:
    """Let `model` take a `tree` inside the block; outside it attends as before (generation, evaluation)."""
    before = model.config._attn_implementation
    model.set_attn_implementation(TREE)
    try:
        yield
    finally:
        model.set_attn_implementation(before)
