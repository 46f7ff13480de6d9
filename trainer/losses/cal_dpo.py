"""Cal-DPO: rewards calibrated to an absolute scale. Xiao et al. 2024 (arXiv 2412.14516), equation 10."""

from __future__ import annotations

import torch
import torch.nn.functional as F

from trainer.losses.traits import Traits
from trainer.scores import Scores

TRAITS = Traits()


def cal_dpo(scores: Scores, *, beta: float = 0.1, scale: float = 1.0) -> torch.Tensor:
    """-log σ(r_w - r_l) + s ((r_w - 1/(2β))² + (r_l + 1/(2β))²), [P]; r the log-ratio of a side."""
    chosen_P, rejected_P = scores.ratio[:, 0], scores.ratio[:, 1]
    target = 1 / (2 * beta)
    return -F.logsigmoid(chosen_P - rejected_P) + scale * ((chosen_P - target) ** 2 + (rejected_P + target) ** 2)
