"""Ways to take a marker out of a text without touching the reasoning. One file each."""

from __future__ import annotations

from functools import cache

from pipeline.settings import at_defaults
from pipeline.shortcuts.strips.base import StripSettings


@cache
def all_strips() -> tuple[StripSettings, ...]:
    """Every strip there is, at its defaults."""
    return at_defaults("shortcuts.strips")
