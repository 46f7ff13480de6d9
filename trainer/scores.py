"""What a loss sees: log-probs of a policy and its reference for some examples' completions.

Shape suffixes: S texts, N their completion tokens one text after another, P examples, K completions of an example.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any

import torch

from trainer.batch import MicroBatch, TextIndex


@dataclass(frozen=True, kw_only=True)
class Scores(TextIndex):
    """Per-token log-probs in nats with the index of who owns them, and the sums that most losses need."""

    policy_N: torch.Tensor
    reference_N: torch.Tensor | None
    """None for losses without a reference."""
    kl_N: torch.Tensor | None = None
    """KL(reference ‖ policy) over the whole vocabulary at each token, for losses that ask for it."""
    confidence_N: torch.Tensor | None = None
    """log Σ_v p(v)² of the policy at each token, without gradient, for losses that ask for it."""

    def text_sums(self, values_N: torch.Tensor) -> torch.Tensor:
        """Sum over each text's tokens, [S]."""
        return values_N.new_zeros(len(self.length_S)).index_add(0, self.text_N, values_N)

    def by_example(self, values_S: torch.Tensor) -> torch.Tensor:
        """[S] -> [P, K]; 0 where an example has fewer than K texts."""
        places = self.texts_PK.clamp(min=0)
        return values_S.index_select(0, places.flatten()).view_as(places) * self.present

    @cached_property
    def present(self) -> torch.Tensor:
        """[P, K]: whether an example has that text."""
        return self.texts_PK >= 0

    @cached_property
    def policy(self) -> torch.Tensor:
        """Summed log-prob of each completion, [P, K]."""
        return self.by_example(self.text_sums(self.policy_N))

    @cached_property
    def ratio_S(self) -> torch.Tensor:
        """log π(y)/π_ref(y) of each text, [S]."""
        return self.text_sums(self.policy_N - self._reference_N)

    @cached_property
    def ratio(self) -> torch.Tensor:
        """log π(y)/π_ref(y) of each completion, [P, K]."""
        return self.by_example(self.ratio_S)

    @cached_property
    def reference(self) -> torch.Tensor:
        """Summed reference log-prob of each completion, [P, K]."""
        return self.by_example(self.text_sums(self._reference_N))

    @cached_property
    def lengths(self) -> torch.Tensor:
        """Tokens of each completion, end token included, [P, K]; 0 where there is none."""
        return self.by_example(self.length_S)

    @property
    def ratio_margin(self) -> torch.Tensor:
        """log π(y_w)/π_ref(y_w) - log π(y_l)/π_ref(y_l), [P]."""
        return self.ratio[:, 0] - self.ratio[:, 1]

    @property
    def policy_margin(self) -> torch.Tensor:
        """log π(y_w) - log π(y_l), [P]."""
        return self.policy[:, 0] - self.policy[:, 1]

    @cached_property
    def position_N(self) -> torch.Tensor:
        """Place of each token in its completion, from 0; right where no shared tokens were skipped."""
        ends_S = torch.cumsum(torch.bincount(self.text_N, minlength=len(self.length_S)), 0)
        starts_S = torch.cat([ends_S.new_zeros(1), ends_S[:-1]])
        return torch.arange(len(self.text_N), device=self.text_N.device) - starts_S[self.text_N]

    @property
    def _reference_N(self) -> torch.Tensor:
        if self.reference_N is None:
            raise ValueError("this loss needs reference log-probs")
        return self.reference_N


def make_scores(batch: MicroBatch, made: Mapping[str, torch.Tensor], reference_N: torch.Tensor | None = None) -> Scores:
    """Scores of what the model made of a batch (head.py); the reference is the batch's own where none is given."""
    return Scores(
        **{f.name: getattr(batch, f.name) for f in fields(TextIndex)},
        policy_N=batch.spread(made["logps_U"]),
        reference_N=batch.reference_N if reference_N is None else reference_N,
        kl_N=batch.spread(made["kl_U"]) if "kl_U" in made else None,
        confidence_N=batch.spread(made["confidence_U"]) if "confidence_U" in made else None,
    )


def join_scores(parts: Sequence[Scores]) -> Scores:
    """The scores of several micro-batches as those of one, without gradients; texts are numbered on."""
    width = max(part.texts_PK.shape[1] for part in parts)
    first, texts, owners, mismatched = 0, [], [], []
    for part in parts:
        grid = part.texts_PK.new_full((len(part.texts_PK), width), -1)
        grid[:, : part.texts_PK.shape[1]] = torch.where(part.present, part.texts_PK + first, -1)
        texts.append(grid)
        owners.append(part.text_N + first)
        mismatched.append(torch.where(part.mismatched_P >= 0, part.mismatched_P + first, -1))
        first += len(part.length_S)

    moved = {"text_N": owners, "texts_PK": texts, "mismatched_P": mismatched}  # they hold numbers of texts
    plain = {
        f.name: [getattr(part, f.name).detach() for part in parts]
        for f in fields(Scores)
        if f.name not in moved and getattr(parts[0], f.name) is not None
    }
    absent: dict[str, Any] = {"reference_N": None}
    return Scores(**absent | {name: torch.cat(values) for name, values in (plain | moved).items()})
