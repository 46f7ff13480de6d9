"""One vote a prompt: which of its texts have more of a feature. Pairs of one prompt are not independent, votes are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

PRIOR = 0.5
"""Votes that each side has before any is counted: the Dirichlet prior of the log-odds."""


def number_prompts(keys: Sequence[str]) -> tuple[NDArray[np.intp], list[str]]:
    """The prompt of each pair as a number from 0, and the keys in the order of these numbers."""
    order = {key: number for number, key in enumerate(dict.fromkeys(keys))}
    return np.array([order[key] for key in keys], dtype=np.intp), list(order)


def cast_votes(difference: Any, prompts: NDArray[np.intp]) -> Any:
    """The votes of all prompts on all features.

    `difference` (pairs x features, sparse): how much more of a feature the chosen text has; `prompts` (pairs): their
    numbers. Returns a sparse matrix (prompts x features) of +1 (most pairs have more in chosen), -1 and 0.
    """
    from scipy.sparse import csr_matrix

    count = int(prompts.max()) + 1 if len(prompts) else 0
    rows = np.arange(len(prompts))
    belongs = csr_matrix((np.ones(len(prompts), dtype=np.float32), (prompts, rows)), (count, len(prompts)))
    votes = (belongs @ difference.sign()).sign().tocsc()
    votes.eliminate_zeros()
    return votes


@dataclass(frozen=True)
class Counts:
    """Votes by feature."""

    plus: NDArray[np.int64]
    """Prompts whose chosen texts have more of it."""
    minus: NDArray[np.int64]
    prompts: int

    @property
    def mean(self) -> NDArray[np.float64]:
        """The mean vote, from -1 to 1."""
        mean: NDArray[np.float64] = (self.plus - self.minus) / max(1, self.prompts)
        return mean

    def log_odds(self, prior: float = PRIOR) -> NDArray[np.float64]:
        """Log-odds of the votes under a symmetric Dirichlet prior (Monroe et al. 2008, eq. 15, for two outcomes)."""
        odds: NDArray[np.float64] = np.log((self.plus + prior) / (self.minus + prior))
        return odds


def count_votes(votes: Any) -> Counts:
    """Count a matrix of votes."""
    plus = np.asarray((votes > 0).sum(axis=0)).ravel().astype(np.int64)
    minus = np.asarray((votes < 0).sum(axis=0)).ravel().astype(np.int64)
    return Counts(plus, minus, votes.shape[0])


def sign_test(plus: NDArray[np.int64], minus: NDArray[np.int64]) -> NDArray[np.float64]:
    """Two-sided p-values of the exact sign test: under the null a vote is + or - with probability 1/2."""
    from scipy.stats import binom

    total = plus + minus
    p: NDArray[np.float64] = np.minimum(1.0, 2 * binom.cdf(np.minimum(plus, minus), total, 0.5))
    return p


def difference_test(data: Any, control: Any, *, paired: bool, lean: NDArray[np.float64]) -> NDArray[np.float64]:
    """One-sided p-values of the null that votes lean no further in the data than in the control.

    `data`, `control`: votes (prompts x features); `lean` (features): +1 or -1, the side that is asked about. Paired
    (row i is the same prompt in both): the exact sign test on the difference of a prompt's two votes. Else a z-test of
    two means, two pseudo-votes of each sign added to each side (after Agresti and Caffo 2000).
    """
    from scipy.stats import binom, norm

    of_data, of_control = count_votes(data), count_votes(control)
    if paired:
        further = count_votes((data - control).sign())
        up = np.where(lean > 0, further.plus, further.minus)
        p: NDArray[np.float64] = binom.sf(up - 1, further.plus + further.minus, 0.5)
        return p
    means, variances = [], []
    for counts in (of_data, of_control):
        n = counts.prompts + 4
        mean = (counts.plus - counts.minus) / n
        means.append(mean)
        variances.append(((counts.plus + counts.minus + 4) / n - mean**2) / n)
    z = lean * (means[0] - means[1]) / np.sqrt(variances[0] + variances[1])
    p = norm.sf(z)
    return p
