"""Token-level DPO, first form. Zeng et al. 2024 (arXiv 2404.11999), equation 14."""

from __future__ import annotations

import torch
import torch.nn.functional as F

from trainer.losses.traits import Traits
from trainer.scores import Scores

TRAITS = Traits(kl=True)


def tdpo1(scores: Scores, *, beta: float = 0.1) -> torch.Tensor:
    """-log σ(β (u - δ)), [P]: u the difference of log-ratios, δ = D(y_l) - D(y_w).

    D(y) is the sum over y's positions of KL(π_ref ‖ π), over the whole vocabulary. ln 2 where both models agree.
    """
    assert scores.kl_N is not None
    kl_PK = scores.by_example(scores.text_sums(scores.kl_N))
    return -F.logsigmoid(beta * (scores.ratio_margin - (kl_PK[:, 1] - kl_PK[:, 0])))
