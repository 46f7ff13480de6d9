"""RPO: DPO with the supervised loss as regulariser. Liu et al. 2024 (arXiv 2405.16436), equation 4.1."""

from __future__ import annotations

import torch
import torch.nn.functional as F

from trainer.losses.traits import Traits
from trainer.scores import Scores

TRAITS = Traits(margins=True)


def rpo(scores: Scores, *, beta: float = 0.1, eta: float = 0.005) -> torch.Tensor:
    """-log σ(z) - ηβ log π(y_w), [P]: dpo's z, and the summed (not the mean) log-prob of the chosen text."""
    z_P = beta * scores.ratio_margin - scores.margin_P
    return -F.logsigmoid(z_P) - eta * beta * scores.policy[:, 0]
