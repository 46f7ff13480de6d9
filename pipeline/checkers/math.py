"""Mathematical answers: exact text, then plain numbers, then math-verify (sympy) in killable worker processes.

`wrong` is earned: math-verify must have read both sides as mathematics and found them different, in both orders
(its `verify` is not symmetric). Time-outs, crashes and unreadable sides are `unknown`.
"""

from __future__ import annotations

import logging
import os
import re
from typing import Literal, Self

from pipeline.checkers.base import AnswerSettings, Checker
from pipeline.checkers.numeric import read_number
from pipeline.pool import WorkerPool
from pipeline.types import Grade, Problem, Verdict

MAX_LENGTH = 1000
"""Characters beyond which a final answer is not read."""


def compare(gold: str, answer: str) -> tuple[Verdict, str]:
    """Runs in a worker: compare two LaTeX or plain expressions with math-verify."""
    logging.getLogger("math_verify").setLevel(logging.ERROR)  # its time limits are off on purpose: ours are hard
    import math_verify
    import sympy

    def read(text: str) -> list[object]:
        return math_verify.parse(f"\\boxed{{{text}}}", parsing_timeout=None, raise_on_error=True)  # type: ignore[no-any-return]

    sides = [read(gold), read(answer)]
    for side, text in zip(sides, (gold, answer), strict=True):
        if not any(isinstance(part, (sympy.Basic, sympy.MatrixBase)) for part in side):
            return "unknown", f"cannot be read as mathematics: {text[:80]!r}"
    same = [math_verify.verify(*order, timeout_seconds=None, raise_on_error=True) for order in (sides, sides[::-1])]
    if same[0]:
        return "correct", f"math-verify: equivalent to {gold}"
    if same[1]:
        return "unknown", f"math-verify: equivalent to {gold} in one order only"
    return "wrong", f"math-verify: not equivalent to {gold}"


def squeeze(text: str) -> str:
    """The text without what carries no meaning between two LaTeX answers: spaces, dollar signs, display styles."""
    for noise in ("\\left", "\\right", "\\displaystyle", "\\!", "\\,", "\\;", "\\ ", "$", " "):
        text = text.replace(noise, "")
    return text.replace("\\dfrac", "\\frac").replace("\\tfrac", "\\frac").strip().rstrip(".")


def read_words(text: str) -> list[str] | None:
    """The words of an answer that is a text (`even`, `\\text{Evelyn}`), lower case; None for anything mathematical."""
    plain = re.sub(r"\\(?:text|textbf|mathrm|mbox)\s*\{([^{}]*)\}", r" \1 ", text)
    if re.fullmatch(r"[A-Za-z\s.,'-]+", plain) and re.search(r"[A-Za-z]{2}", plain):
        return re.findall(r"[a-z]+", plain.lower())
    return None


class Settings(AnswerSettings):
    """Reads the marked final answer as mathematics."""

    checker: Literal["math"] = "math"
    limit: float = 10.0
    """Seconds one comparison may take before its process is killed and the verdict is `unknown`."""
    workers: int = os.cpu_count() or 1
    """Worker processes."""

    def create(self) -> Checker:
        return Math(self)


class Math(Checker):
    """Starts its workers when the first answer needs them."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._pool: WorkerPool | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._pool is not None:
            self._pool.close()

    def gold_error(self, problem: Problem) -> str | None:
        if not squeeze(problem.answer) or len(problem.answer) > MAX_LENGTH:
            return f"checker 'math' cannot read the gold answer {problem.answer[:80]!r}"
        return None

    async def check(self, problem: Problem, text: str) -> Grade:
        found = self.settings.find_answers(text)
        if not found:
            return Grade(verdict="unknown", extracted=None, reason="no final answer found")
        grades = [await self.compare(problem.answer, answer) for answer in dict.fromkeys(found)]
        if len({grade.verdict for grade in grades}) > 1:
            reason = f"marked answers disagree: {', '.join(found)}"[:200]
            return Grade(verdict="unknown", extracted=found[-1], reason=reason)
        return grades[-1]

    async def check_answer(self, problem: Problem, answer: str) -> Grade:
        return await self.compare(problem.answer, answer)

    async def compare(self, gold: str, answer: str) -> Grade:
        """Grade one final answer against the gold one."""

        def grade(verdict: Verdict, reason: str) -> Grade:
            return Grade(verdict=verdict, extracted=answer[:MAX_LENGTH], reason=reason)

        if len(answer) > MAX_LENGTH:
            return grade("unknown", f"the final answer is longer than {MAX_LENGTH} characters")
        if squeeze(gold) == squeeze(answer):
            return grade("correct", f"same text as {gold}")
        numbers = read_number(gold), read_number(answer)
        if numbers[0] is not None and numbers[0] == numbers[1]:
            return grade("correct", f"equals {gold}")
        words = read_words(gold), read_words(answer)
        if words[0] is not None and words[0] == words[1]:
            return grade("correct", f"same words as {gold}")
        if words[0] is not None and words[1] is not None and len(words[0]) == len(words[1]) == 1:
            return grade("wrong", f"another word than {gold}")
        if words != (None, None):
            return grade("unknown", f"cannot compare words with {gold}")
        if self._pool is None:
            self._pool = WorkerPool(self.settings.workers)
        try:
            verdict, reason = await self._pool.run(compare, gold, answer, limit=self.settings.limit)
        except TimeoutError:
            return grade("unknown", f"comparison took longer than {self.settings.limit:g} s")
        except Exception as error:  # whatever hostile text does to the parser, it is this text's verdict
            return grade("unknown", f"comparison failed: {type(error).__name__}: {error}"[:200])
        return grade(verdict, reason)
