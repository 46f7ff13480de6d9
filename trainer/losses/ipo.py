"""Identity Preference Optimization. Azar et al. 2023 (arXiv 2310.12036), equation 17."""

from __future__ import annotations

import torch

from trainer.losses.traits import Traits
from trainer.scores import Scores

TRAITS = Traits()


def ipo(scores: Scores, *, beta: float = 0.1, per_token: bool = True) -> torch.Tensor:
    """(h - 1/(2β))², [P], with h the difference of log-ratios; β is the paper's τ.

    `per_token` divides each side's log-ratio by its length, as in the paper's experiments; False is the summed form.
    """
    ratio_PK = scores.ratio / scores.lengths if per_token else scores.ratio
    return (ratio_PK[:, 0] - ratio_PK[:, 1] - 1 / (2 * beta)) ** 2
