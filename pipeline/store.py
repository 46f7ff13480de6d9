"""Append-only journals of records, and the folder of a run.

A journal is JSON lines. What `append` returned from is on disk for other processes and survives the death of this one.
A torn last line (the process died while writing) is cut off on opening; any other bad line is an error.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Generic, TypeVar

from pydantic import ValidationError

from pipeline.errors import DataError
from pipeline.types import Attempt, Correction, Pair

R = TypeVar("R", Attempt, Correction, Pair)
log = logging.getLogger(__name__)


def read_journal(path: Path, model: type[R]) -> Iterator[R]:
    """Yield the records of a journal, a torn last line left out. Raises DataError for any other broken line."""
    if not path.exists():
        return
    with path.open("rb") as lines:
        for number, line in enumerate(lines, start=1):
            if not line.endswith(b"\n"):
                return
            try:
                yield model.model_validate_json(line)
            except ValidationError as error:
                fix = "mend the line or delete it; what it held is made again"
                raise DataError(
                    path, f"is not a {model.__name__} record ({error.errors()[0]['msg']}); {fix}", line=number
                ) from error


class Journal(Generic[R]):
    """Records by id, in memory and on disk; appending an id again replaces what is known of it."""

    def __init__(self, path: Path, model: type[R]) -> None:
        self.path = path
        self.records: dict[str, R] = {record.id: record for record in read_journal(path, model)}
        self._cut_torn_line()
        self._file = path.open("ab")
        self._lock = threading.Lock()

    def _cut_torn_line(self) -> None:
        if not self.path.exists():
            return
        with self.path.open("rb+") as file:
            content_end = file.seek(0, os.SEEK_END)
            keep, block = content_end, 1 << 16
            while keep > 0:
                start = max(0, keep - block)
                file.seek(start)
                newline = file.read(keep - start).rfind(b"\n")
                if newline >= 0:
                    keep = start + newline + 1
                    break
                keep = start
            if keep < content_end:
                log.warning("%s: cut off a torn last line of %d bytes", self.path, content_end - keep)
                file.truncate(keep)

    def get(self, id: str) -> R | None:
        """The record with this id."""
        return self.records.get(id)

    def append(self, records: Sequence[R]) -> None:
        """Write new records in one piece; a record that is there already, unchanged, is not written again."""
        new = [record for record in records if self.records.get(record.id) != record]
        if not new:
            return
        with self._lock:
            self._file.write(b"".join(record.model_dump_json().encode() + b"\n" for record in new))
            self._file.flush()
            self.records.update((record.id, record) for record in new)

    def close(self) -> None:
        """Force everything to the disk and close."""
        with self._lock:
            os.fsync(self._file.fileno())
            self._file.close()


def write_file(path: Path, text: str) -> None:
    """Write a final file whole or not at all: to a temporary name, then moved."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    temporary.write_text(text, encoding="utf-8")
    temporary.replace(path)


class RunFolder:
    """The journals of one run. Use as a context manager."""

    def __init__(self, path: Path) -> None:
        path.mkdir(parents=True, exist_ok=True)
        self.path = path
        self.attempts = Journal(path / "attempts.jsonl", Attempt)
        self.corrections = Journal(path / "corrections.jsonl", Correction)
        self.pairs = Journal(path / "pairs.jsonl", Pair)

    def __enter__(self) -> RunFolder:
        return self

    def __exit__(self, *_: object) -> None:
        for journal in (self.attempts, self.corrections, self.pairs):
            journal.close()
