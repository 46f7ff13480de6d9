"""mistakes ──▶ corrections: the ladder. Every draft is re-graded; the first one that is correct wins, all are kept."""

from __future__ import annotations

from collections.abc import Sequence

from pipeline.checkers.base import Checker
from pipeline.cleanups.base import CleanupSettings, clean
from pipeline.edits import edit_ratio
from pipeline.grade import try_grade
from pipeline.rungs.base import Draft, RungSettings, Sources
from pipeline.store import Journal
from pipeline.types import Attempt, Completion, Correction, Grade, Mistake, Problem, content_id


def find_mistakes(problem: Problem, attempts: Sequence[Attempt]) -> list[Mistake]:
    """The wrong attempts, in order of their index."""
    return [
        Mistake(
            id=content_id("mistake", attempt.id),
            problem=problem,
            attempt_id=attempt.id,
            text=attempt.completion.text,
            extracted=attempt.grade.extracted,
        )
        for attempt in attempts
        if attempt.completion is not None and attempt.grade is not None and attempt.grade.verdict == "wrong"
    ]


class Ladder:
    """Climbs the rungs for one mistake at a time."""

    def __init__(
        self,
        rungs: Sequence[RungSettings],
        checker: Checker,
        checker_fingerprint: object,
        cleanups: Sequence[CleanupSettings],
        journal: Journal[Correction],
    ) -> None:
        self.rungs, self.checker, self.cleanups, self.journal = rungs, checker, cleanups, journal
        self.settings = content_id(
            [rung.model_dump(mode="json") for rung in rungs],
            checker_fingerprint,
            [cleanup.model_dump(mode="json") for cleanup in cleanups],
        )

    async def correct(self, mistake: Mistake, sources: Sources) -> list[Correction]:
        """Return all tries, the accepted one last if any was accepted, and write them to the journal."""
        tries: list[Correction] = []
        for rung in self.rungs:
            async for draft in rung.drafts(mistake, sources):
                tries.append(await self._grade(mistake, rung, draft, sources, number=len(tries)))
                if is_accepted(tries[-1]):
                    break
            if tries and is_accepted(tries[-1]):
                break
        self.journal.append(tries)
        return tries

    async def _grade(
        self, mistake: Mistake, rung: RungSettings, draft: Draft, sources: Sources, number: int
    ) -> Correction:
        grade: Grade | None = None
        failure = draft.failure
        if draft.text is not None:
            finish = draft.completion.finish_reason if draft.completion else "stop"
            cleaned = Completion(text=clean(draft.text, self.cleanups), finish_reason=finish)
            grade, failure = await try_grade(self.checker, mistake.problem, cleaned)
        teacher = rung.teacher_name
        identity = sources.teachers[teacher].identity if teacher else None
        return Correction(
            id=content_id(mistake.id, self.settings, identity, draft.prompt_hash, number),
            problem_id=mistake.problem.id,
            mistake_id=mistake.id,
            rung=rung.rung,  # type: ignore[attr-defined]  # every rung's Literal name
            settings=self.settings,
            teacher=teacher,
            gold_visible=rung.gold_visible,
            prompt_hash=draft.prompt_hash,
            text=draft.text,
            completion=draft.completion,
            grade=grade,
            failure=failure,
            objection=draft.objection,
            edit_ratio=None if draft.text is None else edit_ratio(mistake.text, draft.text),
        )


def is_accepted(correction: Correction) -> bool:
    """Only a text that the checker called correct may become `chosen`."""
    return correction.grade is not None and correction.grade.verdict == "correct"
