"""The audit of preference pairs: can chosen be told from rejected by more than right and wrong, and by what?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pipeline.shortcuts.contrast import Contrast
from pipeline.shortcuts.excess import FEWEST, Excess, measure
from pipeline.shortcuts.features.base import Family
from pipeline.shortcuts.markers import Search, find_markers
from pipeline.shortcuts.power import minimum_detectable_prevalence
from pipeline.shortcuts.records import Audit, ControlSummary, Feature, Leak, Probe
from pipeline.shortcuts.settings import AuditSettings
from pipeline.shortcuts.sides import Sides
from pipeline.shortcuts.sign_tests import Tested, find_features
from pipeline.shortcuts.strips import all_strips
from pipeline.shortcuts.table import Vocabulary
from pipeline.shortcuts.verdict import Decision, Evidence, advise, decide

Progress = Callable[[str, int, int], None]
NO_CONTROL = (
    "no control: right and wrong texts differ by themselves, and without pairs of the same author these differences "
    "cannot be told from its habits; all numbers are absolute, and a verdict other than clean may be due to them"
)


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
    return report(examine(data, control, s, progress), s, leaks)


def report(seen: Examined, settings: AuditSettings, leaks: Sequence[Leak]) -> Audit:
    """What was looked at, as audit.json has it."""
    s, prompts = settings, len(seen.sides.data.keys)
    probes = {str(family): _probe(excess, seen.residual.get(family)) for family, excess in seen.measured.items()}
    return Audit(
        pairs=len(seen.sides.data.contrasts),
        prompts=prompts,
        verdict=seen.decision.verdict,
        grounds=seen.decision.grounds,
        advice=advise(seen.decision.verdict, leaks),
        prompts_needed=seen.decision.prompts_needed,
        control=_summarize(seen.sides) if seen.sides.control else None,
        probes=probes,
        markers=seen.search.found,
        features=_listed(seen.tested, s.listed),
        features_tested=seen.tested.tests,
        features_significant=dict(Counter(feature.class_ for feature in seen.tested.features)),
        leaks=tuple(leaks),
        leaks_by_rule=dict(Counter(leak.finding.rule for leak in leaks)),
        minimum_detectable_prevalence=minimum_detectable_prevalence(
            min(prompts, s.probe_prompts), max(1, seen.tested.tests), s.q
        ),
        probe_prompts=len(seen.some.compared()[0].keys) if probes else 0,
        q=s.q,
        bound=s.bound,
        notes=_notes(seen.sides, seen.some),
    )


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
    some = sides.sample(s.probe_prompts, s.seed, shared_first=True)
    compared = min(len(side.keys) for side in some.compared() if side is not None)
    measured = measure(some, s) if compared >= FEWEST else {}
    step()
    search = find_markers(sides.sample(s.probe_prompts, s.seed, shared_first=False), s, all_strips())
    step()
    residual = measure(search.without, s, search.left_out) if search.found and measured else {}
    step()
    decision = decide(Evidence(measured, residual, search, tested, compared, len(sides.data.keys)), s, bool(control))
    return Examined(sides, tested, some, measured, search, residual, decision)


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


def _notes(sides: Sides, some: Sides) -> tuple[str, ...]:
    notes = [NO_CONTROL] if sides.control is None else []
    if some is not sides:
        notes.append(
            f"probes and markers were looked for in {len(some.data.keys):,} of {len(sides.data.keys):,} prompts"
        )
    if sides.control is not None and sides.shared is None:
        shared = _summarize(sides).shared_prompts
        notes.append(
            f"data and control share {shared:,} prompts, too few to compare prompt by prompt: they are compared as two "
            "samples, and what differs between the prompts counts as excess"
        )
    elif sides.shared is not None and len(sides.shared[0]) < len(sides.data.keys):
        some_of = f"{len(sides.shared[0]):,} of {len(sides.data.keys):,} prompts"
        notes.append(f"{some_of} have a control pair; probes compare only such prompts")
    return tuple(notes)
