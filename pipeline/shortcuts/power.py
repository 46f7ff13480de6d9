"""What a data set of a given size can show, and how large it would have to be."""

from __future__ import annotations

import math

SAMPLE, FEWEST = 4000, 5
"""Prompts from which the vocabulary is learnt, and those of them that must have a feature."""
CERTAINTY = 0.95
"""Probability with which something of the stated size is found."""


def votes_needed(features: int, q: float) -> int:
    """One-sided votes (all for the same text) that stay significant as the smallest p-value of so many features.

    Benjamini–Hochberg compares that one with q / features; k votes of one sign have p = 2 · 2^-k.
    """
    return math.ceil(1 + math.log2(max(1, features) / q))


def minimum_detectable_prevalence(prompts: int, features: int, q: float) -> float | None:
    """The smallest share of prompts that a marker of chosen texts alone must have to be found; None for no share.

    Its prompts are binomial; enough of them have to be there in 95% of all data sets of this size, for the sign test
    and for the vocabulary, which is learnt from a sample.
    """
    from scipy.optimize import brentq
    from scipy.stats import binom

    needed = votes_needed(features, q)
    if prompts < max(needed, FEWEST):
        return None

    def least(votes: int, drawn: int) -> float:
        return float(brentq(lambda share: binom.sf(votes - 1, drawn, share) - CERTAINTY, 1e-9, 1 - 1e-12))

    return max(least(needed, prompts), least(FEWEST, min(SAMPLE, prompts)))


def prompts_needed(prompts: int, excess: float, half_width: float, bound: float) -> int:
    """Prompts with which an interval of this half-width would decide.

    Intervals shrink with the square root of the prompts: until the upper end is below `bound`, or, where the excess
    itself is not, until the lower end is above 0. More than there are.
    """
    room = bound - excess if excess < bound else excess
    return max(prompts + 1, math.ceil(prompts * (half_width / max(room, bound / 4)) ** 2))
