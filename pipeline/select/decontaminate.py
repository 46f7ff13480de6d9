"""Training problems that stand in evaluation files, found by the n-grams they share.

Of an evaluation file, nothing is kept but 12 bytes for every n-gram: its 64-bit hash and where it stands. Matches are
not verified by text: with a million n-grams of evaluation problems and ten million of training problems, one false
match is to be expected in two million runs (10^13 pairs of n-grams, odds of 2^-64 each).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from pipeline.errors import DataError
from pipeline.rows import Row, column, read_rows
from pipeline.select.ngrams import Hashes, hash_ngrams, spell, words
from pipeline.select.settings import EvaluationFile
from pipeline.types import Problem


@dataclass(frozen=True, slots=True)
class Overlap:
    """What a training problem shares with evaluation problems."""

    file: str
    line: int
    """The evaluation problem that shares the most; of several, the first."""
    ngram: str
    """The first shared n-gram, in lower case and without punctuation."""
    share: float
    """Share of the problem's n-grams that stand in any of the files."""

    @property
    def reason(self) -> str:
        """One line, for the list of what was left out."""
        where = f"{self.file}:{self.line}"
        return f"shares {self.share:.0%} of its n-grams with evaluation files, most with {where}, first {self.ngram!r}"


class EvaluationFiles:
    """All n-grams of evaluation files.

    files: raises DataError for a row that cannot be read, and for a file without rows.
    n: words in an n-gram. A question of fewer words is looked for as a whole; a worked solution of fewer is not.
    min_share: smallest share of a problem's n-grams that counts; at 0, one n-gram does.
    """

    def __init__(self, files: Sequence[EvaluationFile], n: int = 13, min_share: float = 0.0) -> None:
        self.n, self.min_share = n, min_share
        self.rationales = any(file.rationale is not None for file in files)
        self._places: list[tuple[int, int]] = []
        """File number and line of every evaluation problem."""
        self._files = [file.path for file in files]
        parts: list[Hashes] = []
        for number, file in enumerate(files):
            for line, hashes in _read(file, n):
                self._places.append((number, line))
                parts.append(hashes)
        sizes = [len(part) for part in parts]
        self._hashes, first = np.unique(np.concatenate([*parts, np.empty(0, np.uint64)]), return_index=True)
        self._owners = np.repeat(np.arange(len(parts), dtype=np.int32), sizes)[first]

    def overlap(self, problem: Problem) -> Overlap | None:
        """What a problem shares with the evaluation files; None for nothing, or for less than `min_share`."""
        rationale = problem.rationale if self.rationales else None
        texts = [words(problem.question), words(rationale or "")]
        parts = _hash_texts(texts, self.n)
        hashes = np.concatenate(parts)
        if not len(hashes) or not len(self._hashes):
            return None
        at = np.searchsorted(self._hashes, hashes).clip(max=len(self._hashes) - 1)
        found = self._hashes[at] == hashes
        if not found.any():
            return None
        share = len(np.unique(hashes[found])) / len(np.unique(hashes))
        if share < self.min_share:
            return None
        owners, times = np.unique(self._owners[np.unique(at[found])], return_counts=True)
        file, line = self._places[owners[times.argmax()]]
        first, inside = int(found.argmax()), len(parts[0])
        text, start = (texts[0], first) if first < inside else (texts[1], first - inside)
        return Overlap(self._files[file], line, spell(text[start : start + self.n]), share)


def _hash_texts(texts: Sequence[list[str]], n: int) -> tuple[Hashes, Hashes]:
    """The n-grams of the question and of the worked solution; one that is shorter has none."""
    question, rationale = texts
    return hash_ngrams(question, n), hash_ngrams(rationale if len(rationale) >= n else (), n)


def _read(file: EvaluationFile, n: int) -> Iterator[tuple[int, Hashes]]:
    """Line and n-grams of every evaluation problem."""
    empty = True
    for row in read_rows(file.path, subset=file.subset, split=file.split):
        empty = False
        question, rationale = _text(row, file.question), ""
        if file.rationale is not None and column(row, file.rationale) is not None:
            rationale = _text(row, file.rationale)
        yield row.line, np.concatenate(_hash_texts([words(question), words(rationale)], n))
    if empty:
        raise DataError(file.path, "holds no evaluation problem")


def _text(row: Row, name: str) -> str:
    value = column(row, name)
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise DataError(row.file, f"must be a text or a number, not {value!r}"[:200], line=row.line, field=name)
    return str(value)
