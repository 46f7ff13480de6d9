"""What the audit looks at, and how strict it is."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import ConfigDict, Field

from pipeline.settings import Settings, one_of
from pipeline.types import SamplingParams

AnyFeature: Any = one_of("shortcuts.features", "feature")
ALL: Any = tuple(
    {"feature": name}
    for name in (
        *("markup", "punctuation", "openers", "closers"),
        *("words", "function_words", "characters", "lengths"),
    )
)


class AuditSettings(Settings):
    """The shortcut audit."""

    features: tuple[AnyFeature, ...] = ALL
    """What is counted in the texts; of features that say the same, the kind that stands first names it."""
    q: float = Field(default=0.01, gt=0, lt=0.5)
    """Expected share of false ones among the features that are reported (Benjamini–Hochberg)."""
    bound: float = Field(default=0.05, gt=0, lt=0.5)
    """Excess accuracy of a probe that is small enough for `clean`."""
    permutations: int = Field(default=200, ge=100)
    """Swaps of chosen and rejected that show what a probe does where there is nothing to learn."""
    folds: int = Field(default=5, ge=2)
    """Folds of the cross-validation, by prompt."""
    repeats: int = Field(default=3, ge=1)
    """Cross-validations that are averaged."""
    columns: int = Field(default=1024, ge=16)
    """Features of a family that its probe sees: those that differ in most pairs."""
    probe_prompts: int = Field(default=5_000, ge=100)
    """Prompts that probes and the search for markers see, a random sample where there are more; sign tests see all."""
    vocabulary: int = Field(default=60_000, ge=100)
    """Features that are counted: those of most prompts."""
    most_prompts: int = Field(default=60_000, ge=100)
    """Prompts that are audited, drawn by their hashes where there are more; filters look at every pair."""
    most_pairs: int = Field(default=100_000, ge=100)
    """Pairs that are audited: of so many prompts as have no more, which bounds the memory."""
    most_markers: int = Field(default=10, ge=1)
    """Markers that are looked for; texts that need more are `diffuse`."""
    listed: int = Field(default=100, ge=1)
    """Features of each class that are written to audit.json."""
    seed: int = 0
    """Seed of folds, swaps and samples."""

    model_config = ConfigDict(validate_default=True)


class CleanSettings(Settings):
    """What `errata clean` does about an audit."""

    restyle: str | None = None
    """A key of `teachers`: it rewrites chosen texts that no strip mends in the student's style, gold hidden."""
    prompt: str = "restyle"
    """Prompt file without `.jinja`."""
    reply: Literal["auto", "json", "tagged", "plain"] = "auto"
    """Form of the teacher's reply, as rungs have it."""
    params: SamplingParams = SamplingParams(temperature=0.0, max_tokens=2048)
    """Sampling parameters of the teacher."""
    hold_out: float = Field(default=0.5, gt=0, lt=1)
    """Share of the prompts that certify; the probe that says what to drop learns from the others."""
    most_dropped: float = Field(default=0.2, ge=0, le=1)
    """Largest share of pairs that may be dropped for a marker that cannot be taken out."""
