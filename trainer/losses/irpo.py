"""Iterative Reasoning Preference Optimization: DPO with NLL. Pang et al. 2024 (arXiv 2404.19733), equation 1."""

from __future__ import annotations

import torch
import torch.nn.functional as F

from trainer.losses.traits import Traits
from trainer.scores import Scores

TRAITS = Traits(margins=True)


def irpo(scores: Scores, *, beta: float = 0.1, alpha: float = 1.0) -> torch.Tensor:
    """-log σ(z) - α log π(y_w)/|y_w|, [P]: dpo's z, and the chosen text's mean log-prob."""
    z_P = beta * scores.ratio_margin - scores.margin_P
    return -F.logsigmoid(z_P) - alpha * scores.policy[:, 0] / scores.lengths[:, 0]
