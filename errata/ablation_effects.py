"""What each value of an axis does, over all cells of a grid in which nothing else differs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import NamedTuple

from errata.records import Ablation, Cell


class Effect(NamedTuple):
    """What one value of an axis does, against the axis' first value, with all other axes alike."""

    label: str
    accuracy: float
    """Mean over its cells that are done."""
    mean: float
    """Mean difference of the accuracies; 0 for the first value."""
    lowest: float
    highest: float
    cells: int
    """Pairs of cells that are compared; they share the held-out problems, so they are not independent."""


def effects(ablation: Ablation) -> dict[str, list[Effect]]:
    """By axis with several values, the effect of each value that has cells beside the first one's."""
    return {axis: _effects(ablation.cells, axis, labels) for axis, labels in ablation.axes.items() if len(labels) > 1}


def _effects(cells: Sequence[Cell], axis: str, labels: Sequence[str]) -> list[Effect]:
    by_label: dict[str, dict[frozenset[tuple[str, str]], float]] = {label: {} for label in labels}
    for cell in cells:
        by_label[cell.values[axis]][_others(cell.values, axis)] = cell.accuracy
    base = by_label[labels[0]]
    found = []
    for label, own in by_label.items():
        gains = [accuracy - base[others] for others, accuracy in own.items() if others in base]
        if gains:
            found.append(Effect(label, fmean(own.values()), fmean(gains), min(gains), max(gains), len(gains)))
    return found


def _others(values: Mapping[str, str], axis: str) -> frozenset[tuple[str, str]]:
    return frozenset(item for item in values.items() if item[0] != axis)
