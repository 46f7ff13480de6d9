"""Negative log-likelihood of the chosen text; added to DPO as in Pang et al. 2024 (arXiv 2404.19733), equation 2."""

from __future__ import annotations

import torch


def sft(policy_chosen_P: torch.Tensor, chosen_tokens_P: torch.Tensor) -> torch.Tensor:
    """Mean negative log-prob per token of each chosen text, shape [P], from summed log-probs and token counts."""
    return -policy_chosen_P / chosen_tokens_P
