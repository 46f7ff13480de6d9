"""95% intervals by the percentile bootstrap (Efron 1979) over problems, which are drawn anew with replacement."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from pipeline.measures.records import Estimate

Floats = npt.NDArray[np.float64]
DRAWS = 2000
_AT_ONCE = 1 << 20
"""Numbers drawn at once, which bounds the memory."""


def bootstrap_mean(values: Sequence[float], *, draws: int = DRAWS, seed: int = 0) -> Estimate:
    """Mean of one value a problem; for a paired difference, give the differences.

    With equal `seed` and number of problems, the same problems are drawn. Raises ValueError where there are no values,
    or one is not finite.
    """
    values_N = _read(values, "values")
    means_D = _resample(values_N[None], draws, seed)[0] / len(values_N)
    return _estimate(float(values_N.mean()), means_D)


def bootstrap_ratio(
    numerators: Sequence[float], denominators: Sequence[float], *, draws: int = DRAWS, seed: int = 0
) -> Estimate:
    """Sum of `numerators` over sum of `denominators`, one of each a problem and drawn together.

    This is a mean over tokens (sums of a value, numbers of tokens) whose tokens come problem by problem. Draws whose
    denominators are all 0 are left out. Raises ValueError where there are no values, one is not finite, a denominator
    is negative, or all of them are 0.
    """
    above_N, below_N = _read(numerators, "numerators"), _read(denominators, "denominators")
    if len(above_N) != len(below_N):
        raise ValueError(f"{len(above_N)} numerators, but {len(below_N)} denominators")
    if below_N.min() < 0 or below_N.max() == 0:
        raise ValueError("denominators must not be negative, nor all 0")
    above_D, below_D = _resample(np.stack([above_N, below_N]), draws, seed)
    told = below_D > 0
    return _estimate(float(above_N.sum() / below_N.sum()), above_D[told] / below_D[told])


def _read(values: Sequence[float], name: str) -> Floats:
    values_N = np.asarray(values, np.float64)
    if values_N.ndim != 1 or not len(values_N):
        raise ValueError(f"{name}: there are none")
    if not np.isfinite(values_N).all():
        at = int(np.isfinite(values_N).argmin())
        raise ValueError(f"{name}[{at}] is {values_N[at]}")
    return values_N


def _resample(columns_CN: Floats, draws: int, seed: int) -> Floats:
    """Sums of each column over `draws` draws of N places: C x D."""
    rng, n = np.random.default_rng(seed), columns_CN.shape[1]
    block = max(1, _AT_ONCE // n)
    parts = []
    for start in range(0, draws, block):
        places_DN = rng.integers(n, size=(min(block, draws - start), n))
        parts.append(np.stack([column_N[places_DN].sum(axis=1) for column_N in columns_CN]))
    return np.concatenate(parts, axis=1)


def _estimate(value: float, drawn_D: Floats) -> Estimate:
    low, high = np.quantile(drawn_D, [0.025, 0.975])
    return Estimate(value=round_off(value), interval=(round_off(float(low)), round_off(float(high))))


def round_off(value: float) -> float:
    """Four digits behind the point; below 0.01, three significant ones. Less than 5e-13 is rounding noise: 0."""
    rounded = round(value, 4) if abs(value) >= 0.01 else round(float(f"{value:.3g}"), 12)
    return rounded + 0.0  # no -0.0
