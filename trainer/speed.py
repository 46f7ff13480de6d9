"""Speed: tokens a second, the share of tokens that are distinct, and model FLOP utilisation where the chip is known.

FLOPs of a token, forward and backward: 6 per weight that multiplies it (4 where the weight is frozen), and
12·layers·heads·width for each token it attends to (PaLM, arXiv 2204.02311, appendix B). Recomputation counts as
nothing, and what tries share counts once.
"""

from __future__ import annotations

import time
from typing import Any

import torch

from trainer.batch import MicroBatch
from trainer.head import find_head, inner_model
from trainer.packing import Block

PEAKS = {
    "H200": 989e12,
    "H100": 989e12,
    "GH200": 989e12,
    "A100": 312e12,
    "B200": 2250e12,
    "L40S": 362e12,
    "4090": 165e12,
}
"""Dense bf16 FLOP/s by a part of the device's name, from the makers' data sheets."""


class Speedometer:
    """Counts what passes between two readings."""

    def __init__(self, model: Any, device: torch.device) -> None:
        plain = inner_model(model)
        config = plain.config.get_text_config()
        head = find_head(plain).weight_VD
        table = plain.get_input_embeddings().weight
        apart = {head.data_ptr(), table.data_ptr()}
        # A frozen weight needs no gradient of its own: forward and the gradient of its input alone.
        body = (p for p in plain.parameters() if p.data_ptr() not in apart)
        self._per_token = sum((6 if p.requires_grad else 4) * p.numel() for p in body)
        self._per_scored = (6 if head.requires_grad else 4) * head.numel()
        heads = getattr(config, "num_attention_heads", 0) or 0  # recurrent models have none
        width = getattr(config, "head_dim", None) or (config.hidden_size // heads if heads else 0)
        self._per_context = 12 * config.num_hidden_layers * heads * width
        name = torch.cuda.get_device_name(device) if device.type == "cuda" else ""
        self._peak = next((peak for part, peak in PEAKS.items() if part in name), None)
        self._restart()

    def _restart(self) -> None:
        self._since = time.perf_counter()
        self._flops = self._tokens = self._sequence_tokens = 0.0

    def weigh(self, block: Block) -> float:
        """Floating point operations of one forward and backward pass of a trie."""
        return count_flops(block, self._per_token, self._per_scored, self._per_context)

    def flops(self, batch: MicroBatch) -> float:
        """Floating point operations of one forward and backward pass."""
        scored = len(batch.nodes_U)
        return float(self._per_token * batch.tokens + self._per_scored * scored + self._per_context * batch.context)

    def add(self, batch: MicroBatch) -> None:
        """Count a micro-batch."""
        self._tokens += batch.tokens
        self._sequence_tokens += batch.sequence_tokens
        self._flops += self.flops(batch)

    def read(self) -> dict[str, float]:
        """Numbers of this device since the last reading."""
        seconds = time.perf_counter() - self._since
        shown = {}
        if self._tokens:
            shown = {
                "tokens_per_second": self._tokens / seconds,
                "unique_token_share": self._tokens / self._sequence_tokens,
            }
            if self._peak:
                shown["mfu"] = self._flops / seconds / self._peak
        self._restart()
        return shown


def count_flops(block: Block, per_token: float, per_scored: float, per_context: float) -> float:
    """Floating point operations of a trie, by those of a token, of one that the head scores, and of one attended to."""
    trie = block.trie
    scored = len(trie) - int(trie.depth_T[trie.paths[0][0]])  # all but the prompt
    context = int(trie.depth_T.sum()) + len(trie)
    return float(per_token * len(trie) + per_scored * scored + per_context * context)
