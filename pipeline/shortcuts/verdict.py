"""From the evidence to one of four verdicts.

marker         a few things are named, and without them nothing is left to be found
diffuse        something is left, or nothing can be named
clean          the upper bound of every family's excess is within the bound
underpowered   none of these can be shown
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from pipeline.shortcuts.excess import INFLATION, Excess, Z, significant
from pipeline.shortcuts.features.base import Family
from pipeline.shortcuts.markers import ODDS, Search
from pipeline.shortcuts.mask import has_content
from pipeline.shortcuts.power import prompts_needed
from pipeline.shortcuts.records import Feature, Leak, Verdict
from pipeline.shortcuts.settings import AuditSettings
from pipeline.shortcuts.sign_tests import Tested, beyond_control

ADVICE: dict[Verdict, str] = {
    "clean": "nothing has to be done",
    "marker": "`errata clean` takes out what can be taken out safely, and checks what is left",
    "diffuse": "take chosen texts from the student itself (rungs own_correct, continue_fix), or have a teacher rewrite "
    "them in the student's style (`errata clean` with `clean.restyle` in the settings)",
    "underpowered": "build from more problems; until then, nothing is certified",
}


@dataclass(frozen=True)
class Evidence:
    """What there is to decide on."""

    measured: dict[Family, Excess]
    residual: dict[Family, Excess]
    """Without the markers."""
    search: Search
    tested: Tested
    compared: int
    """Prompts that probes compare: of the smaller of data and control."""
    prompts: int


@dataclass(frozen=True)
class Decision:
    """The verdict and why."""

    verdict: Verdict
    grounds: str
    prompts_needed: int | None = None
    """Prompts to compare with which it would probably not be `underpowered`."""


def decide(evidence: Evidence, settings: AuditSettings, control: bool) -> Decision:
    """Markers count first, then what probes find, then what they could have missed."""
    bound, measured = settings.bound, evidence.measured
    beyond = "beyond the control" if control else "beyond chance"
    if evidence.search.found:
        return _decide_named(evidence, bound, beyond)
    doubtful = _doubtful(evidence, bound) if control else None
    if doubtful is not None:
        shown = f"{doubtful.feature!r} ({doubtful.chosen} : {doubtful.rejected} prompts)"
        return Decision("underpowered", f"{shown} may be a habit: the control is too small to tell")
    if not measured:
        short = "the control has" if control and evidence.compared < evidence.prompts else "there are"
        told = f"{short} only {evidence.compared} prompts to compare, too few for a probe"
        return Decision("underpowered", told, _planned(bound, control=control))
    uppers = {family: excess.interval[1] for family, excess in measured.items()}
    top = max(uppers, key=lambda family: uppers[family])
    if uppers[top] <= bound:
        told = f"no family tells chosen from rejected {beyond} by more than {uppers[top]:.1%} ({top})"
        return Decision("clean", told)
    if there := significant(measured):
        worst = max(there, key=lambda family: measured[family].excess)
        told = f"{worst} features tell chosen from rejected {measured[worst].excess:+.1%} {beyond}"
        return Decision("diffuse", f"{told}, and no marker explains it")
    wide = [excess for excess in measured.values() if excess.interval[1] > bound]
    needed = max(prompts_needed(evidence.compared, excess.excess, excess.half_width, bound) for excess in wide)
    told = f"nothing is found in the {evidence.compared:,} prompts that are compared, but {top} could still hold up to"
    return Decision("underpowered", f"{told} {uppers[top]:.1%} {beyond} (bound {bound:.0%})", needed)


def _decide_named(evidence: Evidence, bound: float, beyond: str) -> Decision:
    found, residual = evidence.search.found, evidence.residual
    first = found[0].phrase or found[0].feature
    named = f"{first!r} ({found[0].share:.0%} of pairs, {found[0].more_in})"
    if len(found) > 1:
        named += f" and {len(found) - 1} more"
    left = [family for family in significant(residual) if residual[family].excess > bound]
    if left:
        worst = max(left, key=lambda family: residual[family].excess)
        told = f"{residual[worst].excess:+.1%} {beyond} remain in {worst}"
        return Decision("diffuse", f"without {named}, {told}: the texts have another author throughout")
    if not evidence.search.exhausted:
        return Decision("diffuse", f"{named} give texts away, and there are more: the texts have another author")
    gives, explains = ("give", "explain") if len(found) > 1 else ("gives", "explains")
    if not residual:
        return Decision(
            "marker", f"{named} {gives} texts away; {evidence.compared} prompts are too few to measure the rest"
        )
    top = max(residual, key=lambda family: residual[family].interval[1])
    upper = residual[top].interval[1]
    if upper <= bound:
        return Decision("marker", f"{named} {gives} texts away, and {explains} what probes find {beyond}")
    return Decision(
        "marker", f"{named} {gives} texts away; without them up to {upper:.1%} {beyond} could be left in {top}"
    )


def _doubtful(evidence: Evidence, bound: float) -> Feature | None:
    """A feature that would be a marker, in enough prompts to matter, if the control could show it."""
    for feature in evidence.tested.features:
        matters = abs(feature.chosen - feature.rejected) >= bound * evidence.prompts
        odd = feature.class_ == "unattributed" and beyond_control(feature) >= ODDS
        if odd and matters and not has_content(feature.feature):
            return feature
    return None


def _planned(bound: float, *, control: bool) -> int:
    """Prompts with which the bounds would be narrow enough, if nothing is to be found."""
    return math.ceil((Z * INFLATION * 0.5 / bound) ** 2 * (2 if control else 1))


def advise(verdict: Verdict, leaks: Sequence[Leak]) -> str:
    """What to do, about the verdict and about findings in single pairs."""
    dropped = len({leak.pair for leak in leaks if leak.finding.action == "drop"})
    if not dropped:
        return ADVICE[verdict]
    pairs = f"{dropped:,} pairs have findings that drop them (`errata clean` does)"
    return pairs if verdict == "clean" else f"{pairs}; {ADVICE[verdict]}"
