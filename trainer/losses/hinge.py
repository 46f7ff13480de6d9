"""Hinge on the reward margin. Liu et al. 2023, RSO (arXiv 2309.06657), equation 11."""

from __future__ import annotations

import torch

from trainer.losses.traits import Traits
from trainer.scores import Scores

TRAITS = Traits(margin_only=True, margins=True)


def hinge(scores: Scores, *, beta: float = 0.1) -> torch.Tensor:
    """max(0, 1 + margin - β (log-ratio of chosen - log-ratio of rejected)), [P]; 1 where policy and reference agree."""
    return torch.relu(1 + scores.margin_P - beta * scores.ratio_margin)
