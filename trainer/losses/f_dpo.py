"""f-DPO: other divergences than the reverse KL. Wang et al. 2023 (arXiv 2309.16240), equation 8 and table 1."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F

from trainer.losses.traits import Traits
from trainer.scores import Scores

TRAITS = Traits(margins=True)
LARGEST = 80.0
"""Exponents are cut here, where fp32 still holds their exponential."""


def f_dpo(scores: Scores, *, beta: float = 0.1, divergence: str = "forward_kl", alpha: float = 0.5) -> torch.Tensor:
    """-log σ(β (f'(t_w) - f'(t_l)) - margin), [P], where t = π(y)/π_ref(y) and f' is the divergence's derivative.

    forward_kl: 1 - 1/t (up to a constant); js: log 2t/(t + 1); alpha: (t^(α-1) - 1)/(α - 1), log t in the limit α = 1.
    This α is 1 - α of the paper's table, as in TRL.
    """
    link_PK = _link(scores.ratio, divergence, alpha)
    return -F.logsigmoid(beta * (link_PK[:, 0] - link_PK[:, 1]) - scores.margin_P)


def _link(ratio_PK: torch.Tensor, divergence: str, alpha: float) -> torch.Tensor:
    if divergence == "forward_kl":
        return 1 - torch.exp((-ratio_PK).clamp(max=LARGEST))
    if divergence == "js":
        return math.log(2) + F.logsigmoid(ratio_PK)
    if divergence == "alpha":
        power = alpha - 1
        return ratio_PK if abs(power) < 1e-6 else torch.expm1((power * ratio_PK).clamp(max=LARGEST)) / power
    raise ValueError(f"f_dpo: divergence is {divergence!r}; available: alpha, forward_kl, js")
