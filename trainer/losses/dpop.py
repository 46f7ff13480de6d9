"""DPO-Positive: the chosen text must not become less likely. Pal et al. 2024 (arXiv 2402.13228), equation 3."""

from __future__ import annotations

import torch
import torch.nn.functional as F

from trainer.losses.traits import Traits
from trainer.scores import Scores

TRAITS = Traits(margins=True)


def dpop(scores: Scores, *, beta: float = 0.3, penalty: float = 50.0) -> torch.Tensor:
    """-log σ(β (u - λ max(0, log π_ref(y_w)/π(y_w))) - margin), [P]: u the difference of log-ratios."""
    fallen_P = torch.relu(-scores.ratio[:, 0])
    return -F.logsigmoid(beta * (scores.ratio_margin - penalty * fallen_P) - scores.margin_P)
