"""The account of a run: where every problem, attempt, mistake and pair went."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import BaseModel

from pipeline.answer_format.form import Detected
from pipeline.cache import Paid
from pipeline.config import RunSettings
from pipeline.grade import rejected_contamination
from pipeline.meter import Meter
from pipeline.opinions import ASSUMED, FalseNegativeRate
from pipeline.problems import ReadReport
from pipeline.tally import Tally


class EngineUse(BaseModel):
    """What one engine did for the run."""

    completions: int = 0
    """Texts written, and paid where it has a price, in all calls of the run together; so are tokens and cost."""
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost: float | None = None
    from_cache: int = 0
    """Texts that this call found in the cache."""
    requests: int = 0
    """Requests that this call sent, retries included."""
    retries: int = 0
    errors: dict[str, int] = {}
    """Tries of this call that failed, by kind."""
    latency: float = 0.0
    """Mean seconds of an answered request of this call."""


class Summary(BaseModel):
    """`summary.json`. attempts = correct + wrong + unknown + failed; pairs = kept + dropped.

    With the view `direct` alone, mistakes = pairs.
    """

    problems: int = 0
    rows: int = 0
    bad_rows: int = 0
    duplicates: int = 0
    conflicting: int = 0
    contaminated: int = 0
    """Problems left out since they overlap with evaluation files."""
    format: Detected | None = None
    """The student's answer format, with the shares of texts that have each trait."""
    attempts: int = 0
    correct: int = 0
    wrong: int = 0
    unknown: int = 0
    truncated: int = 0
    """Of the unknown ones, those cut off at the token limit."""
    failed: int = 0
    """Attempts without an answer, or without a verdict since the checker's own request failed."""
    second_opinions: dict[str, dict[str, int]] = {}
    """Attempts on which a second checker was asked: its verdicts, by the first's."""
    mistakes: int = 0
    tries: dict[str, int] = {}
    """Texts asked for or looked up, by rung."""
    corrections: dict[str, int] = {}
    """Mistakes that were corrected, by the rung whose text won."""
    objections: dict[str, int] = {}
    """What teachers objected instead of correcting; each stands in objections.jsonl."""
    repaired: int = 0
    """Tries whose reply had to be asked for again, since it could not be read."""
    pairs: int = 0
    kept: int = 0
    views: dict[str, int] = {}
    """Kept pairs, by view."""
    confirming: int = 0
    """Kept pairs of the view `revise` whose attempt is right."""
    dropped: dict[str, int] = {}
    """Pairs dropped, by the rule that dropped them."""
    control: int = 0
    """Pairs of the student's own right and wrong answers, in control.jsonl."""
    splits: dict[str, int] = {}
    audit: str | None = None
    """The verdict of the shortcut audit, in audit.json."""
    usage: dict[str, EngineUse] = {}
    scored: bool = False
    """Whether the checker only scores, so that nothing is known of right and wrong."""
    rejected_contamination: float = 0.0
    """Expected share of right answers in the rejected pool, a·f / (a·f + 1 − a).

    Under a measured rate: what is left of them after the second opinions (`SecondOpinions.contamination`).
    """
    false_negative_rate: FalseNegativeRate = FalseNegativeRate(value=ASSUMED, source="assumed")
    """The rate f behind this estimate; where it is measured, the first checker's before the second opinions."""
    seconds: dict[str, float] = {}
    """Work by stage, summed over what ran side by side; `total` is the wall time."""
    settings: dict[str, str] = {}
    """Fingerprints of the settings that the journals' current records were made with."""


def summarize(
    tally: Tally, settings: RunSettings, problems: int, report: ReadReport, format: Detected | None
) -> Summary:
    """The account of a run whose problems were counted."""
    decided = tally.verdicts["correct"] + tally.verdicts["wrong"]
    share = tally.verdicts["correct"] / decided if decided else 0.0
    configured = settings.grade.false_negative_rate
    measured = tally.opinions.measured if configured is None else None
    if measured is not None:
        rate, contamination = measured, tally.opinions.contamination()
    else:
        f = ASSUMED if configured is None else configured
        rate = FalseNegativeRate(value=f, source="assumed" if configured is None else "configured")
        accuracy = min(1.0, share / (1 - f))  # what is called correct misses the share that is called wrong
        contamination = rejected_contamination(accuracy, f)
    return Summary(
        problems=problems,
        rows=report.rows,
        bad_rows=len(report.bad_rows),
        duplicates=report.duplicates,
        conflicting=len(report.conflicting),
        attempts=tally.verdicts.total(),
        correct=tally.verdicts["correct"],
        wrong=tally.verdicts["wrong"],
        unknown=tally.verdicts["unknown"],
        truncated=tally.truncated,
        failed=tally.verdicts["failed"],
        second_opinions=tally.opinions.table,
        contaminated=len(report.contaminated),
        scored=settings.checker.scores_only,
        format=format,
        mistakes=tally.mistakes,
        tries=dict(tally.tries),
        corrections={rung: n for rung, n in tally.corrections.items() if n},
        objections=dict(tally.objections),
        repaired=tally.repaired,
        pairs=tally.kept + tally.dropped.total(),
        confirming=tally.confirming,
        views={view: n for view, n in tally.views.items() if n},
        kept=tally.kept,
        control=tally.control,
        dropped=dict(tally.dropped),
        rejected_contamination=round(contamination, 4),
        false_negative_rate=rate,
    )


def count_use(meters: Mapping[str, Meter], paid: Mapping[str, Paid]) -> dict[str, EngineUse]:
    """What each engine did: paid in all calls of the run, asked in this one."""
    use = {}
    for name, meter in meters.items():
        made = paid[name]._asdict() if name in paid else {}
        use[name] = EngineUse(
            **{key: value for key, value in made.items() if key not in ("run", "engine", "billed")},
            from_cache=meter.from_cache,
            requests=meter.requests,
            retries=meter.retries,
            errors=dict(meter.errors),
            latency=round(meter.latency, 4),
        )
    return use
