"""Log-probabilities of completions. Shape suffixes: N sequences, T tokens, V vocabulary."""

from __future__ import annotations

from typing import Any

import torch


def completion_logps(
    model: Any, input_ids: torch.Tensor, attention_mask: torch.Tensor, completion_mask: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Summed log-prob (nats, fp32) and number of the completion tokens of each sequence, both [N].

    All arguments are [N, T]; the log-prob of a token is read from the logits before it.
    """
    logits_NTV = model(input_ids=input_ids, attention_mask=attention_mask, use_cache=False).logits[:, :-1].float()
    targets_NT1 = input_ids[:, 1:, None]
    logps_NT = logits_NTV.gather(-1, targets_NT1).squeeze(-1) - logits_NTV.logsumexp(-1)
    mask_NT = completion_mask[:, 1:]
    return (logps_NT * mask_NT).sum(-1), mask_NT.sum(-1)
