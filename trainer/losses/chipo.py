"""χPO: mixed χ² and KL regularisation. Huang et al. 2024 (arXiv 2407.13399), algorithm 1."""

from __future__ import annotations

import torch
import torch.nn.functional as F

from trainer.losses.traits import Traits
from trainer.scores import Scores

TRAITS = Traits(margins=True)


def chipo(scores: Scores, *, beta: float = 0.1, reward_bound: float = 10.0, largest: float = 20.0) -> torch.Tensor:
    """-log σ(clip_2R(β φ(t_w) - β φ(t_l)) - margin), [P], with φ(t) = t + log t and t = π(y)/π_ref(y).

    R is `reward_bound`. log t inside the exponential is cut at `largest`, as sums over tokens overflow otherwise.
    """
    link_PK = scores.ratio.clamp(max=largest).exp() + scores.ratio
    z_P = (beta * (link_PK[:, 0] - link_PK[:, 1])).clamp(-2 * reward_bound, 2 * reward_bound)
    return -F.logsigmoid(z_P - scores.margin_P)
