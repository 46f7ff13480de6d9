"""Mathematical answers, compared by what they mean: `correct` and `wrong` each need a positive reason.

Exact text, then meaning (`pipeline.answers`: values as exact rationals or to 60 digits, expressions at chosen points,
sets, tuples, intervals, equations, times, words), then a second reading by math-verify in killable worker processes
wherever the first found a difference that is not one of plain numbers. Readings that disagree are `unknown`.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, replace
from typing import Literal, Self

from pydantic import Field, JsonValue

from pipeline.answers import doubts, extraction
from pipeline.answers.comparison import compare_readings
from pipeline.answers.evaluation import LOCK
from pipeline.answers.outcome import make_context
from pipeline.answers.reading import Formula, Items, Phrase, Quantity, Reading, read
from pipeline.answers.second_reading import verify
from pipeline.answers.statements import Found, Statement, find_statements, state
from pipeline.answers.tree import Apply, Number, Unreadable
from pipeline.answers.words import read_class
from pipeline.checkers.base import AnswerSettings, Checker, EngineOf
from pipeline.pool import WorkerPool
from pipeline.prompts import Prompts
from pipeline.types import Grade, Problem, Verdict

MAX_LENGTH = 1000
"""Characters beyond which a final answer is not read."""
VERDICTS: dict[str, Verdict] = {"same": "correct", "different": "wrong"}
INTERNAL = "the reader failed"
"""How the reason begins where our own reader raised what it should not."""
WORDS = re.compile(
    r"[<>≤≥≠≈]|\\(?:n?eq?|[lg]eq?|approx|lt|gt)(?![A-Za-z])|(?<![\\A-Za-z])[A-Za-z]{3,}|\\text|\\\$|[\u4e00-\u9fff]"
)
"""Words, units and relations, which math-verify leaves out of account."""


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

    def fingerprint(self, engine_of: EngineOf, prompts: Prompts) -> JsonValue:
        """Nothing depends on the number of workers."""
        return self.model_dump(mode="json", exclude={"workers"})


@dataclass(frozen=True)
class Comparison:
    """What became of one statement: `same`, `different`, `unclear`, or `unread` where one side could not be read."""

    outcome: str
    why: str
    form: str
    """The form of the statement that was read."""
    doubtful: bool = False
    """Whether a difference should be read a second time, since both sides are more than plain numbers."""


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
            self._pool = None

    def gold_error(self, problem: Problem) -> str | None:
        if not problem.gold.strip(" \t\r\n$") or len(problem.gold) > MAX_LENGTH:
            return f"checker 'math' cannot read the gold answer {problem.gold[:80]!r}"
        return None

    async def check(self, problem: Problem, text: str) -> Grade:
        s = self.settings
        found = find_statements(text, boxed=s.boxed, marked=s.find_marked, phrases=s.find_phrases)
        grade = await self._check_found(problem, found)
        if s.last_number and grade.verdict == "unknown" and (guess := extraction.last_number(text)):
            guessed = await self._grade(problem, state(guess, firm=False))
            return guessed if guessed.verdict == "correct" else grade
        return grade

    async def check_answer(self, problem: Problem, answer: str) -> Grade:
        return await self._grade(problem, state(answer))

    async def _check_found(self, problem: Problem, found: Found) -> Grade:
        """Grade all statements; they must agree, and other boxes must not hold the right answer."""

        def unknown(reason: str) -> Grade:
            return Grade(verdict="unknown", extracted=grades[-1].extracted if grades else None, reason=reason[:300])

        grades = [await self._grade(problem, statement) for statement in found.statements]
        if not grades:
            return unknown("no final answer found")
        if len({grade.verdict for grade in grades}) > 1:
            return unknown(f"marked answers disagree: {', '.join(grade.extracted or '' for grade in grades)}")
        if grades[-1].verdict == "wrong" and len(set(found.boxes)) > 1 and not found.corrected:
            together = ", ".join(dict.fromkeys(found.boxes[-6:]))
            for form in (together, *dict.fromkeys(found.boxes[-6:-1])):
                if (await self._grade(problem, Statement(form, (form,)))).verdict == "correct":
                    return unknown("another boxed answer is the right one")
            if found.in_parts:
                return unknown("several parts, each with its box")
        return grades[-1]

    async def _grade(self, problem: Problem, statement: Statement) -> Grade:
        if not statement.forms:
            return Grade(verdict="unknown", extracted=None, reason="the answer is empty")
        try:
            with LOCK:
                result = self._compare(problem, statement)
        except Exception as error:  # a fault of the reader must not end a run; fuzzed texts look for this reason
            result = Comparison("unread", f"{INTERNAL}: {type(error).__name__}: {error}"[:120], statement.forms[0])
        if result.doubtful or result.outcome == "unread":
            result = await self._read_again(problem.gold, result)
        verdict, why = VERDICTS.get(result.outcome, "unknown"), result.why
        if verdict == "wrong" and not statement.is_sure_of(result.form, problem.gold):
            verdict, why = "unknown", f"{why}; but the answer found is not sure to be the whole answer"
        if verdict == "correct" and doubts.is_changed(statement.text, problem.gold):
            verdict, why = "unknown", f"{why}; but words around it change it"
        if verdict == "correct" and statement.is_restricted(result.form):
            verdict, why = "unknown", f"{why}; but a restriction follows"
        reason = f"{why} (gold: {problem.gold})"[:300]
        return Grade(verdict=verdict, extracted=result.form[:MAX_LENGTH], reason=reason)

    def _compare(self, problem: Problem, statement: Statement) -> Comparison:
        """Compare a statement with the gold answer by our own reading."""
        gold, forms = problem.gold, statement.forms
        if squeeze(gold) == squeeze(forms[0]):
            return Comparison("same", "the same text", forms[0])
        if len(forms[0]) > MAX_LENGTH:
            return Comparison("unclear", f"the final answer is longer than {MAX_LENGTH} characters", forms[0])
        read_gold = _read_first(gold_forms(gold))
        if read_gold is None:
            return Comparison("unread", f"the gold answer cannot be read: {gold[:80]!r}", forms[0])
        read_answer = _read_first(forms)
        if read_answer is None:
            return Comparison("unread", f"the answer cannot be read: {forms[0][:80]!r}", forms[0])
        context = make_context(problem.question, self.settings.tolerance)
        outcome, why = compare_readings(read_gold[1], read_answer[1], context)
        doubtful = outcome == "different" and _may_be_doubted(read_gold[1][0], read_answer[1][0])
        return Comparison(outcome, why, read_answer[0], doubtful)

    async def _read_again(self, gold: str, first: Comparison) -> Comparison:
        """What a second reading by math-verify makes of it: it may doubt a difference, and read what we cannot."""
        if self._pool is None:
            self._pool = WorkerPool(self.settings.workers)
        try:
            outcome, why = await self._pool.run(verify, gold, first.form, limit=self.settings.limit)
        except TimeoutError:
            return replace(first, outcome="unclear", why=f"{first.why}; a second reading took too long")
        except Exception as error:  # whatever hostile text does to the parser, it is this text's verdict
            told = f"the second reading failed: {type(error).__name__}: {error}"[:120]
            return replace(first, outcome="unclear", why=f"{first.why}; {told}")
        if first.outcome == "different":
            return replace(first, outcome="unclear", why=f"{first.why}; {why}") if outcome == "same" else first
        if outcome == "same" and not WORDS.search(gold + first.form):
            return replace(first, outcome="same", why=why)
        return replace(first, outcome="unclear", why=f"{first.why}; {why}")


def squeeze(text: str) -> str:
    """The text without what carries no meaning between two LaTeX answers: spaces, dollar signs, display styles."""
    for noise in ("\\left", "\\right", "\\displaystyle", "\\!", "$"):
        text = text.replace(noise, "")
    text = re.sub(r"\\[,; ]", " ", text).replace("\\dfrac", "\\frac").replace("\\tfrac", "\\frac")
    return re.sub(r"(?<!\.)\.$", "", re.sub(r"(?<![0-9A-Za-z])\s+|\s+(?![0-9A-Za-z])", "", text))


def gold_forms(gold: str) -> tuple[str, ...]:
    """Forms of a gold answer to read: data sets give it bare, boxed, or at the end of a sentence."""
    box, _ = extraction.last_boxes(gold) if "boxed" in gold else ("", [])
    if box:
        return (box,)
    return tuple(form for form in extraction.candidates(gold) if doubts.is_complete(gold, form))


def _read_first(forms: tuple[str, ...]) -> tuple[str, tuple[Reading, ...]] | None:
    """The first form that reads as mathematics or known words; else the first that reads at all."""
    found: tuple[str, tuple[Reading, ...]] | None = None
    for form in forms:
        try:
            readings = read(form)
        except Unreadable:
            continue
        meaning = readings[0].meaning
        if not isinstance(meaning, Phrase) or read_class(meaning.text) is not None:
            return form, readings
        found = found or (form, readings)
    return found


def _may_be_doubted(gold: Reading, answer: Reading) -> bool:
    """Whether a difference is of a kind that math-verify can judge: it knows no units, names, classes or orders."""
    first, second = gold.meaning, answer.meaning
    if isinstance(first, Quantity) and isinstance(second, Quantity):
        return not (first.unit or second.unit or (_is_literal(first.node) and _is_literal(second.node)))
    if isinstance(first, Items) and isinstance(second, Items):
        return len(first.items) == len(second.items)
    both = isinstance(first, Formula) and isinstance(second, Formula)
    return both and "congruent" not in f"{first}{second}"


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
        return all(map(_is_literal, node.args))
    return isinstance(node, Number)
