"""Length-desensitised DPO. Liu et al. 2024 (arXiv 2409.06411), equation 8."""

from __future__ import annotations

import torch
import torch.nn.functional as F

from trainer.losses.traits import Traits
from trainer.scores import Scores

TRAITS = Traits(margins=True)


def ld_dpo(scores: Scores, *, beta: float = 0.1, alpha: float = 0.5) -> torch.Tensor:
    """dpo with tokens beyond the shorter side's length counted α times, [P]; α = 1 is dpo."""
    public_P = scores.lengths.min(1).values
    public_S = torch.zeros_like(scores.length_S)
    public_S[scores.texts_PK] = public_P[:, None].expand_as(scores.texts_PK)
    tail_N = scores.position_N >= public_S[scores.text_N]
    weight_N = torch.where(tail_N, alpha, 1.0)
    assert scores.reference_N is not None
    ratio_PK = scores.by_example(scores.text_sums(weight_N * (scores.policy_N - scores.reference_N)))
    return -F.logsigmoid(beta * (ratio_PK[:, 0] - ratio_PK[:, 1]) - scores.margin_P)
