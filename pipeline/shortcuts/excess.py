"""The probes of all families: accuracy in the data, accuracy in the control, and what the one has beyond the other."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import get_args

import numpy as np
from numpy.typing import NDArray

from pipeline.shortcuts.features.base import Family
from pipeline.shortcuts.probes import Rows, scale_together, tell_apart
from pipeline.shortcuts.settings import AuditSettings
from pipeline.shortcuts.sides import Sides

FAMILIES: tuple[Family, ...] = get_args(Family)
Z = 1.959964
INFLATION = 1.6
"""Cross-validated accuracies vary more than their prompts do, since all prompts share what the probes learnt from;
intervals that leave this out are too short (Bates, Hastie and Tibshirani 2023). `benchmarks/audit_power.py` shows that
with this factor a nominal 5% test keeps its level."""
LEVEL = 0.05
FEWEST = 40
"""Prompts below which no probe is tried."""


@dataclass(frozen=True)
class Excess:
    """One family."""

    accuracy: float
    control: float | None
    excess: float
    half_width: float
    p_value: float
    p_swap: float
    null95: float

    @property
    def interval(self) -> tuple[float, float]:
        """95% bounds of the excess."""
        return self.excess - self.half_width, self.excess + self.half_width


def measure(sides: Sides, settings: AuditSettings, left_out: NDArray[np.bool_] | None = None) -> dict[Family, Excess]:
    """Probe all families that have a feature, without the features `left_out` (features)."""
    data, control = sides.compared()
    both = [data] if control is None else [data, control]
    families = np.array(sides.families)
    measured: dict[Family, Excess] = {}
    for family in FAMILIES:
        columns = np.flatnonzero((families == family) & (True if left_out is None else ~left_out))
        if len(columns):
            scaled = scale_together([side.difference[:, columns] for side in both], settings.columns)
            rows = [Rows(values, side.prompts) for values, side in zip(scaled, both, strict=True)]
            measured[family] = compare(rows, settings, paired=sides.shared is not None)
    return measured


def compare(both: list[Rows], settings: AuditSettings, *, paired: bool) -> Excess:
    """The probe of one family on the data and, if there is a second one, on the control.

    Both learn from equally many prompts. `paired`: prompt i is the same in both.
    """
    from scipy.stats import norm

    smallest = min(rows.count for rows in both)
    learnt = smallest - math.ceil(smallest / settings.folds)

    def tell(rows: Rows, permutations: int) -> NDArray[np.float64]:
        return tell_apart(
            rows,
            folds=settings.folds,
            repeats=settings.repeats,
            train_prompts=learnt,
            permutations=permutations,
            seed=settings.seed,
        )

    told = tell(both[0], settings.permutations)
    accuracies = told.mean(axis=0)
    accuracy, null = float(accuracies[0]), accuracies[1:]
    p_swap = float((1 + (null >= accuracy - 1e-12).sum()) / (1 + len(null)))
    null95 = float(np.quantile(null, 0.95))
    if len(both) == 1:
        error = INFLATION * standard_error(told[:, 0])
        return Excess(accuracy, None, accuracy - 0.5, Z * error, p_swap, p_swap, null95)
    other = tell(both[1], 0)[:, 0]
    both_ways = math.hypot(standard_error(told[:, 0]), standard_error(other))
    error = standard_error(told[:, 0] - other) if paired else both_ways
    error *= INFLATION
    excess = accuracy - float(other.mean())
    return Excess(accuracy, float(other.mean()), excess, Z * error, float(norm.sf(excess / error)), p_swap, null95)


def standard_error(shares: NDArray[np.float64]) -> float:
    """Standard error of a mean (prompts); at least half a prompt, since a probe that tells all proves little."""
    n = len(shares)
    return max(float(shares.std(ddof=1)) / math.sqrt(n), 0.5 / n)


def significant(measured: dict[Family, Excess]) -> list[Family]:
    """Families with an excess, at a family-wise level of 5% (Holm 1979)."""
    order = sorted(measured, key=lambda family: measured[family].p_value)
    found: list[Family] = []
    for number, family in enumerate(order):
        if measured[family].p_value > LEVEL / (len(order) - number):
            break
        found.append(family)
    return found
