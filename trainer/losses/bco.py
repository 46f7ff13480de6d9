"""Binary Classifier Optimization. Jung et al. 2024 (arXiv 2404.04656), equation 11. Takes unpaired data too."""

from __future__ import annotations

import torch
import torch.nn.functional as F

from trainer.losses.traits import Traits
from trainer.scores import Scores

TRAITS = Traits(coupled=True, single=True)


def bco(scores: Scores, *, beta: float = 0.1, centred: bool = True) -> torch.Tensor:
    """-log σ(r - δ) for desirable texts, -log σ(δ - r) for others, summed, [P]; r = β log-ratio.

    `centred`: δ is the mean of both kinds' mean rewards over the step, without gradient (the paper averages over
    steps, too); else 0. Of a pair, chosen is desirable and rejected is not.
    """
    reward_PK = beta * scores.ratio
    good_PK = torch.zeros_like(scores.present)
    good_PK[:, 0] = torch.where(scores.present.sum(1) == 1, scores.desirable_P, True)
    good_PK, bad_PK = good_PK & scores.present, ~good_PK & scores.present
    means = [reward_PK.detach()[kind].mean() for kind in (good_PK, bad_PK) if centred and kind.any()]
    shift = sum(means, torch.zeros_like(reward_PK[0, 0])) / max(len(means), 1)
    sign_PK = torch.where(good_PK, 1.0, -1.0)
    return -(F.logsigmoid(sign_PK * (reward_PK - shift)) * scores.present).sum(1)
