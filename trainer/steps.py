"""Which examples make a step, and a loader whose items are whole steps of one rank."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from torch.utils.data import DataLoader, Sampler

from trainer.balance import Weigh, share_out
from trainer.batch import make_batch
from trainer.data import Example
from trainer.layouts import Layout
from trainer.packing import Plan, split_unit

Step = dict[str, Any]
"""`batches`: this rank's micro-batches; `pairs`: examples of the step over all ranks."""


class StepSampler(Sampler[list[int]]):
    """Cuts an order of the examples into steps; the order is drawn anew for each epoch, from the seed and the epoch."""

    def __init__(
        self, examples: Sequence[Example], size: int, *, seed: int, shuffle: bool, group: bool, drop_last: bool = False
    ) -> None:
        self._prompts = [example.prompt for example in examples]
        self._size, self._seed, self._shuffle, self._group = size, seed, shuffle, group
        self._drop_last = drop_last
        self._epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Draw the order of this epoch from now on."""
        self._epoch = epoch

    def order(self) -> list[int]:
        """All examples, those of one prompt together where that is wanted."""
        count = len(self._prompts)
        drawn = np.random.default_rng([self._seed, self._epoch]).permutation(count).tolist()
        order = drawn if self._shuffle else list(range(count))
        if not self._group:
            return order
        groups: dict[tuple[int, ...], list[int]] = {}
        for i in order:
            groups.setdefault(self._prompts[i], []).append(i)
        return [i for group in groups.values() for i in group]

    def __iter__(self) -> Iterator[list[int]]:
        order = self.order()
        for step in range(len(self)):
            yield order[step * self._size : (step + 1) * self._size]

    def __len__(self) -> int:
        count = len(self._prompts)
        return count // self._size if self._drop_last and count >= self._size else -(-count // self._size)


@dataclass(frozen=True)
class StepMaker:
    """Examples of a step -> this rank's micro-batches; every rank plans the same and takes its part."""

    layout: Layout
    pad: int
    budget: int
    rank: int = 0
    ranks: int = 1
    skip_shared: bool = False
    weigh: Weigh = len
    lockstep: bool = True
    """Whether all ranks have to run equally many micro-batches."""

    def plan(self, examples: Sequence[Example]) -> list[list[Plan]]:
        """The micro-batches of each rank."""
        return share_out(
            self.layout.units(examples, self.budget),
            self.ranks,
            lambda units: self.layout.fill(units, self.budget),
            weigh=self.weigh,
            split=partial(split_unit, examples=examples),
            lockstep=self.lockstep,
        )

    def __call__(self, examples: Sequence[Example]) -> Step:
        batches = [
            make_batch(plan, examples, self.pad, multiple=self.layout.multiple, skip_shared=self.skip_shared)
            for plan in self.plan(examples)[self.rank]
        ]
        return {"batches": batches, "pairs": len(examples)}


class StepLoader(DataLoader[Any]):
    """A loader that the library's loop tells the epoch."""

    def __init__(self, examples: Sequence[Example], sampler: StepSampler, make: Callable[..., Step], **options: Any):
        super().__init__(examples, batch_sampler=sampler, collate_fn=make, **options)  # type: ignore[arg-type]

    def set_epoch(self, epoch: int) -> None:
        """Passed on to the sampler."""
        assert isinstance(self.batch_sampler, StepSampler)
        self.batch_sampler.set_epoch(epoch)
