"""Preference losses: one small pure function a file, called like the file, with its TRAITS beside it.

A loss takes `Scores` and keyword options with defaults, and returns the loss of each example, [P]. docs/losses.md has
the table of them. To add one, add a file.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from difflib import get_close_matches
from typing import Any

import torch

from trainer.losses.traits import Traits
from trainer.scores import Scores

Loss = Callable[..., torch.Tensor]
TRL_NAMES = {
    "sigmoid": "dpo",
    "sigmoid_norm": "dpo_norm",
    "exo_pair": "exo",
    "nca_pair": "nca",
    "bco_pair": "bco",
    "sppo_hard": "sppo",
}
"""TRL's names for losses that have another one here."""


def available_losses() -> list[str]:
    """Names of all losses."""
    return sorted(m.name for m in pkgutil.iter_modules(__path__) if m.name != "traits")


def load_loss(name: str) -> tuple[Loss, Traits]:
    """The function called `name`, or by TRL's name for it. Raises ValueError for a name that there is not."""
    name = TRL_NAMES.get(name, name)
    if name not in available_losses():
        near = get_close_matches(name, available_losses(), 1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise ValueError(f"unknown loss {name!r}{hint} Available: {', '.join(available_losses())}")
    module = importlib.import_module(f"trainer.losses.{name}")
    return getattr(module, name), module.TRAITS


@dataclass(frozen=True)
class Part:
    """One loss of a mixture."""

    name: str
    loss: Loss
    options: Mapping[str, Any]
    weight: float


class Objective:
    """A weighted sum of losses, each with its options.

    `beta` and `label_smoothing`, where given, go to every loss that has such an option; `options` maps a loss's name to
    options for it alone. Raises ValueError for names, options or weights that no loss takes.
    """

    def __init__(
        self,
        names: Sequence[str],
        weights: Sequence[float] | None = None,
        options: Mapping[str, Mapping[str, Any]] | None = None,
        **shared: float | None,
    ) -> None:
        weights = [1.0] * len(names) if weights is None else weights
        if not names or len(weights) != len(names):
            raise ValueError(f"loss_weights has {len(weights)} numbers for {len(names)} losses")
        options = options or {}
        if strange := set(options) - set(names):
            raise ValueError(f"loss_options: {sorted(strange)[0]!r} is not among the losses {list(names)}")
        self.parts: list[Part] = []
        traits, taken = [], set()
        for name, weight in zip(names, weights, strict=True):
            loss, trait = load_loss(name)
            known = list(inspect.signature(loss).parameters)[1:]
            own = dict(options.get(name, {}))
            if strange := set(own) - set(known):
                raise ValueError(f"loss_options.{name}: unknown option {sorted(strange)[0]!r}; {name} takes {known}")
            given = {n: v for n, v in shared.items() if v is not None and n in known}
            taken |= set(given)
            self.parts.append(Part(name, loss, {**given, **own}, weight))
            traits.append(trait)
        if ignored := {n for n, v in shared.items() if v} - taken:
            raise ValueError(f"{sorted(ignored)[0]} is set, but none of the losses {list(names)} takes it")
        either = {f.name: any(getattr(t, f.name) for t in traits) for f in fields(Traits)}
        every = {n: all(getattr(t, n) for t in traits) for n in ("margin_only", "single", "ranked")}
        self.traits = Traits(**{**either, **every})

    @property
    def beta(self) -> float:
        """The scale of rewards in the log: the first beta among the losses, 1 where none has one."""
        for part in self.parts:
            signature = inspect.signature(part.loss).parameters
            if "beta" in signature:
                return float(part.options.get("beta", signature["beta"].default))
        return 1.0

    def __call__(self, scores: Scores) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        """The weighted loss of each example times the example's own weight, [P], and each part's bare losses."""
        parts = {part.name: part.loss(scores, **part.options) for part in self.parts}
        total_P = sum((part.weight * parts[part.name] for part in self.parts), torch.zeros(()))
        return total_P * scores.weight_P, {name: loss.detach() for name, loss in parts.items()}
