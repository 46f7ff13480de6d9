"""The few things by which chosen texts can be told: the most telling feature, taken out of the texts, then the next.

Hundreds of n-grams are significant where one sentence was added. Taking out the longest text that comes with the first
of them takes out all, and what is then still significant is something else.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from pipeline.shortcuts.contrast import Contrast
from pipeline.shortcuts.features.base import FeatureSettings
from pipeline.shortcuts.marker import Marker
from pipeline.shortcuts.mask import has_content
from pipeline.shortcuts.phrases import contains, find, grow
from pipeline.shortcuts.records import Feature, FoundMarker
from pipeline.shortcuts.safe import apply_strips
from pipeline.shortcuts.settings import AuditSettings
from pipeline.shortcuts.sides import Sides
from pipeline.shortcuts.sign_tests import beyond_control, find_features, phrase_words
from pipeline.shortcuts.strips.base import StripSettings
from pipeline.shortcuts.tokens import sentences

GOES_WITH = 0.8
"""Share of the prompts with a vote on a feature or a marker that have one on both, from which on both are one thing."""
ODDS = math.log(3)
"""Log-odds beyond the control from which a feature is a marker."""
LEADING = re.compile(r"^[.!?。！？;；,，\s]+(?=\S)")
"""The end of the sentence before."""
HARDLY = 0.1
"""Share of the texts with a feature that may keep it where it counts as taken out, or must lose it."""
READ = 500
"""Texts from which a phrase is grown."""


@dataclass(frozen=True)
class Search:
    """The markers, and the data without them."""

    found: tuple[FoundMarker, ...]
    without: Sides
    left_out: NDArray[np.bool_]
    """Features (all) that could not be taken out of the texts, and are to be left out of the probes instead."""
    exhausted: bool
    """Whether nothing is left to be named."""


def find_markers(sides: Sides, settings: AuditSettings, strips: Sequence[StripSettings]) -> Search:
    """Name what separates the texts beyond the control, at most `most_markers` things."""
    kinds = {kind.name: kind for kind in settings.features}
    left_out = np.zeros(len(sides.vocabulary.names), dtype=bool)
    original = sides.data
    found: list[FoundMarker] = []
    while True:
        tested = find_features(sides, settings.q, kinds, left_out)
        told = [
            (feature, column)
            for feature, column in zip(tested.features, tested.columns, strict=True)
            if is_marker(feature, kinds, controlled=sides.control is not None)
        ]
        if not told or len(found) == settings.most_markers:
            return Search(tuple(found), sides, left_out, exhausted=not told)
        feature, column = told[0]
        marker = make_marker(feature, column, kinds[feature.kind], sides)
        carrying = sides.data.carrying(column, marker.more_in)
        if 2 * int(original.carrying(column, marker.more_in).sum()) < int(carrying.sum()):
            left_out[column] = True  # made by what was cut out before
            continue
        after = sides.rewrite(
            [take_out(marker, contrast, strips) for contrast in sides.data.contrasts],
            [take_out(marker, contrast, strips) for contrast in sides.control.contrasts] if sides.control else (),
        )
        still = after.data.carrying(column, marker.more_in)
        left, before = int((still & carrying).sum()), int(carrying.sum())
        gone = left <= HARDLY * before
        removed = gone or (marker.phrase is not None and left <= (1 - HARDLY) * before)
        if marker.phrase is not None:  # a word may stand in other sentences, too: these are other markers
            carrying = np.array([has_more(marker, contrast) for contrast in sides.data.contrasts])
        left_out[column] |= gone or not removed
        if removed:
            sides = after
        else:
            left_out |= _goes_with(sides, column)
        found.append(
            FoundMarker(
                kind=marker.kind,
                feature=marker.feature,
                phrase=marker.phrase,
                more_in=marker.more_in,
                pairs=int(carrying.sum()),
                share=float(carrying.mean()),
                q_value=feature.q_value,
                shown=marker.shown,
                removed=removed,
            )
        )


def is_marker(feature: Feature, kinds: dict[str, FeatureSettings], *, controlled: bool) -> bool:
    """Whether a feature gives texts away, and is a habit: as the control shows, or without one, words or markup.

    What leans less than `ODDS` is a tendency, of which there are many where an author differs. An n-gram with a number
    or an equation is part of the reasoning.
    """
    kind = kinds[feature.kind]
    wanted = feature.class_ == "artefact" if controlled else kind.habit or phrase_words(kind, feature.feature)
    return bool(wanted) and beyond_control(feature) >= ODDS and not has_content(feature.feature)


def make_marker(feature: Feature, column: int, kind: FeatureSettings, sides: Sides) -> Marker:
    """The marker that a feature stands for, with the longest text that comes with it."""
    more_in: Literal["chosen", "rejected"] = "chosen" if feature.chosen >= feature.rejected else "rejected"
    words = phrase_words(kind, feature.feature)
    phrase = None
    if words is not None:
        pairs = np.flatnonzero(sides.data.carrying(column, more_in))
        texts = [getattr(sides.data.contrasts[i], more_in) for i in pairs[:READ]]
        phrase = without_content(LEADING.sub("", grow(words, texts)), words)
    return Marker(feature.kind, feature.feature, more_in, phrase, shown=feature.class_ == "artefact")


def has_more(marker: Marker, contrast: Contrast) -> bool:
    """Whether the marker's phrase stands more often in the text that has more of it in most pairs."""
    assert marker.phrase is not None
    counts = {side: len(find(marker.phrase, text)) for side, text in _texts(contrast)}
    return counts[marker.more_in] > counts["rejected" if marker.more_in == "chosen" else "chosen"]


def _texts(contrast: Contrast) -> tuple[tuple[str, str], ...]:
    return ("chosen", contrast.chosen), ("rejected", contrast.rejected)


def without_content(phrase: str, words: str) -> str:
    """The sentence or line of a phrase in which the words stand, if the whole phrase holds numbers; else the words."""
    if not has_content(phrase):
        return phrase
    parts = [part.strip() for line in phrase.split("\n") for part in sentences(line)]
    return next((part for part in parts if contains(words, part) and not has_content(part)), words)


def take_out(marker: Marker, contrast: Contrast, strips: Sequence[StripSettings]) -> Contrast:
    """The pair without a marker in either text: phrases are cut out, whatever is left of their sentence."""

    def without(text: str) -> str:
        if marker.phrase is None:
            return apply_strips(text, [marker], strips)[0]
        for start, end in reversed(find(marker.phrase, text)):
            before, after = text[:start].rstrip(" \t"), text[end:].lstrip(" \t")
            alone = (not before or before[-1] == "\n") and (not after or after[0] == "\n")
            between = "" if alone or not before or not after or "\n" in (before[-1], after[0]) else " "
            text = before.rstrip("\n") + after if alone else before + between + after
        return text.lstrip("\n") if text[:1] == "\n" else text

    chosen, rejected = without(contrast.chosen), without(contrast.rejected)
    if chosen == contrast.chosen and rejected == contrast.rejected:
        return contrast
    return replace(contrast, chosen=chosen, rejected=rejected)


def _goes_with(sides: Sides, column: int) -> NDArray[np.bool_]:
    """Features (all) that stand nearly where this one does, and hardly elsewhere."""
    votes = abs(sides.data.votes)
    sizes = np.asarray(votes.sum(axis=0)).ravel()
    shared = np.asarray((votes.T @ votes[:, [column]]).todense()).ravel()
    either = np.maximum(sizes + sizes[column] - shared, 1e-9)
    together: NDArray[np.bool_] = shared >= GOES_WITH * either
    return together
