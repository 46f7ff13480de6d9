"""SPPO with hard preferences. Wu et al. 2024 (arXiv 2405.00675), equation 4.7."""

from __future__ import annotations

import torch

from trainer.losses.traits import Traits
from trainer.scores import Scores

TRAITS = Traits()


def sppo(scores: Scores, *, beta: float = 0.1) -> torch.Tensor:
    """(r_w - 1/(2β))² + (r_l + 1/(2β))², [P], r a side's log-ratio; 1/β is the paper's η, preferences are 1 and 0."""
    return (scores.ratio[:, 0] - 0.5 / beta) ** 2 + (scores.ratio[:, 1] + 0.5 / beta) ** 2
