"""The chosen text is so much longer or shorter than the rejected one that length alone tells them apart."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from pydantic import Field

from pipeline.filters.base import Action, FilterSettings, Look, Texts
from pipeline.types import Finding

ENOUGH = 50
"""Pairs of the control that its quantiles need."""


class Settings(FilterSettings):
    """Chosen over rejected, in characters. A control may widen the bounds to its own quantiles, never narrow them."""

    filter: Literal["length_ratio"] = "length_ratio"
    action: Action = "flag"
    """Flagged: such a pair may be right, and only many of them teach length."""
    at_least: float = Field(default=0.25, gt=0, le=1)
    """Ratio below which the chosen text is too short."""
    at_most: float = Field(default=4.0, ge=1)
    """Ratio above which it is too long."""
    quantile: float = Field(default=0.005, ge=0, lt=0.5)
    """Share of the control's pairs at either end that its bounds leave out."""

    def prepare(self, control: Sequence[Texts]) -> Look:
        ratios = sorted(ratio(pair) for pair in control)
        if len(ratios) < ENOUGH:
            return self.find
        out = int(self.quantile * len(ratios))
        low, high = min(self.at_least, ratios[out]), max(self.at_most, ratios[-1 - out])
        return lambda pair: self._judge(pair, low, high)

    def find(self, pair: Texts) -> Finding | None:
        return self._judge(pair, self.at_least, self.at_most)

    def _judge(self, pair: Texts, low: float, high: float) -> Finding | None:
        found = ratio(pair)
        if low <= found <= high:
            return None
        lengths = f"{len(pair.chosen.strip())} characters against {len(pair.rejected.strip())}"
        return self.say(f"{lengths}, {found:.2g} times as many ({low:.2g} to {high:.2g})", score=round(found, 4))


def ratio(pair: Texts) -> float:
    """Chosen over rejected, without the white space at their ends; an empty text counts as one character."""
    return max(1, len(pair.chosen.strip())) / max(1, len(pair.rejected.strip()))
