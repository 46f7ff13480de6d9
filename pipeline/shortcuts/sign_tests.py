"""Which features one side has more often, and whether that is an author's habit or the mistakes themselves.

    significant in the data, and the control leans nearly as far    error signal: wrong texts differ in it
    else, where it leans further than in the control                artefact
    neither can be shown, or there is no control                    unattributed

An error signal may lean somewhat further in the data: some of the student's right answers are right by luck, and read
as wrong ones do.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.shortcuts.features.base import FeatureSettings
from pipeline.shortcuts.mask import has_content
from pipeline.shortcuts.records import Feature, FeatureClass
from pipeline.shortcuts.sides import Sides
from pipeline.shortcuts.votes import PRIOR, count_votes, difference_test, sign_test

STEPS = 4
"""Features that are behind the best one by the same quarters of log-odds rank equal: a vote more is no better name."""
EXPLAINED = 0.75
"""Share of the data's mean vote that the control's must reach for an error signal."""
IN_CONTROL = 0.05
"""Level of the one-sided sign test by which the control leans the same way."""


@dataclass(frozen=True)
class Tested:
    """The significant features, in the order in which they are reported."""

    features: list[Feature]
    columns: list[int]
    """Of each: its column in the table."""
    tests: int
    """Features that were tested."""


def find_features(
    sides: Sides, q: float, kinds: Mapping[str, FeatureSettings], left_out: NDArray[np.bool_] | None = None
) -> Tested:
    """Test all features but those `left_out` (features); false discoveries are expected to be at most a share `q`.

    Ranked: artefacts, unattributed, error signals; each by log-odds beyond the control's, and where these are about
    equal, words before signs and counts, then by the order of `kinds`, then longest first. Features with so few votes
    that no outcome could be significant are not tested.
    """
    from scipy.stats import binom, false_discovery_control

    votes = count_votes(sides.data.votes)
    total = votes.plus + votes.minus
    tested = np.flatnonzero((total >= 1 - np.log2(q)) & (True if left_out is None else ~left_out))
    if not len(tested):
        return Tested([], [], 0)
    q_values = false_discovery_control(sign_test(votes.plus[tested], votes.minus[tested]))
    found, q_found = tested[q_values <= q], q_values[q_values <= q]
    lean, odds = np.sign(votes.mean[found]), votes.log_odds()[found]
    in_control = p_control = None
    classes: list[FeatureClass] = ["unattributed"] * len(found)
    if sides.control is not None and len(found):
        of_data, of_control = sides.data.votes[:, found], sides.control.votes[:, found]
        in_control = count_votes(of_control)
        same = np.where(lean > 0, in_control.plus, in_control.minus)
        also = binom.sf(same - 1, in_control.plus + in_control.minus, 0.5) <= IN_CONTROL
        # prompts without a right answer of the student's have no control pair, and are the hard ones: where the control
        # leans too, like is compared with like; where it does not, a habit may stand in those prompts alone
        p_control = difference_test(of_data, of_control, paired=False, lean=lean)
        if sides.shared is not None:
            of_data, of_control = of_data.tocsr()[sides.shared[0]], of_control.tocsr()[sides.shared[1]]
            p_control = np.where(also, difference_test(of_data, of_control, paired=True, lean=lean), p_control)
        further = false_discovery_control(p_control) <= q
        near = lean * count_votes(of_control).mean >= EXPLAINED * lean * count_votes(of_data).mean
        classes = [
            "error_signal" if a and (n or not f) else "artefact" if f else "unattributed"
            for f, a, n in zip(further, also, near, strict=True)
        ]
    features = [
        Feature(
            feature=sides.vocabulary.names[column],
            kind=sides.kinds[column],
            chosen=int(votes.plus[column]),
            rejected=int(votes.minus[column]),
            q_value=float(q_found[i]),
            class_=classes[i],
            log_odds=float(odds[i]),
            control_chosen=None if in_control is None else int(in_control.plus[i]),
            control_rejected=None if in_control is None else int(in_control.minus[i]),
            p_control=None if p_control is None else float(p_control[i]),
        )
        for i, column in enumerate(found)
    ]
    place = {kind: number for number, kind in enumerate(kinds)}
    rank = {"artefact": 0, "unattributed": 1, "error_signal": 2}

    best = {name: max((beyond_control(f) for f in features if f.class_ == name), default=0.0) for name in rank}

    def key(i: int) -> tuple[int, int, bool, int, int, str]:
        f = features[i]
        behind = int((best[f.class_] - beyond_control(f)) * STEPS)
        wordless = phrase_words(kinds[f.kind], f.feature) is None
        return rank[f.class_], behind, wordless, place[f.kind], -len(f.feature), f.feature

    order = sorted(range(len(features)), key=key)
    return Tested([features[i] for i in order], [int(found[i]) for i in order], len(tested))


def beyond_control(feature: Feature) -> float:
    """Log-odds of the votes for the side that has more of the feature, less those of the control for that side."""
    odds = abs(feature.log_odds)
    if feature.control_chosen is None or feature.control_rejected is None:
        return odds
    own = math.log((feature.control_chosen + PRIOR) / (feature.control_rejected + PRIOR))
    return odds - max(0.0, own if feature.log_odds > 0 else -own)


def phrase_words(kind: FeatureSettings, feature: str) -> str | None:
    """The words of a feature that can be a phrase: with a letter in them, and no number or equation."""
    words = kind.words_of(feature)
    if words is None or has_content(words) or not any(letter.isalpha() for letter in words):
        return None
    return words
