"""Problems from rows: columns mapped, gold answers found, bad rows counted, doubles merged, conflicts left out."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal

from pydantic import Field, model_validator

from pipeline.checkers.base import Checker
from pipeline.cleanups.replace import Pattern
from pipeline.errors import ConfigError, DataError
from pipeline.rows import Row, column, read_rows
from pipeline.select.settings import DecontaminateSettings
from pipeline.settings import Settings
from pipeline.types import Extra, Problem, content_id


class ProblemSettings(Settings):
    """Where the problems are and which columns mean what. Dots reach into nested columns."""

    path: str
    """A .jsonl, .csv or .parquet file, or the id or folder of a `datasets` data set."""
    subset: str | None = None
    """Configuration name of a `datasets` data set."""
    split: str = "train"
    """Split of a `datasets` data set."""
    question: str = "question"
    """Column of the question."""
    answer: str | None = "answer"
    """Column of the gold answer, or the text in which `answer_pattern` finds it; null for data without ground truth."""
    answer_pattern: Pattern | None = None
    """Pattern whose first group is the gold answer; its last match counts. For GSM8K: `#### (.+)`."""
    rationale: str | None = None
    """Column of a worked solution, for the rung `reference`."""
    system: str | None = None
    """Column of a system prompt."""
    id: str | None = None
    """Column of the id; without one, ids are hashes of the content."""
    extras: tuple[str, ...] = ()
    """Further columns that the prompts use."""
    on_bad_row: Literal["error", "skip"] = "error"
    """What to do with a row that cannot be read: stop, or leave it out and count it."""
    decontaminate: DecontaminateSettings = DecontaminateSettings()
    """Evaluation files whose problems are not to be trained on."""
    limit: int | None = Field(default=None, ge=1)
    """Read no more than this many problems."""

    @model_validator(mode="after")
    def _one_group(self) -> ProblemSettings:
        if self.answer_pattern is not None and self.answer is None:
            raise ValueError("answer_pattern needs `answer`, the column in which it looks")
        if self.answer_pattern is not None and re.compile(self.answer_pattern).groups < 1:
            raise ValueError("answer_pattern needs a group (…) around the answer")
        return self

    def check(self) -> None:
        """Raises ConfigError when a named file is not there; looks at nothing inside."""
        self.decontaminate.check()
        from pathlib import Path

        path = Path(self.path)
        if (path.suffix or path.is_absolute() or self.path.startswith(".")) and not path.exists():
            raise ConfigError(f"problems.path: there is no file {self.path}")


@dataclass
class ReadReport:
    """What became of the rows."""

    rows: int = 0
    bad_rows: list[str] = field(default_factory=list)
    """Messages of the rows left out under `on_bad_row: skip`."""
    duplicates: int = 0
    """Rows that repeat an earlier problem."""
    conflicting: list[str] = field(default_factory=list)
    """Questions that stand there with different gold answers: all of them are left out."""
    contaminated: list[str] = field(default_factory=list)
    """Problems that overlap with the evaluation files: left out."""


class ProblemSource:
    """The problems of a source, in file order, as often as they are wanted; never all of them in memory.

    Opening it reads all rows once and keeps a few numbers of each: what repeats an earlier problem is merged, a
    question with two gold answers is left out. Raises DataError for a bad row (unless skipped) and for an empty source.
    """

    def __init__(self, settings: ProblemSettings, checker: Checker) -> None:
        self.settings, self.checker, self.report = settings, checker, ReadReport()
        self._first: dict[int, int] = {}
        """Content of a problem to the line where it stands first."""
        self._conflicts: dict[int, list[str]] = {}
        self._contaminated: set[int] = set()
        self._scan()
        self.report.conflicting = ["; ".join(places) for places in self._conflicts.values()]
        if not len(self):
            bad = self.report.bad_rows
            told = f"; {len(bad)} bad rows, the first: {bad[0]}" if bad else ""
            raise DataError(settings.path, f"holds no usable problem ({self.report.rows} rows{told})")

    def __len__(self) -> int:
        return len(self._first) - len(self._conflicts.keys() | self._contaminated)

    def __iter__(self) -> Iterator[Problem]:
        for problem, content, line in self._good_rows(self.report.rows, ReadReport()):
            if self._first[content] == line and content not in self._conflicts and content not in self._contaminated:
                yield problem

    def _scan(self) -> None:
        answers: dict[int, int] = {}
        owners: dict[str, int] = {}
        disputed = set()
        limit, find_overlap = self.settings.limit, self._overlaps()
        for problem, content, line in self._good_rows(None, self.report):
            answer = _fingerprint(problem.answer)
            if content not in self._first:
                if self.settings.id is not None:
                    self._own_id(owners, problem, line)
                self._first[content], answers[content] = line, answer
                if why := find_overlap(problem):
                    self._contaminated.add(content)
                    self.report.contaminated.append(f"{problem.source}: {why}")
            elif answers[content] == answer:
                self.report.duplicates += 1
            else:
                disputed.add(content)
            if limit is not None and len(self._first) - len(self._contaminated) >= limit:
                break
        if disputed:
            for problem, content, _ in self._good_rows(self.report.rows, ReadReport()):
                if content in disputed:
                    told = self._conflicts.setdefault(content, [])
                    if not told or _fingerprint(problem.answer) != answers[content]:
                        told.append(f"{problem.source} says {problem.answer!r}")

    def _overlaps(self) -> Callable[[Problem], str | None]:
        """Says what a problem shares with the evaluation files, if anything."""
        s = self.settings.decontaminate
        if not s.files:
            return lambda problem: None
        from pipeline.select.decontaminate import EvaluationFiles

        files = EvaluationFiles(s.files, s.n, s.min_share)

        def find(problem: Problem) -> str | None:
            overlap = files.overlap(problem)
            return None if overlap is None else overlap.reason

        return find

    def _own_id(self, owners: dict[str, int], problem: Problem, line: int) -> None:
        known = owners.setdefault(problem.id, line)
        if known != line:
            file = problem.source.rpartition(":")[0]
            told = f"id {problem.id!r} stands at {file}:{known} with another question"
            raise DataError(file, told, line=line, field=self.settings.id)

    def _good_rows(self, stop: int | None, report: ReadReport) -> Iterator[tuple[Problem, int, int]]:
        """(problem, hash of its content, line) of the first `stop` rows, the bad ones left out and reported."""
        s = self.settings
        for row in itertools.islice(read_rows(s.path, subset=s.subset, split=s.split), stop):
            report.rows += 1
            try:
                problem = make_problem(row, s, self.checker.columns)
                if problem.answer is not None and (error := self.checker.gold_error(problem)):
                    raise DataError(row.file, error, line=row.line, field=s.answer)
            except DataError as error:
                if s.on_bad_row == "error":
                    raise
                report.bad_rows.append(str(error))
            else:
                yield problem, int(content_id(problem.question, problem.system, problem.extras), 16), row.line


def read_problems(settings: ProblemSettings, checker: Checker) -> tuple[list[Problem], ReadReport]:
    """All problems of a source at once, and what became of its rows."""
    source = ProblemSource(settings, checker)
    return list(source), source.report


def _fingerprint(answer: str | None) -> int:
    return int(content_id(None if answer is None else " ".join(answer.split())), 16)


def make_problem(row: Row, settings: ProblemSettings, columns: Sequence[str] = ()) -> Problem:
    """Map one row; `columns` are read besides those of the settings. Raises DataError naming file, line and field."""
    question = _text(row, settings.question)
    answer = None if settings.answer is None else _text(row, settings.answer)
    if answer is not None and settings.answer_pattern is not None:
        found = re.findall(f"(?m){settings.answer_pattern}", answer)
        if not found:
            raise DataError(
                row.file,
                f"answer_pattern {settings.answer_pattern!r} finds no gold answer in …{answer[-60:]!r}",
                line=row.line,
                field=settings.answer,
            )
        answer = (found[-1] if isinstance(found[-1], str) else found[-1][0]).strip()
    extras = {name: _extra(row, name) for name in dict.fromkeys((*settings.extras, *columns))}
    system = _optional_text(row, settings.system)
    return Problem(
        id=_text(row, settings.id) if settings.id else content_id(question, system, extras),
        question=question,
        answer=answer,
        rationale=_optional_text(row, settings.rationale),
        system=system,
        extras=extras,
        source=f"{row.file}:{row.line}",
    )


def _extra(row: Row, name: str) -> Extra:
    value = column(row, name)
    if isinstance(value, list) and all(isinstance(part, str) for part in value):
        return tuple(value)
    if not isinstance(value, str | int | float | bool | None):
        raise DataError(
            row.file,
            f"must be a text, a number, null or a list of texts, not {type(value).__name__}",
            line=row.line,
            field=name,
        )
    return value


def _optional_text(row: Row, name: str | None) -> str | None:
    """The text of a column that may be null; None where no column is named."""
    return None if name is None or column(row, name) is None else _text(row, name)


def _text(row: Row, name: str) -> str:
    """A non-empty text; numbers are taken as they are written."""
    value = column(row, name)
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise DataError(row.file, f"must be a text or a number, not {value!r}"[:200], line=row.line, field=name)
    text = str(value)
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise DataError(row.file, f"is not valid Unicode: {error}"[:200], line=row.line, field=name) from error
    if not text.strip():
        raise DataError(row.file, "is empty", line=row.line, field=name)
    return text
