"""corrections ──▶ pairs: every mistake ends as one pair, kept or dropped with the finding that says why."""

from __future__ import annotations

from collections.abc import Sequence

from pipeline.cleanups.base import CleanupSettings, clean
from pipeline.correct import is_accepted
from pipeline.types import Correction, Finding, Message, Mistake, Pair, content_id


class Pairing:
    """Pairs the mistakes of one problem, in order; keeps what it has seen, so that no text is rejected twice."""

    def __init__(
        self, prompt: Sequence[Message], cleanups: Sequence[CleanupSettings], limit: int, settings: str
    ) -> None:
        self.prompt, self.cleanups, self.limit, self.settings = tuple(prompt), cleanups, limit, settings
        self.rejected: set[str] = set()

    def refuse(self, mistake: Mistake) -> Pair | None:
        """The pair of a mistake that no teacher needs to see: one that repeats another, or one too many. Else None."""
        text = clean(mistake.text, self.cleanups).strip()
        if text in self.rejected:
            return self._make(
                mistake, None, Finding(rule="repeated_mistake", action="drop", reason="same text as an earlier attempt")
            )
        if not text:
            return self._make(mistake, None, Finding(rule="empty_text", action="drop", reason="the attempt is empty"))
        if len(self.rejected) >= self.limit:
            reason = f"the problem has {self.limit} distinct mistakes already (pair.max_per_problem)"
            return self._make(mistake, None, Finding(rule="over_limit", action="drop", reason=reason))
        self.rejected.add(text)
        return None

    def pair(self, mistake: Mistake, tries: Sequence[Correction]) -> Pair:
        """The pair of a mistake and the accepted one of its corrections."""
        accepted = next((correction for correction in tries if is_accepted(correction)), None)
        if accepted is None:
            reasons = [
                correction.failure or (correction.grade.reason if correction.grade else "") for correction in tries
            ]
            reason = (
                "; ".join(f"{t.rung}: {why}" for t, why in zip(tries, reasons, strict=True)) or "no rung gave a text"
            )
            return self._make(mistake, None, Finding(rule="uncorrected", action="drop", reason=reason))
        return self._make(mistake, accepted)

    def _make(self, mistake: Mistake, correction: Correction | None, *findings: Finding) -> Pair:
        rejected = clean(mistake.text, self.cleanups).strip()
        chosen = None
        if correction is not None and correction.text is not None:
            chosen = clean(correction.text, self.cleanups).strip()
            if chosen == rejected:
                findings += (
                    Finding(rule="identical_text", action="drop", reason="chosen and rejected are the same text"),
                )
            elif not chosen:
                findings += (
                    Finding(rule="empty_text", action="drop", reason="the correction is empty after clean-up"),
                )
        return Pair(
            id=content_id(mistake.id, self.settings),
            problem_id=mistake.problem.id,
            mistake_id=mistake.id,
            settings=self.settings,
            prompt=self.prompt,
            rejected=rejected,
            chosen=chosen,
            answer=mistake.problem.answer,
            rejected_answer=mistake.extracted,
            correction_id=correction.id if correction else None,
            rung=correction.rung if correction else None,
            teacher=correction.teacher if correction else None,
            gold_visible=correction.gold_visible if correction else None,
            edit_ratio=correction.edit_ratio if correction else None,
            findings=findings,
        )
