"""Direct Preference Optimization. Rafailov et al. 2023 (arXiv 2305.18290), eq. 7; smoothed: cDPO (Mitchell 2023)."""

from __future__ import annotations

import torch
import torch.nn.functional as F

from trainer.losses.traits import Traits
from trainer.scores import Scores

TRAITS = Traits(margin_only=True, margins=True)


def dpo(scores: Scores, *, beta: float = 0.1, label_smoothing: float = 0.0) -> torch.Tensor:
    """-(1-ε) log σ(z) - ε log σ(-z) with z = β (log π(y_w)/π_ref(y_w) - log π(y_l)/π_ref(y_l)) - margin, [P].

    ln 2 where policy and reference agree. ε is the share of labels thought to be flipped. A margin is ODPO's offset
    (Amini et al. 2024, arXiv 2402.10571).
    """
    z_P = beta * scores.ratio_margin - scores.margin_P
    return -(1 - label_smoothing) * F.logsigmoid(z_P) - label_smoothing * F.logsigmoid(-z_P)
