"""Which pairs to drop: those that carry a marker that cannot be taken out, the most telling first."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pipeline.shortcuts.contrast import Contrast
from pipeline.shortcuts.marker import Marker
from pipeline.shortcuts.markers import has_more
from pipeline.shortcuts.probes import Rows, scale_together, score_others, score_pairs
from pipeline.shortcuts.records import FoundMarker
from pipeline.shortcuts.settings import AuditSettings
from pipeline.shortcuts.sides import Sides

LEAST_KEPT = 0.5
"""Share of the pairs of a topic or difficulty that is kept whatever they carry."""


def margins(sides: Sides, held: NDArray[np.bool_], settings: AuditSettings) -> NDArray[np.float64]:
    """Of each pair of the data (pairs): how clearly its chosen text is told, by a probe that has not seen its prompt.

    One probe of all families, which learns from no `held` pair: out of fold, the mean over repeats, for the others.
    """
    (values,) = scale_together([sides.data.difference], settings.columns)
    scores = np.zeros(len(values))
    prompts = np.unique(sides.data.prompts[~held], return_inverse=True)[1]
    rows = Rows(values[~held], prompts)
    if rows.count < settings.folds:
        return scores
    learnt = rows.count - math.ceil(rows.count / settings.folds)
    scores[~held] = score_pairs(
        rows, folds=settings.folds, repeats=settings.repeats, train_prompts=learnt, seed=settings.seed
    )
    scores[held] = score_others(rows, values[held])
    return scores


def carriers(sides: Sides, markers: Sequence[FoundMarker]) -> NDArray[np.bool_]:
    """Pairs (of the data) in which the marked text has more of any marker."""
    place = {(kind, name): i for i, (kind, name) in enumerate(zip(sides.kinds, sides.vocabulary.names, strict=True))}
    carrying = np.zeros(len(sides.data.contrasts), dtype=bool)
    for marker in markers:
        if marker.phrase is not None:
            told = Marker(marker.kind, marker.feature, marker.more_in, marker.phrase)
            carrying |= np.array([has_more(told, contrast) for contrast in sides.data.contrasts], dtype=bool)
            continue
        carrying |= sides.data.carrying(place[marker.kind, marker.feature], marker.more_in)
    return carrying


def choose_drops(
    contrasts: Sequence[Contrast], carrying: NDArray[np.bool_], margin: NDArray[np.float64], most: float
) -> list[int]:
    """The pairs to drop, by number: all that carry a marker, or none where these are more than a share `most`.

    Dropping some carriers of many would lose pairs and leave the marker. Of a group, `LEAST_KEPT` stays: those of the
    smallest margin.
    """
    candidates = np.flatnonzero(carrying)
    if len(candidates) > most * len(contrasts):
        return []
    sizes = Counter(contrast.group for contrast in contrasts)
    dropped: Counter[str | None] = Counter()
    chosen = []
    for pair in sorted(candidates.tolist(), key=lambda pair: (-margin[pair], pair)):
        group = contrasts[pair].group
        if group is None or dropped[group] + 1 <= (1 - LEAST_KEPT) * sizes[group]:
            dropped[group] += 1
            chosen.append(pair)
    return chosen
