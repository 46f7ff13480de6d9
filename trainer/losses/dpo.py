"""Direct Preference Optimization, sigmoid form. Rafailov et al. 2023 (arXiv 2305.18290), equation 7."""

from __future__ import annotations

import torch
import torch.nn.functional as F


def dpo(
    policy_chosen_P: torch.Tensor,
    policy_rejected_P: torch.Tensor,
    reference_chosen_P: torch.Tensor,
    reference_rejected_P: torch.Tensor,
    *,
    beta: float,
) -> torch.Tensor:
    """Loss of each pair, shape [P]; arguments are summed completion log-probs in nats.

    -log σ(β (log π(y_w)/π_ref(y_w) - log π(y_l)/π_ref(y_l))); ln 2 where policy and reference agree.
    """
    margin_P = (policy_chosen_P - reference_chosen_P) - (policy_rejected_P - reference_rejected_P)
    return -F.logsigmoid(beta * margin_P)
