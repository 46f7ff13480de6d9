"""Reference log-probs: computed once, from the model as it is when training starts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from trainer.data import TokenPair, collate
from trainer.logprobs import completion_logps


@torch.no_grad()
def reference_logps(model: Any, pairs: Sequence[TokenPair], *, pad: int, batch_size: int) -> torch.Tensor:
    """Summed log-probs of chosen and rejected under `model`, [pairs, 2], fp32 on the CPU; sorted by length inside."""
    device = next(model.parameters()).device
    order = sorted(range(len(pairs)), key=lambda i: pairs[i].length)
    logps_P2 = torch.empty(len(pairs), 2)
    for start in range(0, len(order), batch_size):
        part = order[start : start + batch_size]
        batch = {name: value.to(device) for name, value in collate([pairs[i] for i in part], pad).items()}
        sums, _ = completion_logps(model, **batch)
        logps_P2[part] = sums.view(2, len(part)).T.float().cpu()
    return logps_P2
