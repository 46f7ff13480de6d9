"""`audit.json`: what the audit found."""

from __future__ import annotations

from typing import Literal

from pydantic import ConfigDict, Field

from pipeline.types import Finding, Record

Verdict = Literal["clean", "marker", "diffuse", "underpowered"]
FeatureClass = Literal["artefact", "error_signal", "unattributed"]


class Probe(Record):
    """How well one family of features tells chosen from rejected."""

    accuracy: float
    """Out of fold, mean over prompts; 0.5 is chance."""
    control: float | None
    """The same for the student's own right and wrong texts."""
    excess: float
    """Accuracy beyond the control's; without a control, beyond 0.5."""
    ci95: tuple[float, float]
    """Of the excess."""
    p_value: float
    """One-sided, of the null that there is no excess; without a control, from the swaps."""
    p_swap: float
    """Of the null that chosen and rejected cannot be told apart at all: from swapped data."""
    null95: float
    """95% quantile of the accuracy on swapped data."""
    residual: float | None = None
    """The excess that is left without the named markers, where there are any."""
    residual_ci95: tuple[float, float] | None = None


class Feature(Record):
    """A feature that one side has more often."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True, serialize_by_alias=True)

    feature: str
    kind: str
    chosen: int
    """Prompts whose chosen texts have more of it."""
    rejected: int
    q_value: float
    class_: FeatureClass = Field(alias="class")
    log_odds: float
    """Of chosen against rejected votes, Dirichlet-smoothed."""
    control_chosen: int | None = None
    """The same in the control."""
    control_rejected: int | None = None
    p_control: float | None = None
    """One-sided, of the null that the votes lean no further than in the control."""


class FoundMarker(Record):
    """One thing by which chosen texts can be told, with the features that come with it left out."""

    kind: str
    feature: str
    phrase: str | None
    more_in: Literal["chosen", "rejected"]
    pairs: int
    """Pairs of which that text has more of it."""
    share: float
    """Of all pairs."""
    q_value: float
    shown: bool
    """Whether the control shows that it is a habit."""
    removed: bool
    """Whether it could be taken out of the texts to see what is left; else features that go with it were left out."""


class Leak(Record):
    """A finding about one pair."""

    pair: str
    finding: Finding


class ControlSummary(Record):
    """What the data were compared with."""

    pairs: int
    prompts: int
    shared_prompts: int
    paired: bool
    """Whether data and control were compared prompt by prompt."""


class Audit(Record):
    """`audit.json`."""

    pairs: int
    prompts: int
    verdict: Verdict
    grounds: str
    """Why this verdict, in a sentence."""
    advice: str
    """What to do about it."""
    prompts_needed: int | None = None
    """Where it is underpowered: prompts with which it would probably not be."""
    control: ControlSummary | None
    probes: dict[str, Probe]
    markers: tuple[FoundMarker, ...]
    features: tuple[Feature, ...]
    """Artefacts first, then what cannot be attributed, then error signals; by log-odds beyond the control's."""
    features_tested: int
    features_significant: dict[str, int]
    """By class; `features` may list fewer."""
    leaks: tuple[Leak, ...]
    leaks_by_rule: dict[str, int]
    minimum_detectable_prevalence: float | None
    """Smallest share of prompts in which a phrase of chosen texts alone would be found; None for no share."""
    probe_prompts: int
    """Prompts that the probes saw."""
    q: float
    """Expected share of false ones among the significant features."""
    bound: float
    """Excess that is small enough for `clean`."""
    notes: tuple[str, ...] = ()
    """What limits the audit: no control, a small one, a sample."""
