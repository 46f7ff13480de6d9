"""corrections ──▶ pairs: every mistake ends as one pair, kept or dropped with the finding that says why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Literal

from pipeline.cleanups.base import CleanupSettings, clean
from pipeline.config import PairSettings
from pipeline.types import Attempt, Correction, Finding, Message, Mistake, Pair, content_id


def pass_rate(attempts: Sequence[Attempt]) -> float:
    """Share of right answers among the decided ones; 0 where none is decided."""
    verdicts = Counter(attempt.grade.verdict for attempt in attempts if attempt.grade is not None)
    decided = verdicts["correct"] + verdicts["wrong"]
    return verdicts["correct"] / decided if decided else 0.0


class Pairing:
    """Pairs the mistakes of one problem, in order; keeps what it has seen, so that no text is rejected twice."""

    def __init__(
        self,
        prompt: Sequence[Message],
        settings: PairSettings,
        fingerprint: str,
        rate: float = 0.0,
        format_action: Literal["drop", "flag"] = "drop",
    ) -> None:
        self.prompt, self.settings, self.fingerprint, self.rate = tuple(prompt), settings, fingerprint, rate
        self.cleanups: Sequence[CleanupSettings] = settings.cleanups
        self.format_action = format_action
        self.rejected: set[str] = set()
        self.answers: set[str] = set()

    def arrange(self, mistakes: Sequence[Mistake]) -> list[Mistake]:
        """The order in which they are taken: as sampled, or the commonest wrong answer first."""
        if self.settings.order == "as_sampled":
            return list(mistakes)
        counts = Counter(mistake.extracted for mistake in mistakes)
        return sorted(mistakes, key=lambda mistake: -counts[mistake.extracted])  # stable: as sampled where equal

    def refuse(self, mistake: Mistake) -> Pair | None:
        """The pair of a mistake that no teacher needs to see: one that repeats another, or one too many. Else None."""
        text = clean(mistake.text, self.cleanups).strip()
        finding = self._objection(mistake, text)
        if finding is not None:
            rule, reason = finding
            return self.make(mistake, None, Finding(rule=rule, action="drop", reason=reason))
        self.rejected.add(text)
        if mistake.extracted is not None:
            self.answers.add(mistake.extracted)
        return None

    def _objection(self, mistake: Mistake, text: str) -> tuple[str, str] | None:
        s = self.settings
        if text in self.rejected:
            return "repeated_mistake", "same text as an earlier attempt"
        if not text:
            return "empty_text", "the attempt is empty"
        if not s.admits(self.rate):
            bounds = f"pair.min_pass_rate {s.min_pass_rate:g}, pair.max_pass_rate {s.max_pass_rate:g}"
            return "pass_rate", f"the student solves {self.rate:.0%} of its attempts at the problem ({bounds})"
        if s.distinct_answers and mistake.extracted in self.answers:
            return "repeated_answer", f"same wrong answer {mistake.extracted!r} as an earlier attempt"
        if len(self.rejected) >= s.max_per_problem:
            reason = f"the problem has {s.max_per_problem} distinct mistakes already (pair.max_per_problem)"
            return "over_limit", reason
        return None

    def pair(self, mistake: Mistake, tries: Sequence[Correction]) -> Pair:
        """The pair of a mistake and the text that corrects it."""
        objected = [correction for correction in tries if correction.objection is not None]
        told = [
            Finding(rule=str(correction.objection), action="flag", reason=correction.failure or "")
            for correction in objected
        ]
        won = next((correction for correction in tries if correction.won), None)
        if won is not None:
            return self.make(mistake, won, *told)
        if objected:
            return self.make(mistake, None, told[0].model_copy(update={"action": "drop"}))
        reasons = [correction.failure or (correction.grade.reason if correction.grade else "") for correction in tries]
        reason = "; ".join(f"{t.rung}: {why}" for t, why in zip(tries, reasons, strict=True)) or "no rung gave a text"
        return self.make(mistake, None, Finding(rule="uncorrected", action="drop", reason=reason))

    def make(self, mistake: Mistake, correction: Correction | None, *findings: Finding) -> Pair:
        """The record, with what speaks against its texts."""
        rejected = clean(mistake.text, self.cleanups).strip()
        chosen = None
        if correction is not None and correction.text is not None:
            chosen = correction.text
            if chosen == rejected:
                same = "chosen and rejected are the same text"
                findings += (Finding(rule="identical_text", action="drop", reason=same),)
            if correction.format_mismatch:
                told = "; ".join(correction.format_mismatch)
                findings += (Finding(rule="format", action=self.format_action, reason=told),)
        return Pair(
            id=content_id(mistake.id, self.fingerprint),
            problem_id=mistake.problem.id,
            mistake_id=mistake.id,
            settings=self.fingerprint,
            prompt=self.prompt,
            rejected=rejected,
            chosen=chosen,
            answer=mistake.problem.answer,
            rejected_answer=mistake.extracted,
            chosen_score=correction.grade.score if correction and correction.grade else None,
            rejected_score=mistake.score,
            correction_id=correction.id if correction else None,
            rung=correction.rung if correction else None,
            teacher=correction.teacher if correction else None,
            gold_visible=correction.gold_visible if correction else None,
            edit_ratio=correction.edit_ratio if correction else None,
            findings=findings,
        )
