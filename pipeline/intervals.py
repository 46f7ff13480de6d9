"""The two statistics that decide what may be claimed of counts: Wilson's interval and McNemar's exact test."""

from __future__ import annotations

LEVEL = 0.05
"""Below this p-value a change is called real."""


def wilson_interval(successes: int, of: int) -> tuple[float, float]:
    """95% Wilson score interval of a share, rounded to four digits."""
    from scipy.stats import binomtest

    interval = binomtest(successes, of).proportion_ci(0.95, method="wilson")
    return round(float(interval.low), 4), round(float(interval.high), 4)


def mcnemar_p(only_first: int, only_second: int) -> float:
    """Exact two-sided McNemar test over the cases in which two answerers differ; 1.0 where there are none."""
    from scipy.stats import binomtest

    differing = only_first + only_second
    return float(binomtest(only_first, differing).pvalue) if differing else 1.0
