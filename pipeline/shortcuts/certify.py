"""The certificate: on held-out prompts, can another kind of model than the one that drops still tell chosen texts?

Gradient-boosted trees on difference features, where the audit's probes are linear: a repair that only blinded the
probe that guided it does not pass.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from pipeline.shortcuts.contrast import Contrast
from pipeline.shortcuts.excess import FEWEST, INFLATION, Z, standard_error
from pipeline.shortcuts.settings import AuditSettings
from pipeline.shortcuts.sides import Side, Sides
from pipeline.shortcuts.table import Vocabulary
from pipeline.types import Record

COLUMNS = 256
"""Features that the trees see: those that differ in most pairs."""
FOLDS = 5


class Told(Record):
    """How often chosen texts were told, and how often in the control."""

    accuracy: float
    control: float | None
    excess: float
    """Beyond the control; without one, beyond 0.5."""
    ci95: tuple[float, float]
    prompts: int
    """That were compared."""
    pairs: int


class Certificate(Record):
    """What held-out prompts say of a repair."""

    outcome: Literal["passed", "failed", "underpowered"]
    """`passed`: the upper bound of the excess is within the audit's bound; `failed`: the lower one is above 0."""
    model: str = "histogram gradient boosting"
    prompts: int
    """Held-out prompts that are left."""
    before: Told | None
    """None where too few prompts can be compared."""
    after: Told | None
    random_drop: Told | None
    """Instead of the repair, as many pairs dropped at random as were changed or dropped."""


def tell(sides: Sides, settings: AuditSettings) -> Told | None:
    """How often the trees tell the chosen text, out of fold; None where there are too few prompts to compare."""
    data, control = sides.compared()
    both = [data] if control is None else [data, control]
    fewest = min(len(side.keys) for side in both)
    if fewest < FEWEST:
        return None
    used = np.sum([np.asarray((side.difference != 0).sum(axis=0)).ravel() for side in both], axis=0)
    columns = np.sort(np.argsort(-used, kind="stable")[:COLUMNS])
    columns = columns[used[columns] > 0]
    shares = [_out_of_fold(side, columns, fewest - math.ceil(fewest / FOLDS), settings.seed) for side in both]
    accuracy = float(shares[0].mean())
    if control is None:
        return _told(data, accuracy, None, accuracy - 0.5, standard_error(shares[0]))
    other = float(shares[1].mean())
    if sides.shared is not None:
        error = standard_error(shares[0] - shares[1])
    else:
        error = math.hypot(*map(standard_error, shares))
    return _told(data, accuracy, other, accuracy - other, error)


def _told(data: Side, accuracy: float, control: float | None, excess: float, error: float) -> Told:
    half = Z * INFLATION * error
    return Told(
        accuracy=accuracy,
        control=control,
        excess=excess,
        ci95=(excess - half, excess + half),
        prompts=len(data.keys),
        pairs=len(data.contrasts),
    )


def _out_of_fold(side: Side, columns: NDArray[np.intp], learnt: int, seed: int) -> NDArray[np.float64]:
    """Of each prompt: the share of its pairs that are told. Every pair is shown both ways round."""
    from sklearn.ensemble import HistGradientBoostingClassifier
    from threadpoolctl import threadpool_limits

    rows = side.difference[:, columns].toarray()
    shares = np.full(len(side.keys), 0.5)
    if not len(columns):
        return shares
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(side.keys))
    weights = 1.0 / np.bincount(side.prompts)[side.prompts]
    told = np.zeros(len(rows))
    for fold in range(FOLDS):
        tested = np.isin(side.prompts, order[fold::FOLDS])
        others = np.setdiff1d(order, order[fold::FOLDS])
        train = np.isin(side.prompts, rng.permutation(others)[:learnt])
        model = HistGradientBoostingClassifier(max_iter=60, max_leaf_nodes=8, min_samples_leaf=10, random_state=seed)
        shown = np.concatenate([rows[train], -rows[train]])
        first = np.concatenate([np.ones(int(train.sum())), np.zeros(int(train.sum()))])
        with threadpool_limits(1, "openmp"):  # small trees; its threads wait for each other where cores are shared
            model.fit(shown, first, sample_weight=np.tile(weights[train], 2))
            lead = model.decision_function(rows[tested]) - model.decision_function(-rows[tested])
        told[tested] = (lead > 1e-9) + 0.5 * (np.abs(lead) <= 1e-9)
    shares[:] = 0
    np.add.at(shares, side.prompts, told * weights)
    return shares


def certify(
    before: Sequence[Contrast],
    after: Sequence[Contrast],
    fewer: Sequence[Contrast],
    control: Sequence[Contrast],
    settings: AuditSettings,
) -> Certificate:
    """Certify the held-out pairs `after` a repair; `before` and `fewer` (dropped at random) are there to compare."""
    s = settings
    vocabulary = Vocabulary.learn([*before, *after, *control], s.features, largest=s.vocabulary, seed=s.seed)
    told = [tell(Sides.count(pairs, control, vocabulary), s) for pairs in (before, after, fewer)]
    outcome: Literal["passed", "failed", "underpowered"] = "underpowered"
    if told[1] is not None and told[1].ci95[1] <= settings.bound:
        outcome = "passed"
    elif told[1] is not None and told[1].ci95[0] > 0:
        outcome = "failed"
    prompts = len({contrast.prompt for contrast in after})
    return Certificate(outcome=outcome, prompts=prompts, before=told[0], after=told[1], random_drop=told[2])
