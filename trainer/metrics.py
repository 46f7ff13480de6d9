"""What the log shows, under the names that TRL uses."""

from __future__ import annotations

from collections import defaultdict

import torch


def preference_metrics(policy_P2: torch.Tensor, reference_P2: torch.Tensor, beta: float) -> dict[str, float]:
    """Rewards β(log π − log π_ref) and log-probs of chosen (column 0) and rejected (column 1), means over the pairs."""
    rewards_P2 = beta * (policy_P2.detach() - reference_P2)
    margins_P = rewards_P2[:, 0] - rewards_P2[:, 1]
    return {
        "rewards/chosen": rewards_P2[:, 0].mean().item(),
        "rewards/rejected": rewards_P2[:, 1].mean().item(),
        "rewards/margins": margins_P.mean().item(),
        "rewards/accuracies": (margins_P > 0).float().mean().item(),
        "logps/chosen": policy_P2[:, 0].mean().item(),
        "logps/rejected": policy_P2[:, 1].mean().item(),
    }


class MetricBuffer:
    """Collects metrics between two lines of the log; each micro-batch counts by its pairs."""

    def __init__(self) -> None:
        self._sums: defaultdict[str, float] = defaultdict(float)
        self._pairs = 0

    def add(self, metrics: dict[str, float], pairs: int) -> None:
        """Add the means over `pairs` pairs."""
        self._pairs += pairs
        for name, value in metrics.items():
            self._sums[name] += value * pairs

    def drain(self) -> dict[str, float]:
        """The means since the last call."""
        means = {name: total / self._pairs for name, total in self._sums.items()}
        self._sums.clear()
        self._pairs = 0
        return means
