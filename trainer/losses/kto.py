"""Kahneman-Tversky Optimization. Ethayarajh et al. 2024 (arXiv 2402.01306), equation 8. Takes unpaired data too."""

from __future__ import annotations

import torch

from trainer.losses.traits import Traits
from trainer.scores import Scores

TRAITS = Traits(coupled=True, mismatched=True, single=True)


def kto(
    scores: Scores, *, beta: float = 0.1, desirable_weight: float = 1.0, undesirable_weight: float = 1.0
) -> torch.Tensor:
    """λ_D (1 - σ(β (r - z0))) for desirable texts, λ_U (1 - σ(β (z0 - r))) for others; mean over texts, [P].

    r is the log-ratio; z0 = max(0, mean log-ratio of mismatched texts over the step) estimates the KL, without
    gradient. Of a pair, chosen is desirable and rejected is not. ½ for each text where policy and reference agree.
    """
    mismatched_S = scores.mismatched_P[scores.mismatched_P >= 0]
    z0 = scores.ratio_S.detach()[mismatched_S].mean().clamp(min=0)
    good_PK = torch.ones_like(scores.ratio)
    good_PK[:, 1:] = 0
    if scores.ratio.shape[1] > 1:
        single_P = scores.present.sum(1) == 1
        good_PK[:, 0] = torch.where(single_P, scores.desirable_P.to(good_PK.dtype), 1)
    else:
        good_PK[:, 0] = scores.desirable_P.to(good_PK.dtype)
    gain_PK = desirable_weight * (1 - torch.sigmoid(beta * (scores.ratio - z0)))
    loss_PK = undesirable_weight * (1 - torch.sigmoid(beta * (z0 - scores.ratio)))
    value_PK = torch.where(good_PK > 0, gain_PK, loss_PK) * scores.present
    return value_PK.sum(1) / scores.present.sum(1)
