"""Numbers and model text as a page shows them."""

from __future__ import annotations

import math

from errata.audit_tables import visible

FAMILIES = {"style": "style words", "ngrams": "all n-grams"}
"""Families of features, where their names say too little."""
SMALLEST = 1e-300
"""Below this, floating point holds no p-value that means anything."""


def family_name(family: str) -> str:
    """What a family of features is called."""
    return FAMILIES.get(family, family)


def percent(share: float) -> str:
    """0.721 -> "72.1%"."""
    return f"{share:.1%}".replace("-", "−")


def signed(share: float) -> str:
    """-0.0681 -> "−6.8%", with a sign always but for 0."""
    text = f"{share:+.1%}"
    return "0.0%" if text in ("+0.0%", "-0.0%") else text.replace("-", "−")


def bounds(interval: tuple[float, float]) -> str:
    """Both ends of an interval of shares."""
    return f"{signed(interval[0])} to {signed(interval[1])}"


def p_text(p: float) -> str:
    """A p-value or q-value to two digits."""
    return f"< {SMALLEST:g}" if p < SMALLEST else f"{p:.2g}"


def ratio(chosen: int, rejected: int) -> str:
    """Votes on both sides, "316 : 0"."""
    return f"{chosen:,} : {rejected:,}"


def log_odds(chosen: int, rejected: int) -> float:
    """Of votes, smoothed by half a vote on each side as the audit's."""
    return math.log((chosen + 0.5) / (rejected + 0.5))


def shorten(text: str, most: int) -> str:
    """A visible text of at most `most` characters and a mark where it was cut."""
    shown = visible(text)
    return shown if len(shown) <= most else f"{shown[:most]}… ({len(shown):,} characters)"
