"""APO-zero: raise chosen, lower rejected. D'Oosterlinck et al. 2024 (arXiv 2408.06266), equation 7."""

from __future__ import annotations

import torch

from trainer.losses.traits import Traits
from trainer.scores import Scores

TRAITS = Traits()


def apo_zero(scores: Scores, *, beta: float = 0.1) -> torch.Tensor:
    """1 - σ(β r_w) + σ(β r_l), [P], r a side's log-ratio; for chosen texts that are better than the policy's own."""
    value_PK = torch.sigmoid(beta * scores.ratio)
    return 1 - value_PK[:, 0] + value_PK[:, 1]
