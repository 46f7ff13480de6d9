"""SLiC-HF: a hinge on log-probs, and the chosen text's NLL. Zhao et al. 2023 (arXiv 2305.10425), eq. 1."""

from __future__ import annotations

import torch

from trainer.losses.traits import Traits
from trainer.scores import Scores

TRAITS = Traits(reference=False, margins=True)


def slic(scores: Scores, *, delta: float = 1.0, nll: float = 0.1) -> torch.Tensor:
    """max(0, δ + margin - log π(y_w) + log π(y_l)) - λ log π(y_w)/|y_w|, [P]; no reference.

    The paper regularises towards the supervised model's own text; in pairs that is the chosen one.
    """
    calibration_P = torch.relu(delta + scores.margin_P - scores.policy_margin)
    return calibration_P - nll * scores.policy[:, 0] / scores.lengths[:, 0]
