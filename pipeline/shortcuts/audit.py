"""The audit of preference pairs: can chosen be told from rejected by more than right and wrong, and by what?"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pipeline.shortcuts.contrast import Contrast
from pipeline.shortcuts.excess import INFLATION, Excess, Z, measure, significant
from pipeline.shortcuts.features.base import Family
from pipeline.shortcuts.markers import Search, find_markers
from pipeline.shortcuts.power import minimum_detectable_prevalence, prompts_needed
from pipeline.shortcuts.records import Audit, ControlSummary, Feature, Leak, Probe, Verdict
from pipeline.shortcuts.settings import AuditSettings
from pipeline.shortcuts.sides import Sides
from pipeline.shortcuts.sign_tests import Tested, find_features
from pipeline.shortcuts.strips import all_strips
from pipeline.shortcuts.table import Vocabulary

Progress = Callable[[str, int, int], None]
FEWEST = 40
"""Prompts below which no probe is tried."""
NO_CONTROL = (
    "no control: right and wrong texts differ by themselves, and without pairs of the same author these differences "
    "cannot be told from its habits; all numbers are absolute, and a verdict other than clean may be due to them"
)
ADVICE = {
    "clean": "nothing has to be done",
    "marker": "`errata clean` takes the markers out, and checks what is left",
    "diffuse": "take chosen texts from the student itself (rungs own_correct, continue_fix), or have a teacher rewrite "
    "them in the student's style (`errata clean --restyle`)",
    "underpowered": "build from more problems; until then, nothing is certified",
}


def audit(
    data: Sequence[Contrast],
    control: Sequence[Contrast] = (),
    settings: AuditSettings | None = None,
    leaks: Sequence[Leak] = (),
    progress: Progress = lambda *_: None,
) -> Audit:
    """Audit pairs against the control: the student's own right and wrong texts.

    `leaks`: what filters found in single pairs. Deterministic for equal input and settings.
    """
    s = settings or AuditSettings()
    seen = examine(data, control, s, progress)
    prompts = len(seen.sides.data.keys)
    probes = {str(family): _probe(excess, seen.residual.get(family)) for family, excess in seen.measured.items()}
    return Audit(
        pairs=len(data),
        prompts=prompts,
        verdict=seen.decision.verdict,
        grounds=seen.decision.grounds,
        advice=ADVICE[seen.decision.verdict],
        prompts_needed=seen.decision.prompts_needed,
        control=_summarize(seen.sides) if control else None,
        probes=probes,
        markers=seen.search.found,
        features=_listed(seen.tested, s.listed),
        features_tested=seen.tested.tests,
        features_significant=dict(Counter(feature.class_ for feature in seen.tested.features)),
        leaks=tuple(leaks),
        leaks_by_rule=dict(Counter(leak.finding.rule for leak in leaks)),
        minimum_detectable_prevalence=minimum_detectable_prevalence(prompts, max(1, seen.tested.tests), s.q),
        probe_prompts=len(seen.some.compared()[0].keys) if probes else 0,
        q=s.q,
        bound=s.bound,
        notes=_notes(seen.sides, seen.some, control=bool(control)),
    )


@dataclass(frozen=True)
class Decision:
    """The verdict and why."""

    verdict: Verdict
    grounds: str
    prompts_needed: int | None = None


@dataclass(frozen=True)
class Examined:
    """Everything that an audit looks at."""

    sides: Sides
    tested: Tested
    some: Sides
    """Of the prompts, those that probes and the search for markers saw."""
    measured: dict[Family, Excess]
    search: Search
    residual: dict[Family, Excess]
    """Without the markers."""
    decision: Decision


def examine(
    data: Sequence[Contrast],
    control: Sequence[Contrast],
    settings: AuditSettings,
    progress: Progress = lambda *_: None,
) -> Examined:
    """Count, test, probe, name and decide."""
    s = settings
    steps = iter(range(1, 6))

    def step() -> None:
        progress("audit", next(steps), 5)

    vocabulary = Vocabulary.learn([*data, *control], s.features, largest=s.vocabulary, seed=s.seed)
    step()
    sides = Sides.count(data, control, vocabulary)
    step()
    tested = find_features(sides, s.q, {kind.name: kind for kind in s.features})
    some = sides.sample(s.probe_prompts, s.seed)
    enough = min(len(side.keys) for side in some.compared() if side is not None) >= FEWEST
    measured = measure(some, s) if enough else {}
    step()
    search = find_markers(some, s, all_strips())
    step()
    residual = measure(search.without, s, search.left_out) if search.found and enough else {}
    step()
    decision = decide(measured, residual, search, len(sides.data.keys), s.bound, control=bool(control))
    return Examined(sides, tested, some, measured, search, residual, decision)


def decide(
    measured: dict[Family, Excess],
    residual: dict[Family, Excess],
    search: Search,
    prompts: int,
    bound: float,
    *,
    control: bool,
) -> Decision:
    """marker: what is named explains the excess; diffuse: it does not, or nothing can be named; clean: every family's
    upper bound is within `bound`; underpowered: none of these can be shown."""
    beyond = "beyond the control" if control else "beyond chance"
    found = search.found
    if found:
        left = [family for family in significant(residual) if residual[family].excess > bound]
        first = found[0].phrase or found[0].feature
        named = f"{first!r} ({found[0].share:.0%} of pairs, {found[0].more_in})"
        more = f" and {len(found) - 1} more" if len(found) > 1 else ""
        if left:
            worst = max(left, key=lambda family: residual[family].excess)
            told = f"{residual[worst].excess:+.1%} {beyond} remain in {worst}"
            return Decision("diffuse", f"without {named}{more}, {told}: the texts have another author throughout")
        return Decision("marker", f"{named}{more} gives chosen away, and explains what probes find {beyond}")
    if not measured:
        return Decision("underpowered", f"{prompts} prompts are too few for a probe", _planned(bound, control=control))
    uppers = {family: excess.interval[1] for family, excess in measured.items()}
    top = max(uppers, key=lambda family: uppers[family])
    if uppers[top] <= bound:
        return Decision(
            "clean", f"no family tells chosen from rejected {beyond} by more than {uppers[top]:.1%} ({top})"
        )
    there = significant(measured)
    if there:
        worst = max(there, key=lambda family: measured[family].excess)
        told = f"{worst} features tell chosen from rejected {measured[worst].excess:+.1%} {beyond}"
        return Decision("diffuse", f"{told}, and no single feature explains it")
    wide = [excess for excess in measured.values() if excess.interval[1] > bound]
    return Decision(
        "underpowered",
        f"nothing is found, but {top} could still hold up to {uppers[top]:.1%} {beyond} (bound {bound:.0%})",
        max(prompts_needed(prompts, excess.excess, excess.half_width, bound) for excess in wide),
    )


def _planned(bound: float, *, control: bool) -> int:
    """Prompts with which the bounds would be narrow enough, if nothing is to be found."""
    return math.ceil((Z * INFLATION * 0.5 / bound) ** 2 * (2 if control else 1))


def _probe(excess: Excess, residual: Excess | None) -> Probe:
    return Probe(
        accuracy=excess.accuracy,
        control=excess.control,
        excess=excess.excess,
        ci95=excess.interval,
        p_value=excess.p_value,
        p_swap=excess.p_swap,
        null95=excess.null95,
        residual=residual and residual.excess,
        residual_ci95=residual and residual.interval,
    )


def _summarize(sides: Sides) -> ControlSummary:
    assert sides.control is not None
    both = set(sides.data.keys) & set(sides.control.keys)
    return ControlSummary(
        pairs=len(sides.control.contrasts),
        prompts=len(sides.control.keys),
        shared_prompts=len(both),
        paired=sides.shared is not None,
    )


def _listed(tested: Tested, most: int) -> tuple[Feature, ...]:
    """The first of each class."""
    seen: Counter[str] = Counter()
    listed = []
    for feature in tested.features:
        seen[feature.class_] += 1
        if seen[feature.class_] <= most:
            listed.append(feature)
    return tuple(listed)


def _notes(sides: Sides, some: Sides, *, control: bool) -> tuple[str, ...]:
    notes = [] if control else [NO_CONTROL]
    if some is not sides:
        notes.append(
            f"probes and markers were looked for in {len(some.data.keys):,} of {len(sides.data.keys):,} prompts"
        )
    if control and sides.shared is None:
        notes.append("the control has other prompts than the data: they are compared as two samples")
    return tuple(notes)
