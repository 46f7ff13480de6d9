"""Held-out problems: found beside the data, named, or set apart from it in files of their own."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path

from errata.init.guess import Sample, guess_problems, look
from pipeline.checkers.base import Checker
from pipeline.data_folders import read_list
from pipeline.errors import ConfigError, DataError, UsageError
from pipeline.files import write_file
from pipeline.measures.folding import fold_question
from pipeline.measures.held_out import HeldOutSettings, check_held_out, seen
from pipeline.problems import ProblemSettings, ProblemSource
from pipeline.rows import Row, column, read_rows
from pipeline.types import content_id

SHARE, MOST, FEWEST = 0.1, 500, 20
"""Of the distinct questions, this share is held out, but no more than so many; of fewer than the last, none is."""
NAMES = ("test", "heldout", "held_out", "held-out", "eval", "dev", "validation", "valid", "val")
"""What files and splits of held-out problems are called, the likeliest first."""


def find_held_out(problems: ProblemSettings) -> str | None:
    """A file beside the data, or a split of the data set, that seems to hold its held-out problems."""
    path = Path(problems.path)
    if not path.is_file():
        splits = [split for split in list_splits(problems.path, problems.subset) if split != problems.split]
        return next((name for name in NAMES if name in splits), None)
    trained = "train" in path.stem.lower()
    stems = [re.sub("train", name, path.stem, flags=re.IGNORECASE) if trained else name for name in NAMES]
    files = [path.with_name(f"{stem}{path.suffix}") for stem in stems]
    for file in files:
        if file.is_file() and not file.samefile(path):
            try:
                found = name_held_out(str(file), problems)
            except UsageError:  # something else, which is only called like that
                continue
            if all(
                getattr(found, name) == getattr(problems, name) for name in ("question", "answer", "answer_pattern")
            ):
                return str(file)
    return None


def list_splits(path: str, subset: str | None) -> list[str]:
    """The splits of a `datasets` id or folder; none where it cannot tell. Raises DataError where it is no data set."""
    described = Path(path) / "dataset_dict.json"
    if described.is_file():
        return [str(split) for split in read_list(described, "splits")]
    if (Path(path) / "state.json").is_file():
        return []
    import datasets

    try:
        return list(datasets.get_dataset_split_names(path, subset))
    except (ValueError, OSError, ConnectionError) as error:
        raise DataError(path, f"its splits cannot be listed: {error}") from error


def name_held_out(told: str, problems: ProblemSettings) -> ProblemSettings:
    """Held-out problems in a file, or a split of the same data set; their columns are guessed where they differ.

    Raises UsageError for a file or split that is not there, or is the data itself.
    """
    path = Path(told)
    if path.is_file() or path.suffix or path.is_dir():
        if path.exists() and Path(problems.path).exists() and path.samefile(problems.path):
            raise ConfigError(f"{told} is the data itself")
        sample = look(told, split=problems.split)
    elif not Path(problems.path).is_file():
        sample = look(problems.path, problems.subset, told)
    else:
        raise ConfigError(f"there is no file {told}")
    found = _with_columns(sample, problems)
    known = set(_keys(problems))
    shared = [key in known for key in _keys(found)]
    if sum(shared) > len(shared) / 2:
        raise ConfigError(f"{told}: {sum(shared):,} of its {len(shared):,} questions are those of {problems.path}")
    return found


def _with_columns(sample: Sample, problems: ProblemSettings) -> ProblemSettings:
    """Problems of another source, in the same columns where it has them."""
    source = {"path": sample.path, "subset": problems.subset, "split": sample.split}
    needed = (problems.question, problems.answer, problems.rationale, problems.id, *problems.extras)
    if all(name in sample.columns for name in needed if name is not None):
        kept = problems.model_dump(exclude_unset=True, exclude={"path", "subset", "split", "decontaminate", "limit"})
        known = {name: value for name, value in source.items() if name == "path" or name in problems.model_fields_set}
        return ProblemSettings(**known, **kept)
    return guess_problems(sample)


def read_leniently(problems: ProblemSettings, checker: Checker) -> ProblemSource:
    """The problems of a source; rows that cannot be read stand in its report."""
    return ProblemSource(problems.model_copy(update={"on_bad_row": "skip"}), checker)


def find_overlap(problems: ProblemSource, held_out: ProblemSource) -> str | None:
    """Which held-out problems `errata evaluate` would refuse since they are training problems; None for none."""
    try:
        check_held_out({"held_out": list(held_out)}, map(seen, problems))
    except DataError as error:
        return error.problem
    return None


@dataclass(frozen=True)
class Split:
    """The rows of a source as lines of two files."""

    train: tuple[str, ...]
    held_out: tuple[str, ...]
    near: int
    """Rows that nearly repeat a held-out problem: they stand in neither file."""
    bad: int
    """Rows without a readable question: they stand in neither file."""

    def write(self, train: Path, held_out: Path, *, force: bool = False) -> None:
        """Write both files. Raises ConfigError where one is there with another content, unless `force`."""
        texts = {train: "".join(self.train), held_out: "".join(self.held_out)}
        for file, text in texts.items():
            if not force and file.exists() and file.read_text(encoding="utf-8") != text:
                raise ConfigError(f"{file} is there, and holds something else; --force overwrites it")
        for file, text in texts.items():
            write_file(file, text)


def split_rows(source: ProblemSettings) -> Split:
    """Hold out the questions with the lowest hashes, so that the same data are always cut alike.

    Raises ConfigError where there are too few questions, DataError for a value that JSON has not.
    """
    from pipeline.measures.near_copies import NearCopies

    rows = list(read_rows(source.path, subset=source.subset, split=source.split))
    questions = [_question(row, source) for row in rows]
    by_key = {_key(question): question for question in questions if question is not None}
    if len(by_key) < FEWEST:
        raise ConfigError(f"{source.path} has {len(by_key)} distinct questions, too few to hold some out")
    chosen = sorted(by_key)[: min(MOST, round(SHARE * len(by_key)))]
    guard = HeldOutSettings()
    copies = NearCopies([by_key[key] for key in chosen], guard.n, guard.min_share)
    sides: dict[str, list[str]] = {"train": [], "held_out": [], "near": []}
    held_out = set(chosen)
    for row, question in zip(rows, questions, strict=True):
        if question is not None:
            apart = _key(question) in held_out
            side = "held_out" if apart else "near" if any(copies.find(question)) else "train"
            sides[side].append(_line(row))
    bad = questions.count(None)
    return Split(tuple(sides["train"]), tuple(sides["held_out"]), len(sides["near"]), bad)


def _keys(source: ProblemSettings) -> list[str]:
    """The questions of a source, folded."""
    rows = read_rows(source.path, subset=source.subset, split=source.split)
    return [_key(question) for row in rows if (question := _question(row, source)) is not None]


def _question(row: Row, source: ProblemSettings) -> str | None:
    """None for a row that is broken or has no question."""
    if row.error is not None:
        return None
    try:
        value = column(row, source.question)
    except DataError:  # counted as bad
        return None
    return str(value) if isinstance(value, str | int | float) and str(value).strip() else None


def _key(question: str) -> str:
    return content_id(fold_question(question))


def _line(row: Row) -> str:
    try:
        return json.dumps(row.values, ensure_ascii=False) + "\n"
    except TypeError as error:
        raise DataError(row.file, f"cannot be written as JSON: {error}", line=row.line) from error
