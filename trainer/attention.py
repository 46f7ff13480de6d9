"""Tree attention: unmodified transformers models on rows of prompt tries (see trie.py).

The implementation is registered under its own name, so that transformers builds no mask of its own and does not look
for packed sequences in the position ids; a `TreeMask` travels to every layer as a keyword argument instead.
SDPA takes it as a dense mask, FlexAttention (CUDA) as a block mask. cuDNN's SDPA, which gave NaN gradients with
explicit masks, is never chosen: a dense mask on CUDA goes to the other kernels.

Shape suffixes: B rows, T tokens of a row, H query heads, G key heads, D head width.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.attention.flex_attention import BlockMask, create_block_mask, flex_attention
from transformers import AttentionInterface

TREE = "errata_tree"
"""Name under which the implementation is registered."""
NOT_CUDNN = [SDPBackend.FLASH_ATTENTION, SDPBackend.EFFICIENT_ATTENTION, SDPBackend.MATH]


@dataclass
class TreeMask:
    """Which token may attend to which: q to k iff k <= q < subtree_end[k], and within a sliding window by depth."""

    subtree_end_BT: torch.Tensor
    depth_BT: torch.Tensor
    flex: bool = False
    """Use FlexAttention with a block mask instead of SDPA with a dense one."""

    def __post_init__(self) -> None:
        self._made: dict[int | None, torch.Tensor | BlockMask] = {}

    def dense(self, window: int | None = None) -> torch.Tensor:
        """[B, 1, T, T] booleans; made once for each window."""
        if window not in self._made:
            rows, length = self.subtree_end_BT.shape
            device = self.subtree_end_BT.device
            b = torch.arange(rows, device=device)[:, None, None]
            index = torch.arange(length, device=device)
            self._made[window] = self._rule(window)(b, 0, index[None, :, None], index[None, None, :])[:, None]
        mask = self._made[window]
        assert isinstance(mask, torch.Tensor)
        return mask

    def blocks(self, window: int | None = None) -> BlockMask:
        """The same for FlexAttention; made once for each window."""
        if window not in self._made:
            rows, length = self.subtree_end_BT.shape
            device = self.subtree_end_BT.device
            make = _compiled(create_block_mask) if device.type == "cuda" else create_block_mask
            self._made[window] = make(self._rule(window), rows, None, length, length, device=device)
        mask = self._made[window]
        assert isinstance(mask, BlockMask)
        return mask

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
    if tree.flex:
        cap = None if softcap is None else _cap(softcap)
        attend = _compiled(flex_attention) if query.is_cuda else flex_attention
        out = attend(query, key, value, cap, tree.blocks(sliding_window), scale=scaling, enable_gqa=grouped)
    elif softcap is not None:
        out = _capped(query, key, value, tree.dense(sliding_window), scaling or query.shape[-1] ** -0.5, softcap)
    else:
        mask = tree.dense(sliding_window)
        with sdpa_kernel(NOT_CUDNN) if query.is_cuda else nullcontext():
            out = F.scaled_dot_product_attention(query, key, value, mask, scale=scaling, enable_gqa=grouped)
    return out.transpose(1, 2).contiguous(), None


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
