"""A file of answers ──▶ a file of grades, and how well the checker agrees with labels that stand beside them.

A checker that asks engines has its completions in a cache beside the grades, so that the same command, after an
interruption or a failed request, asks only for what is missing.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from pipeline.access import Access, finish_on_interrupt
from pipeline.bounded import run_bounded
from pipeline.budget import BudgetSettings
from pipeline.checkers.base import Checker, CheckerSettings
from pipeline.config import check_engines
from pipeline.engines.base import Engine
from pipeline.errors import ConfigError, DataError, StoppedEarly
from pipeline.grade import try_grade
from pipeline.opinions import FalseNegativeRate, SecondOpinions, measure_rate
from pipeline.ordered import OrderedLines
from pipeline.problems import ProblemSettings, make_problem, state_of
from pipeline.prompts import Prompts
from pipeline.rows import Row, column, read_rows
from pipeline.summary import EngineUse, count_use
from pipeline.types import Completion, Grade, Problem
from pipeline.unicode import is_unicode

NO_QUESTION = "(none)"
"""Stands for the question where a file has none and the checker can do without."""
LABELS = {
    **dict.fromkeys(("true", "1", "1.0", "yes", "right", "correct"), "right"),
    **dict.fromkeys(("false", "0", "0.0", "no", "wrong", "incorrect"), "wrong"),
}
"""What a label may say, in any case; an empty one says nothing."""


@dataclass(frozen=True)
class Columns:
    """Which columns of the file mean what."""

    id: str = "id"
    question: str = "question"
    answer: str = "answer"
    answer_pattern: str | None = None
    response: str = "response"
    label: str | None = None


@dataclass(frozen=True)
class Answer:
    """One text to be graded."""

    id: object
    index: int | None
    """Its place in the row's list, where the column holds one."""
    problem: Problem
    text: str
    label: str | None


class GradeReport(BaseModel):
    """What became of the texts; correct + wrong + unknown are all of them."""

    correct: int
    wrong: int
    unknown: int
    failed: int = 0
    """Of the unknown ones, those whose request failed: nobody has judged them."""
    first_failure: str | None = None
    second_opinions: dict[str, dict[str, int]] = {}
    """Texts on which a second checker was asked: its verdicts, by the first's."""
    labels: dict[str, dict[str, int]] = {}
    """Verdicts of the texts that are labelled right, and wrong."""
    false_negative_rate: FalseNegativeRate | None = None
    """By the labels, else the first checker's by the second opinions."""
    usage: dict[str, EngineUse] = {}


async def grade_file(
    path: Path,
    out: Path,
    columns: Columns,
    settings: CheckerSettings,
    prompts: Prompts,
    budget: BudgetSettings,
) -> GradeReport:
    """Grade every text of `path` and write the grades to `out`, in order.

    Raises DataError naming the line and field of a bad row before anything is asked, ConfigError for bad settings,
    StoppedEarly where the budget ends or an endpoint stays away.
    """
    if out.exists() and path.exists() and path.samefile(out):
        raise ConfigError(f"--out: {out} is the file of the answers; name another one for the grades")
    settings.check(prompts, Problem(id="x", question="Q", answer="A", extras=dict.fromkeys(settings.columns, "")))
    check_engines(settings.engines, budget)
    engines: dict[str, Engine] = {}
    async with AsyncExitStack() as stack:
        checker = await stack.enter_async_context(settings.connect(engines.__getitem__, prompts))

        def answers() -> Iterator[Answer]:
            return read_answers(path, columns, checker, needs_gold=not settings.scores_only)

        count, before = sum(1 for _ in answers()), state_of(str(path))
        access = None
        if settings.engines:
            cache = out.parent / "completions.sqlite"
            access = await stack.enter_async_context(Access(cache, f"grade {out.name}", budget))
            engines.update(await access.open_all(settings.engines))
            stack.enter_context(finish_on_interrupt(access))
        counted = Counted()
        with OrderedLines(out) as lines:

            async def grade(one: tuple[int, Answer]) -> None:
                number, answer = one
                given = await grade_text(checker, answer)
                counted.add(number, answer, *given)
                lines.add(number, [json.dumps(describe(answer, *given), ensure_ascii=False)])

            try:
                await run_bounded(enumerate(answers()), grade, 64 + 2 * sum(e.capacity for e in engines.values()))
            except StoppedEarly as error:
                raise StoppedEarly(f"{error} ({counted.verdicts.total():,} of {count:,} texts are graded)") from error
            if state_of(str(path)) != before:
                raise DataError(path, "has changed while it was being read; run this again")
            lines.write()
        usage = {} if access is None else count_use(access.meters, access.spent())
    return counted.report(usage)


