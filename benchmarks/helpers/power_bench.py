"""What `audit_power.py` measures in one process: false alarms, planted artefacts and their repair, real authors.

Data are cross pairs of GSM8K: 175b_verification right, both 6b models wrong. The control are these three models' own
pairs, each problem used once, under prompts of their own: their problems are others, so the two are compared as two
samples.
"""

from __future__ import annotations

import asyncio
import functools
import random
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any
from unittest import mock

import numpy as np
from helpers import real_pairs
from helpers.planted import Artefact, halves, make_artefacts, plant_all, swap

from pipeline.auditing import every_filter
from pipeline.cleaning import Item, Repair, read_items
from pipeline.filtering import make_looks
from pipeline.preferences import Preference
from pipeline.shortcuts.audit import Examined, audit, examine
from pipeline.shortcuts.certify import Certificate
from pipeline.shortcuts.contrast import Contrast
from pipeline.shortcuts.excess import FAMILIES, measure, significant
from pipeline.shortcuts.records import Audit, Feature, FoundMarker
from pipeline.shortcuts.settings import AuditSettings, CleanSettings
from pipeline.shortcuts.sides import Sides
from pipeline.shortcuts.table import Vocabulary

SETTINGS = AuditSettings()
Row = dict[str, Any]
Draw = tuple[list[Contrast], list[Contrast]]

RIGHT, WRONG = real_pairs.MODELS[3], real_pairs.MODELS[:2]
MATCHED = 240
"""Prompts on which authors are compared: as many as the smallest set of a model's own pairs has."""
RID = 0.2
"""Share of the planted edits that may be left in a text which is rid of an artefact."""
NONE = "none"
"""Stands for no artefact at all."""


def set_apart(pairs: Sequence[Contrast]) -> list[Contrast]:
    """The pairs under prompts that no other set has."""
    return [replace(pair, prompt=f"own {pair.prompt}") for pair in pairs]


@functools.cache
def real_data() -> tuple[list[Contrast], list[Contrast]]:
    """The cross pairs and their control."""
    return real_pairs.cross_pairs_all(), set_apart(real_pairs.pooled_control((*WRONG, RIGHT)))


# False alarms


def make_case(case: str) -> tuple[list[Contrast], Callable[[int], Draw]]:
    """All pairs of a case in which nothing is to be found, and how data and control are drawn from them.

    `swapped`: the cross pairs, chosen and rejected swapped in half of the prompts, against the real control.
    `halves`: half of the problems of all models' own pairs against the other half. `paired halves`: two pairs of each
    problem that has two balanced ones, either of them data, the other one control. `swapped, no control`: as it says.
    """
    data, control = real_data()
    if case == "swapped":
        return [*data, *control], lambda seed: (swap(data, seed), control)
    if case == "swapped, no control":
        return data, lambda seed: (swap(data, seed), [])
    if case == "halves":
        own = real_pairs.pooled_control()
        return own, lambda seed: halves(own, seed)
    twos = _twos()
    return [pair for two in twos for pair in two], lambda seed: _split_twos(twos, seed)


CASES = ("swapped", "halves", "paired halves", "swapped, no control")
SWAPPED = frozenset(["swapped", "swapped, no control"])
"""Cases in which chosen and rejected cannot be told apart at all."""


def _twos() -> list[list[Contrast]]:
    """Two pairs of each prompt that has as many."""
    by_prompt: dict[str, list[Contrast]] = {}
    for pair in real_pairs.balanced_pairs():
        by_prompt.setdefault(pair.prompt, []).append(pair)
    rng = random.Random(0)
    return [rng.sample(pairs, 2) for pairs in by_prompt.values() if len(pairs) > 1]


def _split_twos(twos: Sequence[list[Contrast]], seed: int) -> Draw:
    rng = random.Random(seed)
    drawn = [rng.sample(two, 2) for two in twos]
    return [first for first, _ in drawn], [second for _, second in drawn]


def measure_null(case: str, seeds: Sequence[int]) -> list[Row]:
    """Whether each test raises an alarm, for every seed."""
    vocabulary, draw = _prepare(case)
    return [_alarms(case, examine_known(*draw(seed), vocabulary)) for seed in seeds]


@functools.cache
def _prepare(case: str) -> tuple[Vocabulary, Callable[[int], Draw]]:
    pairs, draw = make_case(case)
    s = SETTINGS
    vocabulary = Vocabulary.learn(pairs, s.features, largest=s.vocabulary, seed=s.seed)
    known, whole = examine_known(*draw(0), vocabulary), examine(*draw(0), s)
    for name in ("measured", "residual", "decision"):
        if getattr(known, name) != getattr(whole, name):
            raise AssertionError(f"{case}: `{name}` is not what an audit finds")
    return vocabulary, draw


