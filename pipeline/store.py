"""The folder of a run."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Self

from pipeline import lock
from pipeline.errors import DataError
from pipeline.files import remove_unfinished
from pipeline.journal import Journal
from pipeline.types import Attempt, Correction, Pair


def read_lines(path: Path, *fields: str) -> Iterator[dict[str, Any]]:
    """The objects of a JSONL file one by one, none where it is not there. Raises DataError where a field is missing."""
    if not path.is_file():
        return
    fix = "`errata build` writes it anew"
    with path.open("rb") as lines:
        for number, line in enumerate(lines, start=1):
            try:
                told = json.loads(line)
            except ValueError as error:
                raise DataError(path, f"is no JSON ({error}); {fix}", line=number) from error
            if not isinstance(told, dict):
                raise DataError(path, f"is no object; {fix}", line=number)
            if absent := next((name for name in fields if name not in told), None):
                raise DataError(path, f"is missing; {fix}", line=number, field=absent)
            yield told


class RunFolder:
    """The journals of one run, which no other process may write to meanwhile. Use as a context manager.

    Raises FolderInUse where another process does, DataError for a journal with a broken line.
    """

    attempts: Journal[Attempt]
    corrections: Journal[Correction]
    pairs: Journal[Pair]
    second_tries: Journal[Attempt]

    def __init__(self, path: Path) -> None:
        self.path = path
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            stack.enter_context(lock.hold(self.path))
            remove_unfinished(self.path)

            def opened(journal: Any) -> Any:
                stack.callback(journal.close)
                return journal

            self.attempts = opened(Journal(self.path / "attempts.jsonl", Attempt))
            self.corrections = opened(Journal(self.path / "corrections.jsonl", Correction))
            self.pairs = opened(Journal(self.path / "pairs.jsonl", Pair))
            self.second_tries = opened(Journal(self.path / "second_tries.jsonl", Attempt))
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()
