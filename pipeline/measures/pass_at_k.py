"""pass@k: how likely one of k samples is right (Chen et al. 2021, arXiv:2107.03374, equation 1)."""

from __future__ import annotations

from collections.abc import Sequence
from math import comb

from pipeline.measures.bootstrap import bootstrap_mean
from pipeline.measures.records import Estimate
from pipeline.types import Grade


def pass_at_k(n: int, c: int, k: int) -> float:
    """1 - C(n-c, k) / C(n, k): the share of all sets of k out of n samples that hold one of the c right ones.

    Counted in whole numbers and divided once. Raises ValueError unless 0 <= c <= n and 1 <= k <= n.
    """
    if not 0 <= c <= n or not 1 <= k <= n:
        raise ValueError(f"needs 0 <= c <= n and 1 <= k <= n, not n={n}, c={c}, k={k}")
    every = comb(n, k)
    return (every - comb(n - c, k)) / every


def pass_at(problems: Sequence[Sequence[Grade]], k: int) -> Estimate | None:
    """Mean of pass@k over problems, each with the grades of its samples; only `correct` counts as right.

    Problems with fewer than k samples, since requests failed, are left out; None where none has k.
    """
    values = [pass_at_k(len(grades), right(grades), k) for grades in problems if len(grades) >= k]
    return bootstrap_mean(values) if values else None


def right(grades: Sequence[Grade]) -> int:
    """How many are correct."""
    return sum(grade.verdict == "correct" for grade in grades)
