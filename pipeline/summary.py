"""The account of a run: where every problem, attempt, mistake and pair went."""

from __future__ import annotations

import json
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from pydantic import BaseModel

from pipeline.answer_format.form import Detected
from pipeline.cache import Paid
from pipeline.config import RunSettings
from pipeline.grade import TRUNCATED, rejected_contamination
from pipeline.meter import Meter
from pipeline.opinions import ASSUMED, FalseNegativeRate, SecondOpinions
from pipeline.problems import ReadReport
from pipeline.selecting import Left
from pipeline.store import OrderedLines
from pipeline.types import Attempt, Correction, Pair


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


class Tally:
    """Counts as the problems go by."""

    def __init__(self, undecided: OrderedLines, objected: OrderedLines) -> None:
        self.verdicts: Counter[str] = Counter()
        self.tries: Counter[str] = Counter()
        self.corrections: Counter[str] = Counter()
        self.dropped: Counter[str] = Counter()
        self.seconds: defaultdict[str, float] = defaultdict(float)
        self.mistakes = self.kept = self.truncated = 0
        self.opinions = SecondOpinions()
        self.first_failure: str | None = None
        self.failing = "student"
        """Whose request the first failure was."""
        self.undecided, self.objected = undecided, objected
        """`unknown.jsonl`: every attempt that is neither correct nor wrong, with its reason; `objections.jsonl`: what
        teachers objected instead of correcting."""
        self.objections: Counter[str] = Counter()
        self.views: Counter[str] = Counter()
        self.repaired = self.confirming = self.control = 0
        self.format: Detected | None = None

    @contextmanager
    def timed(self, stage: str) -> Iterator[None]:
        """Add the seconds of the block to a stage."""
        started = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[stage] += time.perf_counter() - started

    def count_attempts(self, number: int, attempts: Sequence[Attempt]) -> None:
        """Count the attempts at problem `number` by verdict; failed ones apart."""
        for a in attempts:
            verdict = a.grade.verdict if a.grade else "failed"
            self.verdicts[verdict] += 1
            reason = a.failure or (a.grade.reason if a.grade else None)
            self.truncated += reason == TRUNCATED
            if verdict in ("unknown", "failed"):
                told = {
                    "attempt_id": a.id,
                    "problem_id": a.problem_id,
                    "index": a.index,
                    "verdict": verdict,
                    "reason": reason,
                }
                self.undecided.add(number, a.index, json.dumps(told, ensure_ascii=False))
            if a.grade is not None:
                self.opinions.add(a.grade)
            elif self.first_failure is None:
                self.first_failure, self.failing = a.failure, "student" if a.completion is None else "checker"

    def count_corrections(self, number: int, tries: Sequence[Correction]) -> None:
        """Count the tries at a mistake of problem `number`: by rung, those that won, objections, repairs, failures."""
        for c in tries:
            self.tries[c.rung] += 1
            self.corrections[c.rung] += c.won
            self.repaired += c.repaired
            if c.objection is not None:
                self.objections[c.objection] += 1
                keys = {"problem_id", "mistake_id", "id", "rung", "teacher", "objection", "diagnosis"}
                self.objected.add(number, self.objections.total(), c.model_dump_json(include=keys))

    def count_pairs(self, mistakes: int, pairs: Sequence[Pair]) -> None:
        """Count a problem's mistakes, and pairs by what became of them."""
        self.mistakes += mistakes
        for pair in pairs:
            if pair.dropped_by is None:
                self.kept += 1
                self.views[pair.view] += 1
                self.confirming += pair.confirms
            else:
                self.dropped[pair.dropped_by] += 1

    def count_left(self, pairs: Iterable[Left]) -> None:
        """Count pairs that the selection over the whole data set leaves out."""
        for left in pairs:
            self.kept -= 1
            self.views[left.view] -= 1
            self.confirming -= left.confirms
            self.dropped[left.finding.rule] += 1

    def write(self) -> None:
        """Write the files of what was counted one by one."""
        self.undecided.write()
        self.objected.write()

    def summarize(self, settings: RunSettings, problems: int, report: ReadReport) -> Summary:
        """The account so far."""
        decided = self.verdicts["correct"] + self.verdicts["wrong"]
        share = self.verdicts["correct"] / decided if decided else 0.0
        configured = settings.grade.false_negative_rate
        measured = self.opinions.measured if configured is None else None
        if measured is not None:
            rate, contamination = measured, self.opinions.contamination()
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
            attempts=self.verdicts.total(),
            correct=self.verdicts["correct"],
            wrong=self.verdicts["wrong"],
            unknown=self.verdicts["unknown"],
            truncated=self.truncated,
            failed=self.verdicts["failed"],
            second_opinions=self.opinions.table,
            contaminated=len(report.contaminated),
            scored=settings.checker.scores_only,
            format=self.format,
            mistakes=self.mistakes,
            tries=dict(self.tries),
            corrections={rung: n for rung, n in self.corrections.items() if n},
            objections=dict(self.objections),
            repaired=self.repaired,
            pairs=self.kept + self.dropped.total(),
            confirming=self.confirming,
            views={view: n for view, n in self.views.items() if n},
            kept=self.kept,
            control=self.control,
            dropped=dict(self.dropped),
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