def examine_known(data: Sequence[Contrast], control: Sequence[Contrast], vocabulary: Vocabulary) -> Examined:
    """An audit with a vocabulary that has seen all texts: blind to what was chosen, it is the same in all draws."""
    with mock.patch.object(Vocabulary, "learn", return_value=vocabulary):
        return examine(data, control, SETTINGS)


def _alarms(case: str, seen: Examined) -> Row:
    """What each test at a nominal 5% says. Right and wrong texts of a control do differ: its halves fail on swaps."""
    excesses = seen.measured.items()
    alarms = {f"{family}: excess": excess.p_value <= 0.05 for family, excess in excesses if seen.sides.control}
    if case in SWAPPED:
        alarms |= {f"{family}: swaps": excess.p_swap <= 0.05 for family, excess in excesses}
    return alarms | {
        "any family (Holm)": bool(significant(seen.measured)),
        "any marker": bool(seen.search.found),
        "marker or diffuse": seen.decision.verdict in ("marker", "diffuse"),
    }


# Planted artefacts


@functools.cache
def artefacts() -> dict[str, Artefact]:
    """By name."""
    return {artefact.name: artefact for artefact in make_artefacts(real_pairs.read_fillers())}


def measure_planted(name: str, prevalence: float, seed: int) -> Row:
    """One artefact in a share of the prompts: what the audit says of it, and what the repair does about it."""
    data, control = real_data()
    planted, carriers = (data, set[str]()) if name == NONE else plant_all(data, artefacts()[name], prevalence, seed)
    found = audit(planted, control, SETTINGS)
    items, repair, certificate = asyncio.run(repair_pairs(planted, control))
    return {
        "artefact": name,
        "prevalence": prevalence,
        "seed": seed,
        "detectable": found.minimum_detectable_prevalence,
        **describe_audit(found, name),
        **describe_repair(data, planted, items, carriers),
        "named_by_clean": None if name == NONE else any(names(artefacts()[name], marker) for marker in repair.markers),
        "cleaned": [marker.phrase or marker.feature for marker in repair.markers],
        "left": len(repair.left),
        "certificate": certificate.outcome,
    }


def describe_audit(found: Audit, name: str) -> Row:
    """Whether the artefact is among markers or artefact features, and first. Without one: what would pass for one."""
    named = [*found.markers, *(feature for feature in found.features if feature.class_ == "artefact")]
    first = named[0] if named else None
    told: Row = {
        "verdict": found.verdict,
        "first": first and (getattr(first, "phrase", None) or first.feature),
        "markers": len(found.markers),
    }
    if name == NONE:
        return told | {"passes_for": [a.name for a in artefacts().values() if any(names(a, one) for one in named)]}
    artefact = artefacts()[name]
    return told | {
        "found": any(names(artefact, one) for one in named),
        "ranked_first": first is not None and names(artefact, first),
    }


def names(artefact: Artefact, one: FoundMarker | Feature) -> bool:
    """Whether a marker or a feature names the artefact."""
    return artefact.is_found(one.kind, one.feature, getattr(one, "phrase", None))


async def repair_pairs(
    planted: Sequence[Contrast], control: Sequence[Contrast]
) -> tuple[list[Item], Repair, Certificate]:
    """The pairs as `errata clean` repairs them, without a teacher: every changed text is graded again."""
    from pipeline.checkers.numeric import Settings as Numeric
    from pipeline.clean import make_regrade

    questions = {problem.key: problem.question for problem in real_pairs.read_problems()}
    rows = [Preference("train", questions[c.prompt], c.chosen, c.rejected, values_of(c)) for c in planted]
    items = read_items(rows, CleanSettings(), by_id=False)
    if [replace(item.contrast, group=c.group) for item, c in zip(items, planted, strict=True)] != list(planted):
        raise AssertionError("pairs are read as others than they are")
    async with Numeric().create() as checker:
        repair = Repair(CleanSettings(), SETTINGS, control, make_regrade(checker, {}), None)
        return items, repair, await repair.run(items, make_looks(every_filter(), ()))


def values_of(pair: Contrast) -> dict[str, str | None]:
    """What a row tells of itself; the number of steps is its topic."""
    return {"id": pair.id, "answer": pair.answer, "rejected_answer": pair.rejected_answer, "topic": pair.group}


