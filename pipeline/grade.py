"""attempts ──▶ correct │ wrong │ unknown."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pipeline.checkers.base import Checker
from pipeline.errors import RequestFailed
from pipeline.types import Attempt, Completion, Grade, Problem, Verdict

UNGRADED = "could not be graded"
TRUNCATED = "truncated: the text ends at the token limit"


async def grade_completion(checker: Checker, problem: Problem, completion: Completion) -> Grade:
    """Grade one completion; a text that was cut off or filtered is `unknown`, whatever it seems to say."""
    if completion.finish_reason == "length":
        return Grade(verdict="unknown", extracted=None, reason=TRUNCATED)
    if completion.finish_reason != "stop":
        return Grade(verdict="unknown", extracted=None, reason=f"ended by {completion.finish_reason}")
    return await checker.check(problem, completion.text)


async def try_grade(checker: Checker, problem: Problem, completion: Completion) -> tuple[Grade | None, str | None]:
    """The grade of one completion, or why there is none: a request of the checker's own has failed for good."""
    try:
        return await grade_completion(checker, problem, completion), None
    except RequestFailed as error:
        return None, f"{UNGRADED}: {error}"


def called(verdict: Verdict, attempts: Sequence[Attempt]) -> Iterator[tuple[Attempt, Completion, Grade]]:
    """The attempts of a verdict, with what was written and its grade."""
    for attempt in attempts:
        if attempt.completion is not None and attempt.grade is not None and attempt.grade.verdict == verdict:
            yield attempt, attempt.completion, attempt.grade


def rejected_contamination(accuracy: float, false_negative_rate: float) -> float:
    """Expected share of right answers among those called wrong: a·f / (a·f + (1 − a)).

    `accuracy` a is the student's true accuracy, `false_negative_rate` f the share of right answers called wrong.
    """
    missed = accuracy * false_negative_rate
    return missed / (missed + 1 - accuracy) if missed + 1 - accuracy > 0 else 0.0
