"""problems ──▶ attempts: the student answers, each answer is graded at once."""

from __future__ import annotations

from collections.abc import Sequence

from pipeline.checkers.base import Checker
from pipeline.config import SampleSettings
from pipeline.engines.base import Engine, Request, finish_all
from pipeline.errors import RequestFailed
from pipeline.grade import try_grade
from pipeline.journal import Journal
from pipeline.prompts import Prompt
from pipeline.types import Attempt, Completion, Grade, Message, Problem, content_id


def make_conversation(prompt: Prompt, problem: Problem) -> tuple[Message, ...]:
    """What a student is asked, in sampling and in evaluation: its problem's system prompt, then the filled prompt."""
    question = Message(role="user", content=prompt.fill(problem))
    return (question,) if problem.system is None else (Message(role="system", content=problem.system), question)


class Sampler:
    """Asks one student, and remembers in the journal what it said."""

    def __init__(
        self,
        engine: Engine,
        checker: Checker,
        prompt: Prompt,
        settings: SampleSettings,
        checker_fingerprint: object,
        journal: Journal[Attempt],
    ) -> None:
        self.engine, self.checker, self.prompt, self.journal = engine, checker, prompt, journal
        self.n, self.params = settings.n, settings.params
        self.settings = content_id(engine.identity, prompt.hash, settings.params.model_dump(), checker_fingerprint)

    def attempt_id(self, problem: Problem, index: int) -> str:
        """Hash of all that the attempt depends on."""
        return content_id(
            problem.id, problem.question, problem.system, problem.extras, problem.answer, index, self.settings
        )

    def known(self, problem: Problem) -> list[Attempt] | None:
        """The problem's attempts from an earlier, interrupted run, if all are there and none failed."""
        found = [self.journal.get(self.attempt_id(problem, index)) for index in range(self.n)]
        attempts = [attempt for attempt in found if attempt is not None and attempt.failure is None]
        return attempts if len(attempts) == self.n else None

    async def sample(self, problems: Sequence[Problem]) -> list[list[Attempt]]:
        """Ask the student for all attempts at a group of problems; returns them graded, problem by problem.

        A group of which any part is missing is asked again whole: what the cache holds costs nothing, and an
        in-process model repeats a batch exactly only as the same batch.
        """
        known = [self.known(problem) for problem in problems]
        if None not in known:
            return [attempts for attempts in known if attempts is not None]
        requests = [Request(messages=make_conversation(self.prompt, p), params=self.params, n=self.n) for p in problems]
        results = await self.engine.complete_many(requests)
        calls = (self._grade_all(problem, made) for problem, made in zip(problems, results, strict=True))
        sampled = await finish_all(calls)
        await self.journal.append([attempt for attempts in sampled for attempt in attempts])
        return sampled

    async def _grade_all(self, problem: Problem, made: list[Completion] | Exception) -> list[Attempt]:
        if isinstance(made, RequestFailed):  # some of its samples may have been written all the same
            return await finish_all(self._grade(problem, i, made.completed.get(i), str(made)) for i in range(self.n))
        if isinstance(made, Exception):
            raise made
        return await finish_all(self._grade(problem, i, completion, "") for i, completion in enumerate(made))

    async def _grade(self, problem: Problem, index: int, completion: Completion | None, failure: str) -> Attempt:
        grade, failed = (None, failure) if completion is None else await try_grade(self.checker, problem, completion)
        return self._attempt(problem, index, completion, grade, failed)

    def failed(self, problem: Problem, reason: str) -> list[Attempt]:
        """A problem's attempts where none was made."""
        return [self._attempt(problem, index, None, None, reason) for index in range(self.n)]

    def _attempt(
        self, problem: Problem, index: int, completion: Completion | None, grade: Grade | None, failure: str | None
    ) -> Attempt:
        return Attempt(
            id=self.attempt_id(problem, index),
            problem_id=problem.id,
            index=index,
            engine=self.engine.name,
            settings=self.settings,
            completion=completion,
            grade=grade,
            failure=failure,
        )
