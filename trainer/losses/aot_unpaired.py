"""Alignment via Optimal Transport, unpaired form. Melnyk et al. 2024 (arXiv 2406.05882), algorithm 1."""

from __future__ import annotations

import torch
import torch.nn.functional as F

from trainer.losses.traits import Traits
from trainer.scores import Scores

TRAITS = Traits(coupled=True)


def aot_unpaired(scores: Scores, *, beta: float = 0.1, label_smoothing: float = 0.0) -> torch.Tensor:
    """As aot, with z = β times the step's sorted chosen log-ratios minus its sorted rejected ones, [P]."""
    chosen, order = scores.ratio[:, 0].sort()
    sorted_P = beta * (chosen - scores.ratio[:, 1].sort().values)
    z_P = torch.zeros_like(sorted_P).index_copy(0, order, sorted_P)  # each loss back to its chosen text
    return -(1 - label_smoothing) * F.logsigmoid(z_P) - label_smoothing * F.logsigmoid(-z_P)
