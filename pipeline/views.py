"""The view `revise`: question, attempt, "check your answer".

    attempt wrong   chosen repairs it        rejected repeats it, or makes another mistake
    attempt right   chosen keeps it          rejected changes it into a mistake

Without the second kind a model learns to change everything. With `second_try` the rejected text is what the student
itself answers, where that is wrong; else it is another of its wrong attempts, or the attempt once more.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from pipeline.checkers.base import Checker
from pipeline.cleanups.base import clean
from pipeline.config import PairSettings
from pipeline.edits import edit_ratio
from pipeline.engines.base import Engine
from pipeline.errors import RequestFailed
from pipeline.grade import called, try_grade
from pipeline.journal import Journal
from pipeline.pair import pass_rate
from pipeline.prompts import Prompt
from pipeline.types import Attempt, Grade, Message, Pair, Problem, Record, SamplingParams, content_id


class Wrong(Record):
    """A wrong text that may be rejected."""

    text: str
    mistake_id: str
    answer: str | None = None
    score: float | None = None


def wrong_of(pair: Pair) -> Wrong:
    """The rejected text of a pair."""
    return Wrong(text=pair.rejected, mistake_id=pair.mistake_id, answer=pair.rejected_answer, score=pair.rejected_score)


class Reviser:
    """Makes the view's pairs of one problem after another; remembers the student's second tries in a journal."""

    def __init__(
        self,
        settings: PairSettings,
        prompt: Prompt,
        student: Engine,
        params: SamplingParams,
        checker: Checker,
        journal: Journal[Attempt],
    ) -> None:
        self.settings, self.prompt, self.student, self.params = settings, prompt, student, params
        self.checker, self.journal = checker, journal

    async def pairs(
        self,
        problem: Problem,
        asked: tuple[Message, ...],
        attempts: Sequence[Attempt],
        direct: Sequence[Pair],
        fingerprint: str,
    ) -> list[Pair]:
        """The pairs of a problem whose direct ones are given; only those that were kept are repaired here."""
        kept = [pair for pair in direct if pair.dropped_by is None]
        wrong = [wrong_of(pair) for pair in direct if pair.dropped_by in (None, "uncorrected", "format")]
        made = [await self._repair(problem, pair, wrong) for pair in kept]
        if self.settings.revise.correct_share == 0 or not self.settings.admits(pass_rate(attempts)):
            return made
        right = {
            clean(made.text, self.settings.cleanups).strip(): (attempt, grade)
            for attempt, made, grade in called("correct", attempts)
        }
        taken = itertools.islice(right.items(), self.settings.max_per_problem)
        for number, (text, (attempt, grade)) in enumerate(taken):
            other = wrong[number % len(wrong)] if wrong else None
            pair = await self._confirm(problem, attempt, grade, text, other, asked, fingerprint)
            made += [pair] if pair is not None else []
        return made

    async def _repair(self, problem: Problem, pair: Pair, wrong: Sequence[Wrong]) -> Pair:
        prompt = self.conversation(problem, pair.prompt, pair.rejected)
        others = [other for other in wrong if other.text not in (pair.rejected, pair.chosen)]
        rejected = await self._second_try(problem, prompt) or (others[0] if others else wrong_of(pair))
        assert pair.chosen is not None
        return pair.model_copy(
            update={
                "id": content_id(pair.id, "revise"),
                "prompt": prompt,
                "view": "revise",
                "rejected": rejected.text,
                "rejected_answer": rejected.answer,
                "rejected_score": rejected.score,
                "edit_ratio": edit_ratio(rejected.text, pair.chosen),
            }
        )

    async def _confirm(
        self,
        problem: Problem,
        attempt: Attempt,
        grade: Grade,
        text: str,
        other: Wrong | None,
        asked: tuple[Message, ...],
        fingerprint: str,
    ) -> Pair | None:
        prompt = self.conversation(problem, asked, text)
        rejected = await self._second_try(problem, prompt) or other
        if rejected is None or rejected.text == text:
            return None
        return Pair(
            id=content_id(attempt.id, fingerprint, "revise"),
            problem_id=problem.id,
            mistake_id=rejected.mistake_id,
            settings=fingerprint,
            prompt=prompt,
            rejected=rejected.text,
            chosen=text,
            answer=problem.answer,
            rejected_answer=rejected.answer,
            chosen_score=grade.score,
            rejected_score=rejected.score,
            rung="own_correct",
            gold_visible=False,
            edit_ratio=edit_ratio(rejected.text, text),
            view="revise",
            confirms=True,
        )

    def conversation(self, problem: Problem, asked: Sequence[Message], attempt: str) -> tuple[Message, ...]:
        """What the student was asked, what it answered, and the request to check that."""
        check = Message(role="user", content=self.prompt.fill(problem, attempt=attempt))
        return (*asked, Message(role="assistant", content=attempt), check)

    async def _second_try(self, problem: Problem, prompt: tuple[Message, ...]) -> Wrong | None:
        """What the student makes of it, where that is wrong; None where it is not, or was not asked."""
        if not self.settings.revise.second_try:
            return None
        completion, grade, failed = None, None, None
        try:
            (completion,) = await self.student.complete(prompt, params=self.params)
        except RequestFailed as error:
            failed = str(error)
        else:
            grade, failed = await try_grade(self.checker, problem, completion)
        shown = [[message.role, message.content] for message in prompt]
        tried = Attempt(
            id=content_id("second try", self.student.identity, shown, self.params.model_dump()),
            problem_id=problem.id,
            index=0,
            engine=self.student.name,
            settings=self.prompt.hash,
            completion=completion,
            grade=grade,
            failure=failed,
        )
        await self.journal.append([tried])
        if completion is None or grade is None or grade.verdict != "wrong":
            return None
        text = clean(completion.text, self.settings.cleanups).strip()
        return Wrong(text=text, mistake_id=content_id("mistake", tried.id), answer=grade.extracted) if text else None
