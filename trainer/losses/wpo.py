"""WPO: pairs weighted by how likely the policy is to write them. Zhou et al. 2024 (arXiv 2406.11827), eq. 2 and 4."""

from __future__ import annotations

import torch
import torch.nn.functional as F

from trainer.losses.traits import Traits
from trainer.scores import Scores

TRAITS = Traits(confidence=True, margins=True)


def wpo(scores: Scores, *, beta: float = 0.1) -> torch.Tensor:
    """dpo times w(y_w) w(y_l), [P]; w = exp(mean over tokens of log π(t) - log Σ_v π(v)²), without gradient."""
    assert scores.confidence_N is not None
    aligned_N = scores.policy_N.detach() - scores.confidence_N
    weight_PK = torch.exp(scores.by_example(scores.text_sums(aligned_N)) / scores.lengths)
    return -F.logsigmoid(beta * scores.ratio_margin - scores.margin_P) * weight_PK[:, 0] * weight_PK[:, 1]
