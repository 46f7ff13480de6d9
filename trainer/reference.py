"""Reference log-probs: computed once, from the model as it is when training starts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from trainer.data import TokenPair
from trainer.layouts import Layout


@torch.no_grad()
def reference_logps(model: Any, pairs: Sequence[TokenPair], layout: Layout, *, batch_size: int) -> torch.Tensor:
    """Summed log-probs of chosen and rejected under `model`, [pairs, 2], fp32 on the CPU; sorted by length inside."""
    device = next(model.parameters()).device
    order = sorted(range(len(pairs)), key=lambda i: pairs[i].length)
    logps_P2 = torch.empty(len(pairs), 2)
    for start in range(0, len(order), batch_size):
        part = order[start : start + batch_size]
        batch = {name: value.to(device) for name, value in layout.collate([pairs[i] for i in part]).items()}
        logps_P2[part] = layout.logps(model, batch)[0].float().cpu()
    return logps_P2
