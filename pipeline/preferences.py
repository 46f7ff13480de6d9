"""A finished preference data set, row by row: a run's `dataset/`, files and folders of others, data sets of the hub.

A row has chosen and rejected, as conversations (lists of {role, content}) or as strings, prompt beside them or at the
beginning of both, and any of `COLUMNS`.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from pipeline.data_folders import is_saved, refuse_links
from pipeline.errors import ConfigError, DataError
from pipeline.preference_files import Table, open_files
from pipeline.preference_prompts import Side, Turns, begins, is_empty, set_apart, split_prompt
from pipeline.preference_rows import NAMED_ELSEWHERE, Kind, Value, advise, read_side, read_value
from pipeline.preference_sets import open_hub, open_saved, read_id
from pipeline.rows import Row
from pipeline.settings import nearest

__all__ = [
    "COLUMNS", "SIDES", "Form", "Preference", "Preferences", "Side", "Turns", "Value", "as_text", "open_preferences",
]  # fmt: skip

Form = Literal["conversation", "text"]

SIDES = ("prompt", "chosen", "rejected")
COLUMNS: Mapping[str, Kind] = {
    **dict.fromkeys(("id", "problem_id", "answer", "rejected_answer", "rung", "teacher", "view", "topic"), "text"),
    **dict.fromkeys(("edit_ratio", "chosen_score", "rejected_score", "pass_rate", "weight", "margin"), "number"),
    **dict.fromkeys(("gold_visible", "confirms"), "truth"),
}
"""What a row may tell of itself, besides its texts."""
SEEN = 64
"""Rows that show whether strings repeat their prompt: it is taken off if all of them do."""


@dataclass(frozen=True, slots=True)
class Preference:
    """One pair: what was asked, the text to prefer and the text to avoid."""

    split: str
    prompt: Side
    chosen: Side
    rejected: Side
    values: Mapping[str, Value]
    """Of `COLUMNS`, those that the data set has."""


@dataclass
class Preferences:
    """An opened data set; each iteration reads it from the start, a few hundred rows at a time."""

    tables: list[Table]
    """Files or splits, in order."""
    names: Mapping[str, str]
    """Of `SIDES` and `COLUMNS`, those that it has, with the columns that they stand in."""
    form: Form
    """What its pairs are given as."""
    columns: tuple[str, ...]
    """Of `COLUMNS`, those that it has."""
    unknown: tuple[str, ...]
    """Its columns that are not read."""
    rows: int
    tables_left_out: tuple[str, ...] = ()
    """Files or splits that are not read, since others of the split are made for preference training."""
    repeats: bool = False
    """Whether chosen and rejected are strings that repeat the prompt."""
    left_out: Counter[str] = field(default_factory=Counter)
    """Rows that are no pair, by reason, of those that the last iteration has read."""

    def __iter__(self) -> Iterator[Preference]:
        self.left_out.clear()
        for table in self.tables:
            for row in table.read(tuple(self.names.values())):
                sides = self._sides(row, table)
                if isinstance(sides, str):
                    self.left_out[sides] += 1
                    continue
                values = {
                    name: read_value(row, name, self.names[name], COLUMNS[name], untyped=table.untyped)
                    for name in self.columns
                }
                yield Preference(table.split, *sides, values)

    def column(self, name: str) -> Iterator[Value]:
        """One of `columns` alone, of every row; faster than the pairs."""
        for table in self.tables:
            for row in table.read((self.names[name],)):
                yield read_value(row, name, self.names[name], COLUMNS[name], untyped=table.untyped)

    def _sides(self, row: Row, table: Table) -> tuple[Side, Side, Side] | str:
        """Prompt, chosen and rejected; or why the row is no pair."""
        given = read_side(row, self.names["prompt"]) if "prompt" in self.names else None
        chosen, rejected = (read_side(row, self.names[name]) for name in ("chosen", "rejected"))
        if reason := _objection(chosen, rejected):
            return reason
        found = split_prompt(chosen, rejected) if given is None else set_apart(given, chosen, rejected)
        if found is None:
            told = "is missing, and chosen and rejected begin with nothing alike that could be it"
            told += advise("prompt", table.columns)
            if given is not None:
                told = "is a string, and chosen and rejected are conversations that begin with no turn alike"
            raise DataError(row.file, told, line=row.line, field=self._column("prompt"))
        prompt, chosen, rejected = (self._formed(side, row, name) for side, name in zip(found, SIDES, strict=True))
        if is_empty(prompt):
            raise DataError(row.file, "is empty", line=row.line, field=self._column("prompt"))
        if self.repeats and begins(chosen, prompt) and begins(rejected, prompt):
            chosen, rejected = chosen[len(prompt) :], rejected[len(prompt) :]
        return _objection(chosen, rejected) or (prompt, chosen, rejected)

    def _column(self, name: str) -> str:
        return self.names.get(name, name)

    def _formed(self, side: Side, row: Row, name: str) -> Side:
        if isinstance(side, str):
            if self.form == "conversation":
                told = "is a string, where others are conversations"
                raise DataError(row.file, told, line=row.line, field=self._column(name))
            return side
        return side if self.form == "conversation" else as_text(side, name == "prompt")


def open_preferences(
    source: Path | str, form: Form | None = None, columns: Mapping[str, str | None] | None = None
) -> Preferences:
    """Find the tables of a source and what they hold; `form` asks for one of the two.

    The source is a run's folder, a folder or file of pairs, a folder of `datasets`' `save_to_disk`, or a data set of
    the hub: ORG/NAME, with :CONFIG and @REVISION behind it if need be. What exists on disk wins. `columns` says where
    prompt, chosen, rejected or one of `COLUMNS` stands under another name, {"prompt": "question"}, or that it is not
    to be read, {"answer": None}.

    Raises DataError for files, columns or lines that cannot be read, ConfigError where strings should become
    conversations and for a name in `columns` that is none of ours.
    """
    asked = dict(columns or {})
    for name in asked:
        if name not in SIDES and name not in COLUMNS:
            raise ConfigError(f"columns: unknown column {name!r}{nearest(name, [*SIDES, *COLUMNS])}")
    found, left_out = _find_tables(source)
    tables = [table for table in found if table.rows]
    if not tables:
        raise DataError(source, "holds no row; of a run, summary.json tells where its attempts went")
    names = _find_columns(source, tables, asked)
    known = tuple(name for name in COLUMNS if name in names)
    every = dict.fromkeys(name for table in tables for name in table.columns)
    unknown = tuple(name for name in every if name not in names.values())
    first = next(tables[0].read(tuple(names.values())))
    is_text = all(isinstance(first.values.get(names[name]), str) for name in SIDES if name in names)
    if is_text and "prompt" not in names and "prompt" not in asked:
        _refuse_other_prompt(tables[0])
    if is_text and form == "conversation":
        raise ConfigError(f"{source}: its rows are plain strings, of which no conversation can be made; take text")
    form = form or ("text" if is_text else "conversation")
    repeats = is_text and _repeats(tables[0], names)
    return Preferences(tables, names, form, known, unknown, sum(table.rows for table in tables), left_out, repeats)


def as_text(turns: Turns, prompt: bool) -> str:
    """A conversation as a run's own data set has it in its form `text`: contents apart by an empty line, and a line
    break where the answer begins."""
    return "\n\n".join(turn["content"] for turn in turns) + ("\n" if prompt else "")


def _find_tables(source: Path | str) -> tuple[list[Table], tuple[str, ...]]:
    path = Path(source)
    if (path / "dataset").is_dir():  # the folder of a run
        refuse_links(path)
    if path.is_dir() and is_saved(path):
        return open_saved(path)
    if not path.exists() and (id := read_id(str(source))):
        return open_hub(str(source), id)
    return open_files(path)


def _find_columns(source: Path | str, tables: Sequence[Table], asked: Mapping[str, str | None]) -> dict[str, str]:
    """Where each of our columns stands. Raises DataError where one that a row needs, or that is asked for, is not."""
    found = list(dict.fromkeys(name for table in tables for name in table.columns))
    for name, column in asked.items():
        if column is not None and column not in found:
            raise DataError(source, f"no such column, to be read as {name}{nearest(column, found)}", field=column)
    wanted = {name: asked.get(name, name) for name in (*SIDES, *COLUMNS)}
    names = {name: column for name, column in wanted.items() if column is not None and column in found}
    needs = "no such column; a row needs chosen, rejected, and prompt unless both begin with it"
    for table in tables:
        for name in SIDES:
            if names.get(name) not in table.columns and (name in names or name != "prompt"):
                raise DataError(table.name, needs + advise(name, table.columns), field=names.get(name, name))
    return names


def _refuse_other_prompt(table: Table) -> None:
    """Raises DataError where strings seem to have their prompt beside them, under a name of its own."""
    if others := [name for name in NAMED_ELSEWHERE["prompt"] if name in table.columns]:
        told = f"no such column{advise('prompt', table.columns)}; if chosen and rejected begin with it, "
        told += f'and {others[0]} is something else, columns={{"prompt": None}}'
        raise DataError(table.name, told, field="prompt")


def _repeats(table: Table, names: Mapping[str, str]) -> bool:
    """Whether both strings of the first rows begin with their prompt."""
    if "prompt" not in names:
        return False
    for row in itertools.islice(table.read(tuple(names.values())), SEEN):
        prompt, chosen, rejected = (row.values.get(names[name]) for name in SIDES)
        if not isinstance(prompt, str) or not isinstance(chosen, str) or not isinstance(rejected, str):
            return False
        if not (begins(chosen, prompt) and begins(rejected, prompt)):
            return False
    return True


def _objection(chosen: Side, rejected: Side) -> str | None:
    """Why two texts are no pair."""
    if is_empty(chosen) or is_empty(rejected):
        return "pairs with an empty text"
    return "pairs with two equal texts" if chosen == rejected else None
