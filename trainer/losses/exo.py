"""EXO: the reverse KL of the matching problem. Ji et al. 2024 (arXiv 2402.00856), equation 16."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F

from trainer.losses.traits import Traits
from trainer.scores import Scores

TRAITS = Traits(margin_only=True, margins=True)


def exo(scores: Scores, *, beta: float = 0.1, label_smoothing: float = 1e-3) -> torch.Tensor:
    """KL(q ‖ p), [P]: q = (σ(z), σ(-z)) of the policy, p = (1-ε, ε) of the labels; z as in dpo, ε in (0, 1)."""
    if not 0 < label_smoothing < 1:
        raise ValueError(f"exo: label_smoothing is {label_smoothing}, must be in (0, 1)")
    z_P = beta * scores.ratio_margin - scores.margin_P
    win = torch.sigmoid(z_P) * (F.logsigmoid(z_P) - math.log1p(-label_smoothing))
    lose = torch.sigmoid(-z_P) * (F.logsigmoid(-z_P) - math.log(label_smoothing))
    return win + lose