def read_answers(path: Path, columns: Columns, checker: Checker, *, needs_gold: bool = True) -> Iterator[Answer]:
    """The texts of a file. Raises DataError for the first row that is none."""
    gold = {"answer": columns.answer, "answer_pattern": columns.answer_pattern} if needs_gold else {"answer": None}
    wanted = ProblemSettings.model_validate({"path": str(path), "question": columns.question, **gold})
    row = None
    for row in read_rows(str(path)):
        if not checker.needs_question and not row.values.get(columns.question):
            row = row._replace(values={**row.values, columns.question: NO_QUESTION})
        problem = make_problem(row, wanted, checker.columns)
        if needs_gold and (error := checker.gold_error(problem)):
            raise DataError(row.file, error, line=row.line, field=columns.answer)
        name = read_id(row, columns.id)
        value = column(row, columns.response)
        if value is None or value == []:
            value = ""  # a failed generation has its row, too: it states no answer
        texts = value if isinstance(value, list) else [value]
        labels = read_labels(row, columns.label, len(texts)) if columns.label else [None] * len(texts)
        for index, (text, label) in enumerate(zip(texts, labels, strict=True)):
            if not isinstance(text, str):
                raise DataError(row.file, f"must be text, not {text!r}"[:200], line=row.line, field=columns.response)
            yield Answer(name, index if isinstance(value, list) else None, problem, text, label)
    if row is None:
        raise DataError(path, "is empty")


def read_id(row: Row, name: str) -> object:
    """What the row is called in the file of grades: its line where it has no id. Raises DataError."""
    value = row.values.get(name, row.line)
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except (TypeError, ValueError) as error:  # a date or bytes of Parquet's; half a character
        raise DataError(row.file, f"{ascii(value)[:80]} is no text or number", line=row.line, field=name) from error
    return value


def read_labels(row: Row, name: str, count: int) -> list[str | None]:
    """Whether each text is `right` or `wrong`, None where nobody says. Raises DataError."""
    value = column(row, name)
    values = value if isinstance(value, list) else [value]
    if len(values) != count:
        raise DataError(row.file, f"has {len(values)} labels for {count} texts", line=row.line, field=name)
    labels: list[str | None] = []
    for told in values:
        word = "" if told is None else str(told).strip().lower()
        if word and word not in LABELS:
            raise DataError(row.file, f"{told!r} is not one of {', '.join(LABELS)}", line=row.line, field=name)
        labels.append(LABELS.get(word))
    return labels


async def grade_text(checker: Checker, answer: Answer) -> tuple[Grade | None, str | None]:
    """The grade, or why there is none."""
    if not is_unicode(answer.text):
        return Grade(verdict="unknown", extracted=None, reason="the text is not valid Unicode"), None
    return await try_grade(checker, answer.problem, Completion(text=answer.text))


def describe(answer: Answer, grade: Grade | None, failure: str | None) -> dict[str, Any]:
    """The row of one text in the file of grades."""
    which = {"id": answer.id} if answer.index is None else {"id": answer.id, "index": answer.index}
    if grade is None:
        return {**which, "verdict": "unknown", "extracted": None, "reason": failure, "failed": True}
    told = {**which, **grade.model_dump(include={"verdict", "extracted", "reason"})}
    told |= {} if grade.score is None else {"score": grade.score}
    return {**told, "opinions": [o.model_dump() for o in grade.opinions]} if grade.opinions else told


class Counted:
    """Verdicts, second opinions, and verdicts by label."""

    def __init__(self) -> None:
        self.verdicts: Counter[str] = Counter()
        self._by_label: Counter[tuple[str | None, str]] = Counter()
        self._opinions = SecondOpinions()
        self._failed = 0
        self._first: tuple[int, str] | None = None
        """Number of the first text whose request failed, and why."""

    def add(self, number: int, answer: Answer, grade: Grade | None, failure: str | None) -> None:
        """Count one text."""
        verdict = "unknown" if grade is None else grade.verdict
        self.verdicts[verdict] += 1
        self._by_label[answer.label, verdict] += 1
        if grade is not None:
            self._opinions.add(grade)
        if failure is not None:
            self._failed += 1
            self._first = min(self._first or (number, failure), (number, failure))

    def report(self, usage: Mapping[str, EngineUse]) -> GradeReport:
        """What became of all texts."""
        labels = {
            label: {verdict: self._by_label[label, verdict] for verdict in ("correct", "wrong", "unknown")}
            for label in ("right", "wrong")
            if any(known == label for known, _ in self._by_label)
        }
        right = labels.get("right", {})
        rate = measure_rate(right["wrong"], sum(right.values())) if right else self._opinions.measured
        return GradeReport(
            correct=self.verdicts["correct"],
            wrong=self.verdicts["wrong"],
            unknown=self.verdicts["unknown"],
            failed=self._failed,
            first_failure=None if self._first is None else self._first[1],
            second_opinions=self._opinions.table,
            labels=labels,
            false_negative_rate=rate,
            usage=dict(usage),
        )
