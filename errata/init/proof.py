"""Which checker fits the gold answers, and how many of them it reads."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import TypeAdapter

from errata.init.guess import Sample, guess_options, guess_tests
from pipeline.checkers.base import CheckerSettings
from pipeline.checkers.numeric import read_number
from pipeline.components import AnyChecker
from pipeline.errors import ConfigError, DataError
from pipeline.problems import ProblemSettings, make_problem
from pipeline.rows import Row
from pipeline.settings import available, nearest
from pipeline.types import Problem

PROVEN, RUN = 300, 20
"""Gold answers that a checker is tried on; of code, which has to be run, fewer."""
NUMBERS = 0.98
"""Share of gold answers that must be numbers for `numeric`; the others are then bad rows."""
ABOUT = {
    "numeric": "one number, in digits or words, exactly",
    "math": "what two answers mean: numbers, expressions, sets, equations, units",
    "choice": "an option by letter or text",
    "exact": "the text itself",
    "code": "unit tests, run in a sandbox",
    "chain": "a model is asked where the rules say wrong or unknown",
    "judge": "a model compares both answers",
}
ASKS = ("chain", "judge")
"""Checkers that ask a model."""
FORMULA = re.compile(r"[\d\\$^_=+*/<>]")


@dataclass(frozen=True)
class Proof:
    """How a checker did on gold answers."""

    read: int
    of: int
    bad_rows: tuple[str, ...]
    """Rows that `on_bad_row: skip` leaves out, and why."""
    doubted: tuple[str, ...]
    """Gold answers that can be read, and that the checker does not call correct."""


def pick(sample: Sample, problems: ProblemSettings, most: int) -> tuple[list[tuple[Row, Problem]], list[str]]:
    """Rows from all over the sample as problems, and what is wrong with those that are none."""
    step = max(1, len(sample.rows) // most)
    good, bad = [], []
    for row in sample.rows[::step][:most]:
        try:
            good.append((row, make_problem(row, problems)))
        except DataError as error:
            bad.append(str(error))
    return good, bad


def guess_checker(sample: Sample, problems: ProblemSettings) -> CheckerSettings:
    """The checker for the data's gold answers."""
    columns = sample.columns
    if guess_tests(columns):
        return make_checker("code", sample, problems)
    golds = [problem.gold for _, problem in pick(sample, problems, len(sample.rows))[0]]
    letters = _share(golds, lambda gold: re.fullmatch(r"\(?[A-J]\)?\.?", gold.strip()) is not None)
    if guess_options(columns) or letters >= NUMBERS:
        return make_checker("choice", sample, problems)
    if _share(golds, lambda gold: read_number(gold) is not None) >= NUMBERS:
        return make_checker("numeric", sample, problems)
    plain = _share(golds, lambda gold: FORMULA.search(gold) is None)
    return make_checker("exact" if plain >= 0.9 else "math", sample, problems)


def _share(golds: Sequence[str], fits: Any) -> float:
    return sum(map(fits, golds)) / len(golds) if golds else 0.0


def make_checker(
    name: str, sample: Sample, problems: ProblemSettings, engine: Mapping[str, Any] | None = None
) -> CheckerSettings:
    """The settings of a checker by name, its columns found in the data; `engine` is the model that it asks.

    Raises ConfigError for a name that is none, or a checker that needs more than is known here.
    """
    if name not in (known := available("checkers")):
        raise ConfigError(f"unknown checker {name!r}{nearest(name, list(known))}")
    if name not in ABOUT:
        raise ConfigError(
            f"checker {name} needs settings of its own; write it into the file, as docs/checkers.md shows"
        )
    if name in ASKS:
        if engine is None:
            raise ConfigError(f"checker {name} asks a model: take a teacher that is one, too")
        judge = {"checker": "judge", "engine": dict(engine)}
        first = guess_checker(sample, problems)
        return _validate(judge if name == "judge" else {"checker": "chain", "first": _told(first), "second": judge})
    settings: dict[str, Any] = {"checker": name}
    columns = sample.columns
    if name == "choice":
        settings["options"] = guess_options(columns)
    if name == "code":
        tests = guess_tests(columns)
        if tests is None:
            raise ConfigError("checker code needs a column with unit tests, called `tests` or the like")
        settings["tests"] = tests
        if "entry_point" in columns:
            settings |= {"entry_point": "entry_point", "prelude": problems.question}
    return _validate(settings)


def _told(checker: CheckerSettings) -> dict[str, Any]:
    return checker.model_dump(mode="json", exclude_unset=True)


def _validate(settings: dict[str, Any]) -> CheckerSettings:
    made: CheckerSettings = TypeAdapter(AnyChecker).validate_python(settings)
    return made


async def prove(checker: CheckerSettings, sample: Sample, problems: ProblemSettings) -> Proof:
    """Read the gold answers of some hundred rows, and let the checker grade each against itself.

    Checkers that ask a model are asked for nothing: they only read. Raises ConfigError where the checker cannot work
    on this machine.
    """
    columns = problems.model_copy(update={"extras": tuple(dict.fromkeys((*problems.extras, *checker.columns)))})
    good, bad = pick(sample, columns, RUN if checker.name == "code" else PROVEN)
    doubted, read, of = [], 0, len(good) + len(bad)
    made = checker.create()
    if checker.engines:
        unread = [str(_error(row, problems, told)) for row, p in good if (told := made.gold_error(p))]
        return Proof(len(good) - len(unread), of, (*bad, *unread), ())
    async with made:
        for row, problem in good:
            if told := made.gold_error(problem):
                bad.append(str(_error(row, problems, told)))
                continue
            grade = await made.check_answer(problem, problem.gold)
            read += grade.verdict == "correct"
            if grade.verdict != "correct":
                why = f"the checker calls the gold answer {problem.gold[:80]!r} itself {grade.verdict}: {grade.reason}"
                doubted.append(str(_error(row, problems, why)))
    return Proof(read, of, tuple(bad), tuple(doubted))


def _error(row: Row, problems: ProblemSettings, told: str) -> DataError:
    return DataError(row.file, told, line=row.line, field=problems.answer)
