"""Token-level DPO, second form. Zeng et al. 2024 (arXiv 2404.11999), equation 17."""

from __future__ import annotations

import torch
import torch.nn.functional as F

from trainer.losses.traits import Traits
from trainer.scores import Scores

TRAITS = Traits(kl=True)


def tdpo2(scores: Scores, *, beta: float = 0.1, alpha: float = 0.5) -> torch.Tensor:
    """-log σ(β (u - α (D(y_l) - sg D(y_w)))), [P]: as tdpo1, with weight α and no gradient through the chosen's KL."""
    assert scores.kl_N is not None
    kl_PK = scores.by_example(scores.text_sums(scores.kl_N))
    return -F.logsigmoid(beta * (scores.ratio_margin - alpha * (kl_PK[:, 1] - kl_PK[:, 0].detach())))
