"""Alignment via Optimal Transport, paired form. Melnyk et al. 2024 (arXiv 2406.05882), algorithm 1."""

from __future__ import annotations

import torch
import torch.nn.functional as F

from trainer.losses.traits import Traits
from trainer.scores import Scores

TRAITS = Traits(coupled=True, margin_only=True)


def aot(scores: Scores, *, beta: float = 0.1, label_smoothing: float = 0.0) -> torch.Tensor:
    """-(1-ε) log σ(z) - ε log σ(-z), [P], z = β times sorted policy margins minus sorted reference margins.

    Sorting runs over the whole step: the policy's margins have to dominate the reference's as distributions.
    """
    reference_P = scores.reference[:, 0] - scores.reference[:, 1]
    margins, order = scores.policy_margin.sort()
    sorted_P = beta * (margins - reference_P.sort().values)
    z_P = torch.zeros_like(sorted_P).index_copy(0, order, sorted_P)  # each loss back to its own pair, for its weight
    return -(1 - label_smoothing) * F.logsigmoid(z_P) - label_smoothing * F.logsigmoid(-z_P)