def describe_repair(
    data: Sequence[Contrast], planted: Sequence[Contrast], items: Sequence[Item], carriers: set[str]
) -> Row:
    """Shares of rows by what became of them; texts in which an error signal was lost or made."""
    rows = list(zip(data, planted, items, strict=True))
    marked = [row for row in rows if row[2].texts.id in carriers]
    innocent = [row for row in rows if row[2].texts.id not in carriers]
    rid = [item.dropped or _is_rid(before.chosen, after.chosen, item.contrast.chosen) for before, after, item in marked]
    moved = [_moved(*row) for row in rows if not row[2].dropped]
    actions = Counter(change.action for _, _, item in marked for change in item.changes)
    return {
        "innocent": len(innocent),
        "innocent_dropped": _share(item.dropped for _, _, item in innocent),
        "innocent_changed": _share(item.changed for _, _, item in innocent),
        "rid": _share(rid) if marked else None,
        "dropped": _share(item.dropped for _, _, item in marked) if marked else None,
        "refused": actions["refused"],
        "signals_lost": sum(lost for lost, _ in moved),
        "signals_made": sum(made for _, made in moved),
    }


def _share(of: Any) -> float:
    flags = list(of)
    return sum(flags) / len(flags) if flags else 0.0


def _is_rid(before: str, planted: str, after: str) -> bool:
    from rapidfuzz.distance import Indel

    return bool(Indel.distance(before, after) <= RID * Indel.distance(before, planted))


def _moved(before: Contrast, planted: Contrast, item: Item) -> tuple[int, int]:
    """Error signals, in either text, of which there are fewer than with and without the artefact; and of which more."""
    lost = made = 0
    for side in ("chosen", "rejected"):
        texts = [getattr(pair, side) for pair in (before, planted, item.contrast)]
        if texts[2] != texts[1]:
            for signal in real_pairs.ERROR_SIGNALS:
                real, marked, now = (signal.count(text) for text in texts)
                lost += now < min(real, marked)
                made += now > max(real, marked)
    return lost, made


# Real authors


@functools.cache
def author_sets() -> dict[str, tuple[list[Contrast], list[Contrast]]]:
    """Pairs of two authors with both authors' own pairs for a control; and each model's own pairs, without one."""
    sets: dict[str, tuple[list[Contrast], list[Contrast]]] = {}
    for wrong in real_pairs.MODELS[:3]:
        control = set_apart(real_pairs.pooled_control((wrong, RIGHT)))
        sets[f"{RIGHT} right, {wrong} wrong"] = real_pairs.cross_pairs(RIGHT, wrong), control
    sets |= {f"own {model}": (real_pairs.own_pairs(model), []) for model in real_pairs.MODELS}
    return sets


def measure_author(name: str, draws: int) -> list[Row]:
    """The probes of one set: `ngrams`, and the family that tells most.

    `matched`: the accuracy on as many prompts in every set; the mean over some draws of these.
    """
    data, control = author_sets()[name]
    found = audit(data, control, SETTINGS)
    matched = _match(data, draws)
    best = max(FAMILIES, key=lambda family: matched[family])
    rows = []
    for family in dict.fromkeys(("ngrams", best)):
        probe = found.probes[family]
        rows.append(
            {
                "case": name,
                "pairs": found.pairs,
                "family": family,
                "matched": matched[family],
                "accuracy": probe.accuracy,
                "null95": probe.null95,
                "p_swap": probe.p_swap,
                "control": probe.control,
                "excess": probe.excess if control else None,
                "low95": probe.ci95[0] if control else None,
                "high95": probe.ci95[1] if control else None,
                "p_value": probe.p_value if control else None,
                "verdict": found.verdict,
            }
        )
    return rows


def _match(data: Sequence[Contrast], draws: int) -> dict[str, float]:
    s = SETTINGS.model_copy(update={"permutations": 100})
    vocabulary = Vocabulary.learn(data, s.features, largest=s.vocabulary, seed=s.seed)
    sides = Sides.count(data, (), vocabulary)
    totals = dict.fromkeys(FAMILIES, 0.0)
    for seed in range(draws):
        drawn = np.sort(np.random.default_rng(seed).permutation(len(sides.data.keys))[:MATCHED])
        for family, excess in measure(replace(sides, data=sides.data.take(drawn)), s).items():
            totals[family] += excess.accuracy / draws
    return dict(totals)
