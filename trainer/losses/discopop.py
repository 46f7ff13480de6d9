"""DiscoPOP: a loss that a language model found. Lu et al. 2024 (arXiv 2406.08414), equation 5."""

from __future__ import annotations

import torch
import torch.nn.functional as F

from trainer.losses.traits import Traits
from trainer.scores import Scores

TRAITS = Traits(margin_only=True)


def discopop(scores: Scores, *, beta: float = 0.1, tau: float = 0.05) -> torch.Tensor:
    """(1 - m) (-log σ(z)) + m e^-z with m = σ(z/τ), [P]; z as in dpo."""
    z_P = beta * scores.ratio_margin
    mix_P = torch.sigmoid(z_P / tau)
    return (1 - mix_P) * -F.logsigmoid(z_P) + mix_P * torch.exp(-z_P)
