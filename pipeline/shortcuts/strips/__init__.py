"""Ways to take a marker out of a text without touching the reasoning. One file each."""

from __future__ import annotations

from functools import cache

from pipeline.settings import available, load_component
from pipeline.shortcuts.strips.base import StripSettings


@cache
def all_strips() -> tuple[StripSettings, ...]:
    """Every strip there is, at its defaults."""
    names = available("shortcuts.strips")
    return tuple(load_component("shortcuts.strips", name).Settings() for name in names)
