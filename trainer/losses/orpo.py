"""ORPO: odds ratio beside supervised training. Hong et al. 2024 (arXiv 2403.07691), equations 6 and 7."""

from __future__ import annotations

import torch
import torch.nn.functional as F

from trainer.losses.traits import Traits
from trainer.scores import Scores

TRAITS = Traits(reference=False)


def orpo(scores: Scores, *, beta: float = 0.1) -> torch.Tensor:
    """-log p(y_w) - β log σ(log odds(y_w) - log odds(y_l)), [P], with log p(y) = log π(y)/|y|, odds = p/(1-p).

    β is the paper's λ.
    """
    mean_PK = scores.policy / scores.lengths
    odds_PK = mean_PK - torch.log(-torch.expm1(mean_PK))
    return -mean_PK[:, 0] - beta * F.logsigmoid(odds_PK[:, 0] - odds_PK[:, 1])
