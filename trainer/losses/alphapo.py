"""AlphaPO: SimPO with a bent reward. Gupta et al. 2025 (arXiv 2501.03884), equation 6."""

from __future__ import annotations

import torch
import torch.nn.functional as F

from trainer.losses.traits import Traits
from trainer.scores import Scores

TRAITS = Traits(reference=False, margins=True)


def alphapo(scores: Scores, *, beta: float = 2.5, alpha: float = 0.25, gamma: float = 0.25) -> torch.Tensor:
    """-log σ(r(y_w) - r(y_l) - γ - margin) with r = β (1 - p^-α)/α, p = exp(log π(y)/|y|), [P]; α -> 0 is SimPO."""
    mean_PK = scores.policy / scores.lengths
    reward_PK = beta * (mean_PK if alpha == 0 else -torch.expm1(-alpha * mean_PK) / alpha)
    return -F.logsigmoid(reward_PK[:, 0] - reward_PK[:, 1] - gamma - scores.margin_P)
