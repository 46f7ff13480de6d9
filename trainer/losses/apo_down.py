"""APO-down: lower both sides, rejected more. D'Oosterlinck et al. 2024 (arXiv 2408.06266), equation 8."""

from __future__ import annotations

import torch

from trainer.losses.traits import Traits
from trainer.scores import Scores

TRAITS = Traits()


def apo_down(scores: Scores, *, beta: float = 0.1) -> torch.Tensor:
    """σ(β r_w) + 1 - σ(β (r_w - r_l)), [P], r a side's log-ratio; for chosen texts worse than the policy's own."""
    return torch.sigmoid(beta * scores.ratio[:, 0]) + 1 - torch.sigmoid(beta * scores.ratio_margin)
