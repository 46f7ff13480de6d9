"""β-DPO: β follows how informative the step's pairs are. Wu et al. 2024 (arXiv 2407.08639), equation 7."""

from __future__ import annotations

import torch
import torch.nn.functional as F

from trainer.losses.traits import Traits
from trainer.scores import Scores

TRAITS = Traits(coupled=True, margins=True)


def beta_dpo(scores: Scores, *, beta: float = 0.1, alpha: float = 0.6, threshold: float = 0.0) -> torch.Tensor:
    """dpo with β_step = β max(0.01, 1 + α (mean_i M_i - M0)), [P]; M_i = β times pair i's difference of log-ratios.

    M0 is `threshold`. The paper moves it along and filters pairs at random; here the loss stays a pure function.
    """
    gap = beta * scores.ratio_margin.detach().mean() - threshold
    beta_step = beta * (1 + alpha * gap).clamp(min=0.01)
    return -F.logsigmoid(beta_step * scores.ratio_margin - scores.margin_P)
