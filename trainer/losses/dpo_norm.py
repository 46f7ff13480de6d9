"""Length-normalised DPO. Lambert et al. 2024, Tulu 3 (arXiv 2411.15124), equation 6."""

from __future__ import annotations

import torch
import torch.nn.functional as F

from trainer.losses.traits import Traits
from trainer.scores import Scores

TRAITS = Traits(margins=True)


def dpo_norm(scores: Scores, *, beta: float = 5.0) -> torch.Tensor:
    """-log σ(β (log-ratio(y_w)/|y_w| - log-ratio(y_l)/|y_l|) - margin), [P]."""
    mean_PK = scores.ratio / scores.lengths
    return -F.logsigmoid(beta * (mean_PK[:, 0] - mean_PK[:, 1]) - scores.margin_P)
