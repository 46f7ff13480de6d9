"""Mathematical answers, compared by what they mean: `correct` and `wrong` each need a positive reason.

Exact text, then meaning (`pipeline.answers`: values as exact rationals or to 60 digits, expressions at chosen points,
sets, tuples, intervals, equations, times, words), then a second reading by math-verify in killable worker processes
wherever the first found a difference that is not one of plain numbers. Readings that disagree are `unknown`.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import Literal, Self

from pydantic import Field

from pipeline.answers import extraction
from pipeline.answers.comparison import Context, Outcome, compare_readings, make_context
from pipeline.answers.reading import Formula, Items, Phrase, Quantity, Reading, read
from pipeline.answers.second_reading import verify
from pipeline.answers.syntax import Apply, Number, Unreadable
from pipeline.answers.words import read_class
from pipeline.checkers.base import AnswerSettings, Checker
from pipeline.pool import WorkerPool
from pipeline.types import Grade, Problem, Verdict

MAX_LENGTH = 1000
"""Characters beyond which a final answer is not read."""


PARTS = re.compile(r"\b[Pp]art\b|\([1-9ab]\)|[（(][一二三1-9][)）]|第[一二三1-9]")
"""A text that answers in parts."""
WORDS = re.compile(r"(?<![\\A-Za-z])[A-Za-z]{3,}|\\text|\\\$|[\u4e00-\u9fff]")
"""Words and units, which math-verify leaves out of account."""
INTERNAL = "the reader failed"
"""How the reason begins where our own reader raised what it should not."""
CORRECTED = re.compile(
    r"(?:final answer|correct|instead|should be|mistake|wrong|最终|正确|应为|应该|改为|错)[^\n]{0,200}\\f?boxed(?!.*\\f?boxed)",
    re.IGNORECASE | re.DOTALL,
)
"""The last box is announced as the one that counts."""


class Settings(AnswerSettings):
    """Reads the final answer as mathematics."""

    checker: Literal["math"] = "math"
    tolerance: float = Field(default=1e-8, ge=0, lt=0.5)
    """Relative difference up to which a decimal counts as an exact value: 0.333 for 1/3 needs 0.002."""
    last_number: bool = False
    """Whether the last number of a text that states no answer may make it correct; it never makes it wrong."""
    limit: float = Field(default=10.0, gt=0)
    """Seconds a second reading may take before its process is killed and the verdict is `unknown`."""
    workers: int = Field(default=os.cpu_count() or 1, ge=1)
    """Worker processes for second readings."""

    def create(self) -> Checker:
        return Math(self)


@dataclass(frozen=True)
class Statement:
    """One place of a text that states its answer."""

    text: str
    """The whole of it."""
    forms: tuple[str, ...]
    """What to read there, the likeliest first."""
    firm: bool = True
    """Whether it is sure enough to make a text wrong."""


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
        if not problem.answer.strip(" \t\r\n$") or len(problem.answer) > MAX_LENGTH:
            return f"checker 'math' cannot read the gold answer {problem.answer[:80]!r}"
        return None

    async def check(self, problem: Problem, text: str) -> Grade:
        grade = await self._check_statements(problem, text)
        if self.settings.last_number and grade.verdict == "unknown" and (guess := extraction.last_number(text)):
            guessed = await self.grade(problem, Statement(guess, (guess,), firm=False))
            return guessed if guessed.verdict == "correct" else grade
        return grade

    async def _check_statements(self, problem: Problem, text: str) -> Grade:
        statements, boxes = self.find_statements(text)
        if not statements:
            return Grade(verdict="unknown", extracted=None, reason="no final answer found")
        grades = [await self.grade(problem, statement) for statement in statements]
        if len({grade.verdict for grade in grades}) > 1:
            told = ", ".join(grade.extracted or "" for grade in grades)
            return Grade(
                verdict="unknown", extracted=grades[-1].extracted, reason=f"marked answers disagree: {told}"[:200]
            )
        grade = grades[-1]
        if grade.verdict == "wrong" and len(set(boxes)) > 1 and not CORRECTED.search(text):
            if await self._is_in_boxes(problem, boxes):
                return grade.model_copy(update={"verdict": "unknown", "reason": "another boxed answer is the right one"})
            if PARTS.search(text):
                return grade.model_copy(update={"verdict": "unknown", "reason": "several parts, each with its box"})
        return grade

    async def check_answer(self, problem: Problem, answer: str) -> Grade:
        return await self.grade(problem, Statement(answer, tuple(extraction.candidates(answer))))

    def find_statements(self, text: str) -> tuple[list[Statement], list[str]]:
        """(statements of the final answer, every boxed answer); the surest kind of statement that the text has."""
        text = extraction.after_thinking(text)
        box, boxes = extraction.last_boxes(text) if self.settings.boxed else ("", [])
        found = [Statement(box, (box,))] if box else []
        found += [Statement(marked, tuple(extraction.candidates(marked))) for marked in self.settings.find_marked(text)]
        if boxes:
            after = text[text.rindex("boxed") :]
            found += [Statement(told, tuple(extraction.candidates(told))) for told in _announced(after)]
        if not found:
            found = [Statement(told, tuple(extraction.candidates(told))) for told in self.settings.find_phrases(text)]
        if not found:
            forms, firm = extraction.conclusion(text)
            if any(_try_read(form) is not None for form in forms):
                found = [Statement(forms[0], tuple(forms), firm=firm)]
        return [statement for statement in found if statement.forms], boxes

    async def _is_in_boxes(self, problem: Problem, boxes: list[str]) -> bool:
        """Whether an earlier box, or all of them together, hold the right answer."""
        for form in (", ".join(dict.fromkeys(boxes[-6:])), *dict.fromkeys(boxes[-6:-1])):
            if (await self.grade(problem, Statement(form, (form,)))).verdict == "correct":
                return True
        return False

    async def grade(self, problem: Problem, statement: Statement) -> Grade:
        """Grade one statement of an answer against the gold one."""
        shown = statement.forms[0][:MAX_LENGTH]
        outcome: Outcome | Literal["unread"]
        try:
            outcome, why, shown = self._compare(problem, statement.forms)
        except Exception as error:  # a fault of the reader must not end a run; fuzzed texts look for this reason
            outcome, why = "unread", f"{INTERNAL}: {type(error).__name__}: {error}"[:120]
        if outcome == "unread" or (outcome == "different" and not why.startswith("plain: ")):
            outcome, why = await self._read_again(problem.answer, shown, outcome, why)
        why = why.removeprefix("plain: ")
        verdict: Verdict = {"same": "correct", "different": "wrong"}.get(outcome, "unknown")  # type: ignore[assignment]
        if verdict == "wrong" and not (statement.firm and extraction.is_complete(statement.text, shown)):
            verdict, why = "unknown", f"{why}; but the answer found is not sure to be the whole answer"
        if verdict == "correct" and extraction.is_restricted(statement.text, shown):
            verdict, why = "unknown", f"{why}; but a restriction follows"
        return Grade(verdict=verdict, extracted=shown, reason=f"{why} (gold: {problem.answer})"[:300])

    def _compare(self, problem: Problem, forms: tuple[str, ...]) -> tuple[str, str, str]:
        """(outcome, reason, the form that was read)."""
        gold = problem.answer
        if squeeze(gold) == squeeze(forms[0]):
            return "same", "the same text", forms[0]
        if len(forms[0]) > MAX_LENGTH:
            return "unclear", f"the final answer is longer than {MAX_LENGTH} characters", forms[0][:MAX_LENGTH]
        read_gold = _read_first(gold_forms(gold))
        if read_gold is None:
            return "unread", f"the gold answer cannot be read: {gold[:80]!r}", forms[0]
        read_answer = _read_first(forms)
        if read_answer is None:
            return "unread", f"the answer cannot be read: {forms[0][:80]!r}", forms[0]
        form, readings = read_answer
        context = make_context(problem.question, self.settings.tolerance)
        outcome, why = compare_readings(read_gold[1], readings, context)
        if outcome == "different" and not _needs_second_reading(read_gold[1][0], readings[0]):
            why = f"plain: {why}"
        return outcome, why, form

    async def _read_again(self, gold: str, answer: str, outcome: str, why: str) -> tuple[str, str]:
        """What a second reading by math-verify makes of it: it may doubt a difference, and read what we cannot."""
        if self._pool is None:
            self._pool = WorkerPool(self.settings.workers)
        try:
            second, told = await self._pool.run(verify, gold, answer, limit=self.settings.limit)
        except TimeoutError:
            second, told = "timeout", f"the second reading took longer than {self.settings.limit:g} s"
        except Exception as error:  # whatever hostile text does to the parser, it is this text's verdict
            second, told = "unread", f"the second reading failed: {type(error).__name__}: {error}"[:120]
        if outcome == "different":
            if second in ("same", "timeout"):
                return "unclear", f"{why}; {told}"
            return "different", why
        if second == "same" and not WORDS.search(gold + answer):
            return "same", told
        return "unclear", f"{why}; {told}"


def _announced(text: str) -> list[str]:
    """What a text after its last box calls the final answer."""
    return [
        match[1] for match in re.finditer(r"[Ff]inal answer is:?[ \t]*([^\n]+?)(?:\.(?=\s|$)|$)", text, re.MULTILINE)
    ][-1:]


def squeeze(text: str) -> str:
    """The text without what carries no meaning between two LaTeX answers: spaces, dollar signs, display styles."""
    for noise in ("\\left", "\\right", "\\displaystyle", "\\!", "\\,", "\\;", "\\ ", "$", " "):
        text = text.replace(noise, "")
    return text.replace("\\dfrac", "\\frac").replace("\\tfrac", "\\frac").strip().rstrip(".")


def gold_forms(gold: str) -> tuple[str, ...]:
    """Forms of a gold answer to read: data sets give it bare, boxed, or at the end of a sentence."""
    box, _ = extraction.last_boxes(gold) if "boxed" in gold else ("", [])
    if box:
        return (box,)
    return tuple(form for form in extraction.candidates(gold) if extraction.is_complete(gold, form))


def _try_read(text: str) -> tuple[Reading, ...] | None:
    try:
        return read(text)
    except Unreadable:
        return None


def _read_first(forms: tuple[str, ...]) -> tuple[str, tuple[Reading, ...]] | None:
    """The first form that reads as mathematics or known words; else the first that reads at all."""
    found: tuple[str, tuple[Reading, ...]] | None = None
    for form in forms:
        readings = _try_read(form)
        if readings is None:
            continue
        meaning = readings[0].meaning
        if not isinstance(meaning, Phrase) or read_class(meaning.text) is not None:
            return form, readings
        found = found or (form, readings)
    return found


def _needs_second_reading(gold: Reading, answer: Reading) -> bool:
    """Whether a difference is of a kind that math-verify could judge: it knows no units, names, classes or orders."""
    sides = (gold.meaning, answer.meaning)
    if all(isinstance(side, Quantity) for side in sides):
        if any(side.unit for side in sides if isinstance(side, Quantity)):
            return False
        return not all(_is_literal(side.node) for side in sides if isinstance(side, Quantity))
    if all(isinstance(side, Items) for side in sides):
        return len(gold.meaning.items) == len(answer.meaning.items)  # type: ignore[union-attr]
    return all(isinstance(side, Formula) for side in sides) and "congruent" not in repr(sides)


def _is_literal(node: object) -> bool:
    """Whether a tree is a number with signs around it that leave no doubt how to read it."""
    if isinstance(node, Apply) and node.name in (
        "neg",
        "%",
        "/",
        "deg",
        "^",
        "*",
        "+",
        "sqrt",
        "based",
        "in base",
        ":",
    ):
        return all(_is_literal(argument) for argument in node.args)
    return isinstance(node, Number)


__all__ = ["Context", "Math", "Settings"]
