"""The account of a run: where every problem, attempt, mistake and pair went."""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from pydantic import BaseModel

from pipeline.config import RunSettings
from pipeline.correct import is_accepted
from pipeline.grade import TRUNCATED, rejected_contamination
from pipeline.problems import ReadReport
from pipeline.types import Attempt, Correction, Pair, Usage


class EndpointUse(BaseModel):
    """What one engine did for the run; tokens are those of all completions used, asked now or found in the cache."""

    completions: int = 0
    from_cache: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost: float | None = None


class Summary(BaseModel):
    """`summary.json`. attempts = correct + wrong + unknown + failed; mistakes = pairs = kept + dropped."""

    problems: int = 0
    rows: int = 0
    bad_rows: int = 0
    duplicates: int = 0
    conflicting: int = 0
    attempts: int = 0
    correct: int = 0
    wrong: int = 0
    unknown: int = 0
    truncated: int = 0
    """Of the unknown ones, those cut off at the token limit."""
    failed: int = 0
    mistakes: int = 0
    tries: dict[str, int] = {}
    """Texts asked for or looked up, by rung."""
    corrections: dict[str, int] = {}
    """Accepted ones, by rung."""
    pairs: int = 0
    kept: int = 0
    dropped: dict[str, int] = {}
    """Pairs dropped, by the rule that dropped them."""
    splits: dict[str, int] = {}
    usage: dict[str, EndpointUse] = {}
    rejected_contamination: float = 0.0
    """Expected share of right answers in the rejected pool, a·f / (a·f + 1 − a)."""
    seconds: dict[str, float] = {}
    """Work by stage, summed over what ran side by side; `total` is the wall time."""
    settings: dict[str, str] = {}
    """Fingerprints of the settings that the journals' current records were made with."""


class Tally:
    """Counts as the problems go by."""

    def __init__(self) -> None:
        self.verdicts: Counter[str] = Counter()
        self.tries: Counter[str] = Counter()
        self.corrections: Counter[str] = Counter()
        self.dropped: Counter[str] = Counter()
        self.seconds: defaultdict[str, float] = defaultdict(float)
        self.mistakes = self.kept = self.truncated = 0
        self.use: dict[str, EndpointUse] = {}
        self.unknown: list[dict[str, str | int | None]] = []
        """Every attempt that is neither correct nor wrong, with its reason."""

    @contextmanager
    def timed(self, stage: str) -> Iterator[None]:
        """Add the seconds of the block to a stage."""
        started = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[stage] += time.perf_counter() - started

    def count_attempts(self, attempts: Sequence[Attempt]) -> None:
        """Count attempts by verdict; failed ones apart."""
        for a in attempts:
            verdict = a.grade.verdict if a.grade else "failed"
            self.verdicts[verdict] += 1
            reason = a.failure or (a.grade.reason if a.grade else None)
            self.truncated += reason == TRUNCATED
            if verdict in ("unknown", "failed"):
                told: dict[str, str | int | None] = {
                    "attempt_id": a.id,
                    "problem_id": a.problem_id,
                    "index": a.index,
                    "verdict": verdict,
                    "reason": reason,
                }
                self.unknown.append(told)
            if a.completion:
                self._count_use(a.engine, a.completion.usage)

    def count_corrections(self, tries: Sequence[Correction]) -> None:
        """Count tries and accepted ones by rung."""
        for c in tries:
            self.tries[c.rung] += 1
            self.corrections[c.rung] += is_accepted(c)
            if c.teacher and c.completion:
                self._count_use(c.teacher, c.completion.usage)

    def count_pairs(self, pairs: Sequence[Pair]) -> None:
        """Count mistakes by what became of them."""
        self.mistakes += len(pairs)
        for pair in pairs:
            if pair.dropped_by is None:
                self.kept += 1
            else:
                self.dropped[pair.dropped_by] += 1

    def _count_use(self, engine: str, usage: Usage) -> None:
        use = self.use.setdefault(engine, EndpointUse())
        use.completions += 1
        use.prompt_tokens += usage.prompt_tokens
        use.completion_tokens += usage.completion_tokens

    def summarize(self, settings: RunSettings, problems: int, report: ReadReport) -> Summary:
        """The account so far."""
        for name, use in self.use.items():
            tokens = Usage(prompt_tokens=use.prompt_tokens, completion_tokens=use.completion_tokens)
            use.cost = settings.engines[name].cost(tokens)
        decided = self.verdicts["correct"] + self.verdicts["wrong"]
        share = self.verdicts["correct"] / decided if decided else 0.0
        rate = settings.grade.false_negative_rate
        accuracy = min(1.0, share / (1 - rate))  # what is called correct misses the share that is called wrong
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
            mistakes=self.mistakes,
            tries=dict(self.tries),
            corrections={rung: n for rung, n in self.corrections.items() if n},
            pairs=self.mistakes,
            kept=self.kept,
            dropped=dict(self.dropped),
            usage=self.use,
            rejected_contamination=round(rejected_contamination(accuracy, rate), 4),
        )
