"""Where the problems are, and what their columns mean."""

from __future__ import annotations

import re

from rich.table import Table
from rich.text import Text

from errata.init.guess import Sample, guess_problems, look, main_script
from errata.init.questions import Asker
from errata.init.side_by_side import plain
from pipeline.cleanups.replace import valid_pattern
from pipeline.errors import ConfigError, DataError
from pipeline.problems import ProblemSettings, make_problem

COLUMNS = {
    "question": "Column of the question",
    "answer": "Column of the gold answer",
    "answer_pattern": "Pattern with a group around the gold answer, inside a longer text (- for none)",
    "rationale": "Column of worked solutions (- for none)",
    "id": "Column of ids (- for none)",
}
NONE = "-"
WIDE = 300
"""Characters of a cell that are shown."""


def ask_sample(asker: Asker) -> Sample:
    """The first rows of the data."""

    def read(text: str) -> Sample:
        if not text:
            raise ConfigError("name a file, folder or hub id")
        return look(text, asker.given["--subset"], asker.given["--split"] or "train")

    needs = "a .jsonl, .csv or .parquet file, or a folder or hub id of `datasets`"
    return asker.ask("--data", f"{needs[:1].upper()}{needs[1:]}", read, needs=needs)


def ask_columns(asker: Asker, sample: Sample) -> ProblemSettings:
    """The columns that were named, the others as they are guessed; asked for where a person says that they are wrong.

    Raises DataError where nobody is asked and nothing fits.
    """
    known = {name: asker.given[_option(name)] for name in COLUMNS}
    named = {name: _read(name, text, sample) for name, text in known.items() if text is not None}
    rows = f"{len(sample.rows):,} rows" if sample.whole else f"its first {len(sample.rows):,} rows"
    asker.say(Text(f"{sample.path}, {rows}: {', '.join(sample.columns)}."))
    for line in sample.broken[:1]:
        asker.say(Text(f"Rows that cannot be read: {len(sample.broken)}, the first: {line}", style="yellow"))
    problems: ProblemSettings | None = None
    while True:
        try:
            problems = problems or guess_problems(sample, named)
            asker.say(_understood(problems, sample))
            if asker.agrees("Is this right?"):
                return problems
        except DataError as error:
            if not asker.interactive:
                raise
            asker.say(Text(str(error), style="red"))
        guesses = {name: getattr(problems, name) if problems else None for name in COLUMNS}
        told = {name: _ask_column(asker, name, guesses[name], sample) for name in COLUMNS}
        problems = guess_problems(sample, told)


def _option(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def _ask_column(asker: Asker, name: str, guess: str | None, sample: Sample) -> str | None:
    optional = name not in ("question", "answer")
    again = Asker({_option(name): None}, interactive=True)
    guess = guess or (NONE if optional else None)
    return again.ask(_option(name), COLUMNS[name], lambda text: _read(name, text, sample), guess=guess)


def _read(name: str, text: str, sample: Sample) -> str | None:
    """A column, a pattern, or None. Raises ConfigError, naming the option."""
    if name in ("answer_pattern", "rationale", "id") and text in (NONE, ""):
        return None
    if name != "answer_pattern" and text not in sample.columns:
        raise ConfigError(f"{_option(name)}: there is no column {text!r}; columns: {', '.join(sample.columns)}")
    if name == "answer_pattern":
        try:
            groups = re.compile(valid_pattern(text)).groups
        except ValueError as error:
            raise ConfigError(f"{_option(name)}: {error}") from error
        if groups < 1:
            raise ConfigError(f"{_option(name)}: needs a group (…) around the answer")
    return text


def _understood(problems: ProblemSettings, sample: Sample) -> Table:
    """The first row as it is understood. Raises DataError where it cannot be."""
    first = make_problem(sample.rows[0], problems)
    table = Table(show_header=False, box=None, padding=(0, 2, 0, 0))
    table.add_column(style="bold", no_wrap=True)
    table.add_column(style="cyan", overflow="fold")
    table.add_column(overflow="fold")
    cells = [("question", problems.question, first.question), ("gold answer", problems.answer or "", first.gold)]
    if problems.answer_pattern:
        cells.append(("  where", "", f"{problems.answer_pattern} matches, its first group"))
    if problems.rationale:
        cells.append(("worked solution", problems.rationale, first.rationale or "none in this row"))
    cells.append(("id", problems.id or "none", first.id if problems.id else "a hash of the content"))
    questions = (str(value) for value in sample.columns[problems.question][:200] if value is not None)
    cells.append(("written in", "", f"{main_script(questions)} script"))
    for name, column, shown in cells:
        cut = plain(shown[:WIDE]) + ("…" if len(shown) > WIDE else "")
        table.add_row(name, Text(column), Text(cut))
    return table
