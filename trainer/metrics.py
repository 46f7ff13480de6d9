"""What the log shows: TRL's names, and how far the policy has moved from the reference.

Shape suffixes as in scores.py.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

import torch

from trainer.data import Example
from trainer.scores import Scores

Sums = dict[str, tuple[float, float]]
"""By name, a sum and a count; the mean is what is shown."""
BUCKETS = 4


@torch.no_grad()
def preference_metrics(
    scores: Scores, beta: float, edges: Sequence[int] = (), *, sides: bool = True
) -> dict[str, torch.Tensor]:
    """Vectors whose means are shown.

    Rewards are β (log π - log π_ref), or β log π without a reference. `edges` are lengths of the longer side that part
    pairs into buckets. `sides=False`: log-probs of single sides are incomplete, so only margins are told.
    """
    paired_P = scores.present.sum(1) > 1
    last_P = scores.present.sum(1) - 1
    first, last = scores.policy[:, 0], scores.policy.gather(1, last_P[:, None]).squeeze(1)
    good, bad = paired_P | scores.desirable_P, paired_P | ~scores.desirable_P
    value_PK = scores.policy if scores.reference_N is None else scores.ratio
    reward_P, other_P = beta * value_PK[:, 0], beta * value_PK.gather(1, last_P[:, None]).squeeze(1)
    margin_P = (reward_P - other_P)[paired_P]
    shown = {"rewards/margins": margin_P, "rewards/accuracies": (margin_P > 0).float()}
    longest_P = scores.lengths.max(1).values[paired_P]
    for low, high in zip((0, *edges), (*edges, None), strict=True) if edges else ():
        inside = (longest_P > low) & (longest_P <= high) if high else longest_P > low
        shown[f"margins/tokens_{low + 1}-{high or ''}"] = margin_P[inside]
    if sides:
        shown |= {"rewards/chosen": reward_P[good], "rewards/rejected": other_P[bad]}
        shown |= {"logps/chosen": first[good], "logps/rejected": last[bad]}
        if scores.reference_N is not None:
            change_P = scores.ratio[:, 0][good]
            log_ratio_N = scores.reference_N - scores.policy_N
            shown["logps/chosen_change"] = change_P
            shown["displacement"] = (change_P < 0).float()
            shown["kl"] = torch.expm1(log_ratio_N) - log_ratio_N  # k3 of Schulman 2020, on the data's tokens
    return shown


def text_metrics(scores: Scores) -> dict[str, torch.Tensor]:
    """For supervised training: the NLL of each token, in nats."""
    return {"nll": -scores.policy_N.detach()}


def length_edges(examples: Iterable[Example]) -> list[int]:
    """Quartiles of the longer side's tokens, to tell margins by length."""
    lengths = sorted(max(map(len, example.completions)) for example in examples)
    return sorted({lengths[len(lengths) * i // BUCKETS] for i in range(1, BUCKETS)} - {lengths[-1]})


class MetricBuffer:
    """Collects sums and counts between two lines of the log."""

    def __init__(self) -> None:
        self._sums: defaultdict[str, list[float]] = defaultdict(lambda: [0.0, 0.0])

    def add(self, vectors: Mapping[str, torch.Tensor]) -> None:
        """Add all elements of each vector."""
        for name, vector in vectors.items():
            if vector.numel():
                self._sums[name][0] += float(vector.double().sum())
                self._sums[name][1] += vector.numel()

    def drain(self) -> Sums:
        """What was added since the last call."""
        sums = {name: (total, count) for name, (total, count) in self._sums.items()}
        self._sums.clear()
        return sums


def merge_means(parts: Iterable[Sums]) -> dict[str, float]:
    """Means over what several ranks collected."""
    totals: defaultdict[str, list[float]] = defaultdict(lambda: [0.0, 0.0])
    for part in parts:
        for name, (total, count) in part.items():
            totals[name][0] += total
            totals[name][1] += count
    return {name: total / count for name, (total, count) in totals.items()}
