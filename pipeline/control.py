"""The control: pairs of the student's own right and wrong answers to one problem.

Both texts have one author, so what separates them is right and wrong. What separates a data set's pairs beyond that is
somebody's habit (`pipeline/shortcuts/`).
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from pipeline.cleanups.base import CleanupSettings, clean
from pipeline.edits import edit_ratio
from pipeline.grade import called
from pipeline.types import Attempt, Grade, Message, Pair, Problem, Verdict, content_id

CONTROL = "control.jsonl"
"""The file of a run folder that holds its control."""


def control_pairs(
    problem: Problem,
    asked: Sequence[Message],
    attempts: Sequence[Attempt],
    cleanups: Sequence[CleanupSettings],
    most: int,
) -> list[Pair]:
    """Each distinct right text with a wrong one, and each distinct wrong one with a right one, at most `most` pairs."""

    def texts(verdict: Verdict) -> list[tuple[str, tuple[Attempt, Grade]]]:
        made = {
            clean(text.text, cleanups).strip(): (attempt, grade) for attempt, text, grade in called(verdict, attempts)
        }
        return [(text, of) for text, of in made.items() if text]

    right, wrong = texts("correct"), texts("wrong")
    if not right or not wrong:
        return []
    count = min(most, max(len(right), len(wrong)))
    both = itertools.islice(zip(itertools.cycle(right), itertools.cycle(wrong), strict=False), count)
    return [
        Pair(
            id=content_id("control", better.id, worse.id),
            problem_id=problem.id,
            mistake_id=content_id("mistake", worse.id),
            settings=better.settings,
            prompt=tuple(asked),
            rejected=rejected,
            chosen=chosen,
            answer=problem.answer,
            rejected_answer=wrong_grade.extracted,
            chosen_score=right_grade.score,
            rejected_score=wrong_grade.score,
            rung="own_correct",
            gold_visible=False,
            edit_ratio=edit_ratio(rejected, chosen),
        )
        for (chosen, (better, right_grade)), (rejected, (worse, wrong_grade)) in both
    ]
