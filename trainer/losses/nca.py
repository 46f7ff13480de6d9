"""Noise Contrastive Alignment for pairs. Chen et al. 2024 (arXiv 2402.05369), equation 12."""

from __future__ import annotations

import torch
import torch.nn.functional as F

from trainer.losses.traits import Traits
from trainer.scores import Scores

TRAITS = Traits()


def nca(scores: Scores, *, beta: float = 0.1) -> torch.Tensor:
    """-log σ(r_w) - ½ log σ(-r_w) - ½ log σ(-r_l), [P], with r = β log-ratio."""
    chosen_P, rejected_P = beta * scores.ratio[:, 0], beta * scores.ratio[:, 1]
    return -F.logsigmoid(chosen_P) - 0.5 * F.logsigmoid(-chosen_P) - 0.5 * F.logsigmoid(-rejected_P)
