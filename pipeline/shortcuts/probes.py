"""Probes: how often the chosen text can be told from the rejected one by a family of features, without the prompt.

A ridge regression on difference features, chosen - rejected, onto +1, without intercept: swapping the two texts of a
pair flips both the row and the target, so a permutation changes targets alone, and all of them are solved at once.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Numbers = NDArray[np.intp]
RIDGE = 1.0
"""Strength of the penalty, for rows with a mean squared norm of 1."""


@dataclass(frozen=True)
class Rows:
    """Difference features of one family in one data set."""

    values: NDArray[np.float32]
    """pairs x features"""
    prompts: Numbers
    """Of each pair: the number of its prompt, from 0, without gaps."""

    @property
    def count(self) -> int:
        """Prompts."""
        return int(self.prompts.max()) + 1 if len(self.prompts) else 0

    def weights(self) -> Array:
        """Of each pair, such that all prompts weigh 1."""
        weights: Array = 1.0 / np.bincount(self.prompts)[self.prompts]
        return weights


def scale_together(tables: list[Any], most: int) -> list[NDArray[np.float32]]:
    """Counts to rows: sign(x) log(1 + |x|), the `most` columns that differ in most pairs, columns on a common scale.

    `tables` (pairs x features, sparse) share their columns. Nothing here depends on which text was chosen.
    """
    used = np.sum([np.asarray((table != 0).sum(axis=0)).ravel() for table in tables], axis=0)
    kept = np.sort(np.argsort(-used, kind="stable")[:most])
    kept = kept[used[kept] > 0]
    dense = [table[:, kept].toarray().astype(np.float32) for table in tables]
    dense = [np.sign(rows) * np.log1p(np.abs(rows)) for rows in dense]
    total = sum(len(rows) for rows in dense)
    size = np.sqrt(sum((rows.astype(np.float64) ** 2).sum(axis=0) for rows in dense) / max(1, total))
    dense = [
        rows / np.sqrt(size, dtype=np.float32) for rows in dense
    ]  # rare columns gain, but less than by full scaling
    norm = sum(float((rows.astype(np.float64) ** 2).sum()) for rows in dense) / max(1, total)
    return [np.asarray(rows / np.sqrt(norm or 1.0), dtype=np.float32) for rows in dense]


def tell_apart(
    rows: Rows, *, folds: int, repeats: int, train_prompts: int, permutations: int = 0, seed: int = 0
) -> Array:
    """How often a probe that has not seen a prompt tells the chosen text of its pairs.

    Returns (prompts x 1 + permutations): the share of the prompt's pairs that are told, 0.5 for a tie, mean over
    `repeats` of cross-validation with `folds` folds of prompts; in the first column for the data as they are, in each
    further one with the two texts swapped for a random half of the prompts. Probes learn from at most `train_prompts`
    prompts, so that two data sets of unequal size can be compared.
    """
    rng = np.random.default_rng(seed)
    swaps = np.ones((rows.count, 1 + permutations))
    own = np.random.default_rng([seed, 1])  # so that folds do not depend on the number of permutations
    swaps[:, 1:] = own.choice([-1.0, 1.0], (rows.count, permutations))
    signs = swaps[rows.prompts]
    weights = rows.weights()
    told = np.zeros_like(signs)
    for _ in range(repeats):
        for test, train in _split(rows, folds, train_prompts, rng):
            scores = _fit(rows.values[train], signs[train], weights[train], rows.values[test]) * signs[test]
            told[test] += (scores > 1e-9) + 0.5 * (np.abs(scores) <= 1e-9)
    told *= weights[:, None] / repeats
    result = np.zeros_like(swaps)
    np.add.at(result, rows.prompts, told)
    return result


def score_pairs(rows: Rows, *, folds: int, repeats: int, train_prompts: int, seed: int = 0) -> Array:
    """Out-of-fold scores of all pairs (pairs), mean over repeats; above 0 where the chosen text is told."""
    rng = np.random.default_rng(seed)
    weights, ones = rows.weights(), np.ones((len(rows.prompts), 1))
    scores = np.zeros(len(rows.prompts))
    for _ in range(repeats):
        for test, train in _split(rows, folds, train_prompts, rng):
            scores[test] += _fit(rows.values[train], ones[train], weights[train], rows.values[test])[:, 0]
    return scores / repeats


def score_others(rows: Rows, others: NDArray[np.float32]) -> Array:
    """Scores of other pairs, of other prompts, by a probe that has learnt from all of `rows`."""
    return _fit(rows.values, np.ones((len(rows.prompts), 1)), rows.weights(), others)[:, 0]


def _split(rows: Rows, folds: int, train_prompts: int, rng: np.random.Generator) -> Iterator[tuple[Numbers, Numbers]]:
    """Pairs to test on and pairs to learn from, of different prompts."""
    order = rng.permutation(rows.count)
    for fold in range(folds):
        tested = np.zeros(rows.count, dtype=bool)
        tested[order[fold::folds]] = True
        learnt = np.zeros(rows.count, dtype=bool)
        learnt[rng.permutation(np.flatnonzero(~tested))[:train_prompts]] = True
        yield np.flatnonzero(tested[rows.prompts]), np.flatnonzero(learnt[rows.prompts])


def _fit(learn: NDArray[np.float32], signs: Array, weights: Array, test: NDArray[np.float32]) -> Array:
    """Scores of the test rows (test x permutations) by the ridge regression on the rows to learn from.

    Solved over features or over rows, whichever are fewer: (X'WX + r) b = X'Ws, or (XX' + r/W) a = s with b = X'a.
    """
    from scipy.linalg import solve
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1, "blas"):  # small systems; on busy cores its threads wait for each other
        x, t = learn.astype(np.float64), test.astype(np.float64)
        if x.shape[1] <= x.shape[0]:
            weighted = x * weights[:, None]
            gram = x.T @ weighted
            gram[np.diag_indices_from(gram)] += RIDGE
            scores: Array = t @ solve(gram, weighted.T @ signs, assume_a="pos")
            return scores
        kernel = x @ x.T
        kernel[np.diag_indices_from(kernel)] += RIDGE / weights
        scores = t @ (x.T @ solve(kernel, signs, assume_a="pos"))
        return scores
