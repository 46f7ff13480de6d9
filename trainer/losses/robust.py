"""Robust DPO: unbiased under flipped labels. Chowdhury et al. 2024 (arXiv 2403.00409), equation 9."""

from __future__ import annotations

import torch
import torch.nn.functional as F

from trainer.losses.traits import Traits
from trainer.scores import Scores

TRAITS = Traits(margin_only=True, margins=True)


def robust(scores: Scores, *, beta: float = 0.1, label_smoothing: float = 0.1) -> torch.Tensor:
    """(-(1-ε) log σ(z) + ε log σ(-z)) / (1 - 2ε), [P], for labels flipped at rate ε < ½."""
    if not 0 <= label_smoothing < 0.5:
        raise ValueError(f"robust: label_smoothing is {label_smoothing}, must be in [0, 0.5)")
    z_P = beta * scores.ratio_margin - scores.margin_P
    kept, flipped = (1 - label_smoothing) * F.logsigmoid(z_P), label_smoothing * F.logsigmoid(-z_P)
    return (flipped - kept) / (1 - 2 * label_smoothing)
