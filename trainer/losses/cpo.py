"""Contrastive Preference Optimization. Xu et al. 2024 (arXiv 2401.08417), equations 3 and 5."""

from __future__ import annotations

import torch
import torch.nn.functional as F

from trainer.losses.traits import Traits
from trainer.scores import Scores

TRAITS = Traits(reference=False, margins=True)


def cpo(scores: Scores, *, beta: float = 0.1, nll: float = 1.0, label_smoothing: float = 0.0) -> torch.Tensor:
    """-log σ(β (log π(y_w) - log π(y_l)) - margin) - λ log π(y_w)/|y_w|, [P]; no reference."""
    z_P = beta * scores.policy_margin - scores.margin_P
    preference_P = -(1 - label_smoothing) * F.logsigmoid(z_P) - label_smoothing * F.logsigmoid(-z_P)
    return preference_P - nll * scores.policy[:, 0] / scores.lengths[:, 0]
