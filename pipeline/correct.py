"""mistakes ──▶ corrections: the ladder. Every draft is rendered in the student's format and re-graded; all are kept."""

from __future__ import annotations

import re
from collections.abc import Sequence

from pipeline.allusions import find_allusion
from pipeline.answer_format.form import AnswerFormat
from pipeline.answer_format.render import mismatch, render
from pipeline.checkers.base import Checker
from pipeline.choose import choose
from pipeline.cleanups.base import CleanupSettings, clean
from pipeline.config import CorrectSettings
from pipeline.edits import edit_ratio
from pipeline.errors import ConfigError, RequestFailed
from pipeline.grade import called, try_grade
from pipeline.journal import Journal
from pipeline.rungs.base import Draft, RungSettings, Sources
from pipeline.types import Attempt, Completion, Correction, Mistake, Problem, content_id


def find_mistakes(problem: Problem, attempts: Sequence[Attempt]) -> list[Mistake]:
    """The wrong attempts, in order of their index."""
    return [
        Mistake(
            id=content_id("mistake", attempt.id),
            problem=problem,
            attempt_id=attempt.id,
            text=made.text,
            extracted=grade.extracted,
            score=grade.score,
        )
        for attempt, made, grade in called("wrong", attempts)
    ]


class Ladder:
    """Climbs the rungs for one mistake at a time."""

    def __init__(
        self,
        correct: CorrectSettings,
        checker: Checker,
        checker_fingerprint: object,
        cleanups: Sequence[CleanupSettings],
        target: AnswerFormat,
        journal: Journal[Correction],
    ) -> None:
        self.rungs: Sequence[RungSettings] = correct.rungs
        self.rule, self.stops_at_objection = correct.choose, correct.on_objection == "stop"
        self.checker, self.cleanups, self.target, self.journal = checker, cleanups, target, journal
        self.settings = content_id(
            correct.model_dump(mode="json"),
            checker_fingerprint,
            [cleanup.model_dump(mode="json") for cleanup in cleanups],
            target.model_dump(mode="json"),
        )

    async def correct(self, mistake: Mistake, sources: Sources) -> list[Correction]:
        """Return all tries, at most one of which has `won`, and write them to the journal."""
        tries: list[Correction] = []
        for rung in self.rungs:
            async for draft in rung.drafts(mistake, sources):
                if not isinstance(draft, Draft):
                    raise ConfigError(f"rung {rung.name} yielded {draft!r}"[:200] + "; it must yield Draft(text=…)")
                tries.append(await self._grade(mistake, rung, draft, sources, number=len(tries)))
                if self._objected(tries[-1]) or (self.rule == "first" and is_right(tries[-1], in_format=True)):
                    break
            if tries and (self._objected(tries[-1]) or any(is_right(t, in_format=True) for t in tries)):
                break
        right = [correction for correction in tries if is_right(correction)]
        if right:
            best = choose(self.rule, mistake, right)
            tries[tries.index(best)] = best.model_copy(update={"won": True})
        await self.journal.append(tries)
        return tries

    def _objected(self, correction: Correction) -> bool:
        return self.stops_at_objection and correction.objection is not None

    async def _grade(
        self, mistake: Mistake, rung: RungSettings, draft: Draft, sources: Sources, number: int
    ) -> Correction:
        text, grade, failure, log_prob = draft.text, draft.grade, draft.failure, None
        odd: tuple[str, ...] = ()
        if text is not None:
            text = self._render(text, mistake, rung)
            odd = () if rung.on_policy else tuple(mismatch(text, self.target))
            failure = failure or self._refuse(text, mistake, rung)
        if text is not None and failure is None and grade is None:
            finish = draft.completion.finish_reason if draft.completion else "stop"
            grade, failure = await try_grade(self.checker, mistake.problem, Completion(text=text, finish_reason=finish))
        if self.rule == "student_logprob" and text and grade is not None and grade.verdict == "correct":
            try:
                log_prob = await sources.student.score(sources.conversation, text)
            except RequestFailed as error:
                grade, failure = None, f"the student cannot score it: {error}"
        teacher = rung.teacher_name if draft.teacher_asked else None
        identity = sources.teachers[teacher].identity if teacher else None
        return Correction(
            id=content_id(mistake.id, self.settings, identity, draft.prompt_hash, number),
            problem_id=mistake.problem.id,
            mistake_id=mistake.id,
            rung=rung.name,
            settings=self.settings,
            teacher=teacher,
            gold_visible=rung.gold_visible,
            prompt_hash=draft.prompt_hash,
            text=text,
            completion=draft.completion,
            usage=draft.usage,
            grade=grade,
            failure=failure,
            objection=draft.objection,
            diagnosis=draft.diagnosis,
            first_wrong_step=draft.first_wrong_step,
            repaired=draft.repaired,
            format_mismatch=odd,
            edit_ratio=None if text is None else edit_ratio(mistake.text, text),
            log_prob=log_prob,
        )

    def _render(self, text: str, mistake: Mistake, rung: RungSettings) -> str:
        """Cleaned and, unless the student wrote it, in the student's answer format."""
        cleaned = clean(text, self.cleanups).strip()
        if rung.on_policy:
            return cleaned
        # a teacher has to say itself where its text arrives; a data set's solution may end in a bare result
        told = mistake.problem.answer if rung.gold_visible and not rung.written_for_us else None
        return render(cleaned, self.target, told if told is not None and arrives(cleaned, told) else None)

    def _refuse(self, text: str, mistake: Mistake, rung: RungSettings) -> str | None:
        """Why a text is not to be chosen, whatever its answer."""
        if not text:
            return "the text is empty"
        if text == clean(mistake.text, self.cleanups).strip():
            return "repeats the attempt word for word"
        if rung.written_for_us and (span := find_allusion(text, mistake.problem.question)):
            return f"alludes to another text or a told answer: {text[slice(*span)]!r}"
        return None


def arrives(text: str, answer: str) -> bool:
    """Whether the answer stands in the last line of a text."""
    last = text.rstrip().rpartition("\n")[2]
    return re.search(rf"(?<![\w.,]){re.escape(answer.strip())}(?![\w]|[.,]\d)", last) is not None


def is_right(correction: Correction, *, in_format: bool = False) -> bool:
    """Whether the checker called the text correct and nothing speaks against it; only then may it become `chosen`."""
    right = correction.grade is not None and correction.grade.verdict == "correct" and correction.failure is None
    return right and not (in_format and correction.format_mismatch)
