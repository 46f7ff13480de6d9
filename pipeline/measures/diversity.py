"""What a problem's samples answer, as counts: how many different answers, and how evenly they are given.

All correct answers are one, however they are written. Wrong ones are told apart by their extracted text, white space
and case folded: `1/2` and `0.5` are two. An answer that is `unknown` or was not extracted counts for nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from math import log
from typing import NamedTuple

from pipeline.measures.bootstrap import bootstrap_mean
from pipeline.measures.records import Estimate
from pipeline.types import Grade


class Answers(NamedTuple):
    """How many of a problem's samples give each answer."""

    right: int
    wrong: tuple[int, ...]
    """By wrong answer, the commonest first."""
    none: int
    """Samples that give none."""

    @property
    def given(self) -> tuple[int, ...]:
        """Of each answer that is given, how many samples give it."""
        return (self.right, *self.wrong) if self.right else self.wrong


def count_answers(grades: Sequence[Grade]) -> Answers:
    """Group the answers of one problem's samples."""
    right = sum(grade.verdict == "correct" for grade in grades)
    wrong = Counter(_fold(grade.extracted) for grade in grades if grade.verdict == "wrong" and grade.extracted)
    return Answers(right, tuple(sorted(wrong.values(), reverse=True)), len(grades) - right - wrong.total())


def _fold(text: str) -> str:
    return " ".join(text.casefold().split())


def tells_answers(problems: Sequence[Sequence[Grade]]) -> bool:
    """False where there are wrong answers but no text of any: the checker says right or wrong and nothing more."""
    texts = [grade.extracted for grades in problems for grade in grades if grade.verdict == "wrong"]
    return not texts or any(texts)


def distinct_answers(answers: Answers) -> int:
    """Number of different answers."""
    return len(answers.given)


def answer_entropy(answers: Answers) -> float:
    """Entropy of the answers in nats; 0 where all are the same, or there is none."""
    total = sum(answers.given)
    return sum(count / total * log(total / count) for count in answers.given)


def mean_distinct(problems: Sequence[Sequence[Grade]]) -> Estimate | None:
    """Mean number of different answers to a problem, over the problems with an answer; None where there is none."""
    return _mean(problems, distinct_answers)


def mean_entropy(problems: Sequence[Sequence[Grade]]) -> Estimate | None:
    """Mean entropy in nats of the answers to a problem, over the problems with an answer; None where there is none."""
    return _mean(problems, answer_entropy)


def _mean(problems: Sequence[Sequence[Grade]], measure: Callable[[Answers], float]) -> Estimate | None:
    if not tells_answers(problems):
        return None
    values = [measure(answers) for answers in map(count_answers, problems) if answers.given]
    return bootstrap_mean(values) if values else None
