"""DPO over rankings. Rafailov et al. 2023 (arXiv 2305.18290), equation 20, after Plackett and Luce."""

from __future__ import annotations

import torch

from trainer.losses.traits import Traits
from trainer.scores import Scores

TRAITS = Traits(ranked=True)
LEAST = -1e30
"""Reward of a text that is not there: finite, since the gradient of -inf - -inf is not a number."""


def plackett_luce(scores: Scores, *, beta: float = 0.1) -> torch.Tensor:
    """-Σ_k log(exp(r_k) / Σ_{j ≥ k} exp(r_j)), [P], r = β log-ratio, k over the texts from best to worst.

    log k! where policy and reference agree; dpo for two texts.
    """
    reward_PK = (beta * scores.ratio).masked_fill(~scores.present, LEAST)
    rest_PK = reward_PK.flip(1).logcumsumexp(1).flip(1)
    return torch.where(scores.present, rest_PK - reward_PK, 0.0).sum(1)
