"""SimPO: length-normalised, without a reference. Meng et al. 2024 (arXiv 2405.14734), equation 6."""

from __future__ import annotations

import torch
import torch.nn.functional as F

from trainer.losses.traits import Traits
from trainer.scores import Scores

TRAITS = Traits(reference=False, margins=True)


def simpo(scores: Scores, *, beta: float = 2.0, gamma: float = 1.0) -> torch.Tensor:
    """-log σ(β (log π(y_w)/|y_w| - log π(y_l)/|y_l|) - γ - margin), [P]."""
    mean_PK = scores.policy / scores.lengths
    return -F.logsigmoid(beta * (mean_PK[:, 0] - mean_PK[:, 1]) - gamma - scores.margin_P)
