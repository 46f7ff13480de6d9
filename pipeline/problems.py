"""Problems from rows: columns mapped, gold answers found, bad rows counted, doubles merged, conflicts left out."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator

from pipeline.checkers.base import Checker
from pipeline.cleanups.replace import Pattern
from pipeline.errors import ConfigError, DataError
from pipeline.rows import Row, column, read_rows
from pipeline.seen import Seen
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

    Opening it reads all rows once and keeps a bit of each: what repeats an earlier problem is merged, a question with
    two gold answers is left out. Raises DataError for a bad row (unless skipped), for an empty source, and later for a
    file that is no longer the one that was read.
    """

    def __init__(self, settings: ProblemSettings, checker: Checker) -> None:
        self.settings, self.checker, self.report = settings, checker, ReadReport()
        self._file = state_of(settings.path)
        self._kept = bytearray()
        """For each row, 1 where it is a problem of its own."""
        self._scan()
        self._length = sum(self._kept)
        if not len(self):
            bad = self.report.bad_rows
            told = f"; {len(bad)} bad rows, the first: {bad[0]}" if bad else ""
            raise DataError(settings.path, f"holds no usable problem ({self.report.rows} rows{told})")

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[Problem]:
        for _, row in self._rows(self._kept):
            yield make_problem(row, self.settings, self.checker.columns)

    def _rows(self, wanted: Sequence[int]) -> Iterator[tuple[int, Row]]:
        """The rows that are wanted, with their numbers from 0; none behind the end of `wanted`."""
        s = self.settings
        self._look_again()
        for number, row in enumerate(itertools.islice(read_rows(s.path, subset=s.subset, split=s.split), len(wanted))):
            if wanted[number]:
                yield number, row
        self._look_again()

    def _look_again(self) -> None:
        """What is known of the rows by their numbers holds for the file that was read."""
        if state_of(self.settings.path) != self._file:
            raise DataError(self.settings.path, "has changed while it was being read; run this again")

    def _scan(self) -> None:
        s, report = self.settings, self.report
        find_overlap = self._overlaps()
        kept = 0
        with Seen() as seen:
            for number, row in enumerate(read_rows(s.path, subset=s.subset, split=s.split)):
                report.rows += 1
                self._kept.append(0)
                problem = self._read(row)
                if problem is None:
                    continue
                content = content_of(problem, s)
                known = seen.add(content, _fingerprint(problem.answer))
                if known == "same":
                    report.duplicates += 1
                elif known is None:
                    if s.id is not None and (line := seen.own(problem.id, row.line)) != row.line:
                        told = f"id {problem.id!r} stands at {row.file}:{line} with another question"
                        raise DataError(row.file, told, line=row.line, field=s.id)
                    if why := find_overlap(problem):
                        report.contaminated.append(f"{problem.source}: {why}")
                        continue
                    self._kept[number] = 1
                    kept += 1
                    if s.limit is not None and kept >= s.limit:
                        break
            if seen.disputed:
                self._leave_out(seen)

    def _leave_out(self, seen: Seen) -> None:
        """Leave out the questions that stand there with different gold answers, and say where."""
        told: dict[int, list[str]] = {}
        for number, row in self._rows(bytes(b"\1" * len(self._kept))):
            problem = self._read(row, again=True)
            if problem is None or (content := content_of(problem, self.settings)) not in seen.disputed:
                continue
            self._kept[number] = 0
            places = told.setdefault(content, [])
            if not places or _fingerprint(problem.answer) != seen.disputed[content]:
                places.append(f"{problem.source} says {problem.answer!r}")
        self.report.conflicting = ["; ".join(places) for places in told.values()]

    def _read(self, row: Row, *, again: bool = False) -> Problem | None:
        """The problem of a row; None for a bad one that is left out, which is reported once."""
        s = self.settings
        try:
            problem = make_problem(row, s, self.checker.columns)
            if problem.answer is not None and (error := self.checker.gold_error(problem)):
                raise DataError(row.file, error, line=row.line, field=s.answer)
        except DataError as error:
            if s.on_bad_row == "error":
                raise
            if not again:
                self.report.bad_rows.append(str(error))
            return None
        return problem

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


def state_of(path: str) -> tuple[int, int, int] | None:
    """What tells a file from a changed one; None for what is no file here."""
    file = Path(path)
    if not file.is_file():
        return None
    stat = file.stat()
    return stat.st_ino, stat.st_size, stat.st_mtime_ns


def content_of(problem: Problem, settings: ProblemSettings) -> int:
    """64 bits of what makes two rows the same problem."""
    if settings.id is None:
        return int(problem.id, 16)
    return int(content_id(problem.question, problem.system, problem.extras), 16)


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
        return tuple(_unicode(row, name, part) for part in value)
    if isinstance(value, str):
        return _unicode(row, name, value)
    if not isinstance(value, int | float | bool | None):
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
    text = _unicode(row, name, str(value))
    if not text.strip():
        raise DataError(row.file, "is empty", line=row.line, field=name)
    return text


def _unicode(row: Row, name: str, text: str) -> str:
    """A text that a file can hold."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise DataError(row.file, f"is not valid Unicode: {error}"[:200], line=row.line, field=name) from error
    return text
