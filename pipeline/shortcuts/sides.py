"""Data and control, side by side: their counts and votes, and whether they can be compared prompt by prompt."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from pipeline.shortcuts.contrast import Contrast
from pipeline.shortcuts.features.base import Family
from pipeline.shortcuts.table import Vocabulary
from pipeline.shortcuts.votes import cast_votes, number_prompts
from pipeline.types import content_id

Numbers = NDArray[np.intp]
FEWEST_SHARED = 50
"""Shared prompts below which data and control are compared as two samples."""
SHARE = 0.5
"""And their least share of the smaller side's prompts."""


@dataclass(frozen=True)
class Side:
    """One data set, counted."""

    contrasts: Sequence[Contrast]
    difference: Any
    """pairs x features, sparse: how much more of it the chosen text has."""
    prompts: Numbers
    """Of each pair: the number of its prompt, from 0, without gaps."""
    keys: list[str]
    """The prompts, in the order of their numbers."""
    votes: Any
    """prompts x features, sparse."""

    @classmethod
    def count(cls, contrasts: Sequence[Contrast], vocabulary: Vocabulary) -> Side:
        """Count the features of all pairs, and cast the votes."""
        difference = vocabulary.table(contrasts).difference
        prompts, keys = number_prompts([contrast.prompt for contrast in contrasts])
        return cls(contrasts, difference, prompts, keys, cast_votes(difference, prompts))

    def carrying(self, column: int, more_in: Literal["chosen", "rejected"]) -> NDArray[np.bool_]:
        """The pairs (all) of which that text has more of a feature."""
        more = self.difference[:, [column]] * (1 if more_in == "chosen" else -1) > 0
        carrying: NDArray[np.bool_] = np.asarray(more.sum(axis=1)).ravel() > 0
        return carrying

    def take(self, prompts: Numbers) -> Side:
        """The pairs of some prompts, which keep their order."""
        place = np.full(len(self.keys), -1, dtype=np.intp)
        place[prompts] = np.arange(len(prompts))
        pairs = np.flatnonzero(place[self.prompts] >= 0)
        contrasts = [self.contrasts[int(i)] for i in pairs]
        keys = [self.keys[i] for i in prompts]
        return Side(
            contrasts, self.difference[pairs], place[self.prompts[pairs]], keys, self.votes.tocsr()[prompts].tocsc()
        )

    def rewrite(self, contrasts: Sequence[Contrast], vocabulary: Vocabulary) -> Side:
        """The same pairs with other texts; only those that changed are counted again."""
        from scipy.sparse import vstack

        changed = [i for i, (old, new) in enumerate(zip(self.contrasts, contrasts, strict=True)) if old != new]
        if not changed:
            return self
        kept = np.setdiff1d(np.arange(len(contrasts)), changed)
        counted = vocabulary.table([contrasts[i] for i in changed]).difference
        stacked = vstack([self.difference[kept], counted]).tocsr()
        difference = stacked[np.argsort(np.concatenate([kept, changed]), kind="stable")]
        return replace(self, contrasts=contrasts, difference=difference, votes=cast_votes(difference, self.prompts))


@dataclass(frozen=True)
class Sides:
    """The data and, where there is one, the control."""

    vocabulary: Vocabulary
    kinds: list[str]
    """Of the features, in the order of the vocabulary."""
    families: list[Family]
    data: Side
    control: Side | None
    shared: tuple[Numbers, Numbers] | None
    """Where data and control are compared prompt by prompt: the numbers of the shared prompts in each."""

    @classmethod
    def count(cls, data: Sequence[Contrast], control: Sequence[Contrast], vocabulary: Vocabulary) -> Sides:
        """Count both; an empty control is none."""
        first = Side.count(data, vocabulary)
        second = Side.count(control, vocabulary) if control else None
        shared = None if second is None else match(first.keys, second.keys)
        columns = vocabulary.table([])
        return cls(vocabulary, columns.kinds, columns.families, first, second, shared)

    def sample(self, most: int, seed: int, *, shared_first: bool) -> Sides:
        """At most so many prompts of each side, drawn without a look at the texts; shared ones first, or any."""
        if max(len(self.data.keys), len(self.control.keys) if self.control else 0) <= most:
            return self
        both = set(self.data.keys) & set(self.control.keys if self.control and shared_first else ())
        drawn = [
            side and side.take(np.array(_draw(side.keys, both, most, seed), dtype=np.intp))
            for side in (self.data, self.control)
        ]
        assert drawn[0] is not None
        shared = match(drawn[0].keys, drawn[1].keys) if drawn[1] and self.shared is not None else None
        return replace(self, data=drawn[0], control=drawn[1], shared=shared)

    def rewrite(self, data: Sequence[Contrast], control: Sequence[Contrast]) -> Sides:
        """The same pairs with other texts."""
        second = self.control and self.control.rewrite(control, self.vocabulary)
        return replace(self, data=self.data.rewrite(data, self.vocabulary), control=second)

    def compared(self) -> tuple[Side, Side | None]:
        """What is compared with what: the shared prompts of both, in one order, or all."""
        if self.shared is None or self.control is None:
            return self.data, self.control
        return self.data.take(self.shared[0]), self.control.take(self.shared[1])


def match(data: Sequence[str], control: Sequence[str]) -> tuple[Numbers, Numbers] | None:
    """The numbers of the prompts that both have, in one order; None where these are too few to rest on."""
    places = {key: number for number, key in enumerate(control)}
    shared = [(number, places[key]) for number, key in enumerate(data) if key in places]
    if len(shared) < max(FEWEST_SHARED, SHARE * min(len(data), len(control))):
        return None
    first, second = zip(*shared, strict=True)
    return np.array(first, dtype=np.intp), np.array(second, dtype=np.intp)


def _draw(keys: Sequence[str], first: set[str], most: int, seed: int) -> list[int]:
    order = sorted(range(len(keys)), key=lambda i: (keys[i] not in first, content_id("audit", seed, keys[i])))
    return sorted(order[:most])
