"""Which process computes what of a step: equal work for all of them.

The plan is a pure function of the step's examples, so every process makes the same one and takes its own part.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from trainer.packing import Block, Plan, Unit

Weigh = Callable[[Block], float]
"""The work that a block is, in any measure."""
Split = Callable[[Unit], list[Unit]]
"""Cuts a unit in two, where it can be cut."""
CUTS = 2
"""Tries to cut, for each process."""
ENOUGH = 0.02
"""Share of the time for which processes may wait on average; for more, tries are split."""


def share_out(
    units: Sequence[Unit],
    ranks: int,
    fill: Callable[[Sequence[Unit]], list[Plan]],
    *,
    weigh: Weigh = len,
    split: Split | None = None,
    lockstep: bool = True,
) -> list[list[Plan]]:
    """The micro-batches of each process, which `fill` makes of its units.

    Nobody is left without one: whoever has nothing to do computes a ghost, of which nothing counts. In `lockstep`
    (FSDP2, whose every pass is a common effort) all have equally many.
    """
    parts = balance(units, ranks, weigh, split)
    plans = [fill(part) for part in parts]
    longest = max(map(len, plans)) if lockstep else 1
    ghost = replace(fill([min(units, key=lambda unit: sum(map(weigh, unit)))])[0], ghost=True)
    return [[*own, *[ghost] * (longest - len(own))] for own in plans]


def balance(units: Sequence[Unit], ranks: int, weigh: Weigh, split: Split | None = None) -> list[list[Unit]]:
    """The units of each process, so that the one with the most work has as little as can be found.

    Where few units are heavy, the heaviest one of the process with the most work is cut in two, as long as it helps:
    what both parts hold is computed twice, so a cut costs work, and the best of all that were tried is taken.
    """
    weighed = [(unit, sum(map(weigh, unit))) for unit in units]
    mean = sum(weight for _, weight in weighed) / ranks
    best, best_load = None, float("inf")
    for _ in range(1 + CUTS * ranks):
        parts, loads = _give(weighed, ranks)
        most = max(loads)
        if most < best_load:
            best, best_load = parts, most
        if split is None or most <= mean / (1 - ENOUGH):
            break
        for unit in parts[loads.index(most)]:  # the heaviest comes first
            pieces = split(unit)
            if len(pieces) > 1:
                break
        else:
            break
        weighed = [one for one in weighed if one[0] is not unit]
        weighed += [(piece, sum(map(weigh, piece))) for piece in pieces]
    assert best is not None
    return best


def _give(weighed: Sequence[tuple[Unit, float]], ranks: int) -> tuple[list[list[Unit]], list[float]]:
    """Units to processes, the heaviest first, each to whoever has least; and the loads."""
    parts: list[list[Unit]] = [[] for _ in range(ranks)]
    loads = [0.0] * ranks
    for unit, weight in sorted(weighed, key=lambda one: -one[1]):
        rank = loads.index(min(loads))
        parts[rank].append(unit)
        loads[rank] += weight
    return parts, loads
