"""Supervised fine-tuning on the best text; beside a preference loss, its NLL term (Pang et al. 2024, 2404.19733)."""

from __future__ import annotations

import torch

from trainer.losses.traits import Traits
from trainer.scores import Scores

TRAITS = Traits(reference=False, single=True, ranked=True)


def sft(scores: Scores) -> torch.Tensor:
    """-log π(y)/|y| of each example's first completion, [P]."""
    return -scores.policy[:, 0] / scores.lengths[:, 0]
