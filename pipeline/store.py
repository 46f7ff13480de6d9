"""Append-only journals of records, and the folder of a run.

A journal is JSON lines. What `append` returned from is on disk for other processes and survives the death of this one.
A torn last line (the process died while writing) is cut off on opening; any other bad line is an error.
"""

from __future__ import annotations

import json
import logging
import os
import shutil
import tempfile
import threading
from array import array
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Generic, TypeVar

from pydantic import ValidationError

from pipeline.errors import DataError
from pipeline.types import Attempt, Correction, Pair

R = TypeVar("R", Attempt, Correction, Pair)
log = logging.getLogger(__name__)


def scan_journal(path: Path, model: type[R]) -> Iterator[tuple[int, R]]:
    """Yield (offset, record) of a journal, a torn last line left out. Raises DataError for any other broken line."""
    if not path.exists():
        return
    offset = 0
    with path.open("rb") as lines:
        for number, line in enumerate(lines, start=1):
            if line.endswith(b"\n"):
                yield offset, parse_record(path, model, line, number)
            offset += len(line)


def parse_record(path: Path, model: type[R], line: bytes, number: int | None = None) -> R:
    """The record of one line. Raises DataError."""
    try:
        return model.model_validate_json(line)
    except ValidationError as error:
        fix = "mend the line or delete it; what it held is made again"
        told = f"is not a {model.__name__} record ({error.errors()[0]['msg']}); {fix}"
        raise DataError(path, told, line=number) from error


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


class Journal(Generic[R]):
    """Records by id on disk; appending an id again replaces what is known of it.

    In memory is only where the records of earlier calls stand, so that a run's size does not matter.
    """

    def __init__(self, path: Path, model: type[R]) -> None:
        self.path = path
        self.model: type[R] = model
        self._offsets = {record.id: offset for offset, record in scan_journal(path, model)}
        self._cut_torn_line()
        self._file = path.open("ab")
        self._reader = path.open("rb")
        self._end = self._file.tell()
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
        """The record of an earlier call with this id."""
        offset = self._offsets.get(id)
        return None if offset is None else self.read_at(offset)

    def read_at(self, offset: int) -> R:
        """The record that stands at an offset which `append` gave."""
        with self._lock:
            self._reader.seek(offset)
            line = self._reader.readline()
        record: R = parse_record(self.path, self.model, line)
        return record

    def append(self, records: Sequence[R]) -> list[int]:
        """Write records in one piece and return where each stands; an unchanged one stays where it was."""
        places: list[int] = []
        lines: list[bytes] = []
        end = self._end
        for record in records:
            known = self._offsets.get(record.id)
            if known is not None and self.read_at(known) == record:
                places.append(known)
                continue
            lines.append(record.model_dump_json().encode() + b"\n")
            places.append(end)
            end += len(lines[-1])
        if lines:
            with self._lock:
                self._file.write(b"".join(lines))
                self._file.flush()
                self._end = end
        return places

    def close(self) -> None:
        """Force everything to the disk and close."""
        with self._lock:
            os.fsync(self._file.fileno())
            self._file.close()
            self._reader.close()


def write_file(path: Path, text: str) -> None:
    """Write a final file whole or not at all: to a temporary name, then moved."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    temporary.write_text(text, encoding="utf-8")
    temporary.replace(path)


def move_into_place(fresh: Path, folder: Path) -> None:
    """Put a folder that is whole in the place of `folder`, if there is one."""
    old = folder.with_name(f".{folder.name}.old")
    shutil.rmtree(old, ignore_errors=True)
    if folder.exists():
        folder.rename(old)
    fresh.rename(folder)
    shutil.rmtree(old, ignore_errors=True)


class OrderedLines:
    """Lines that come in any order and end up, sorted by their keys, in one file; they wait on disk, not in memory."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        self._waiting = tempfile.TemporaryFile(dir=path.parent)  # noqa: SIM115 - closed with the context
        self._keys = array("q")

    def __enter__(self) -> OrderedLines:
        return self

    def __exit__(self, *_: object) -> None:
        self._waiting.close()

    def add(self, major: int, minor: int, line: str) -> None:
        """Add a line (without its end) under a key of two numbers."""
        self._keys.extend((major, minor, self._waiting.tell()))
        self._waiting.write(line.encode() + b"\n")

    def write(self) -> None:
        """Write the file, whole or not at all."""
        temporary = self.path.with_name(f".{self.path.name}.{os.getpid()}.tmp")
        keys = self._keys
        order = sorted(range(0, len(keys), 3), key=lambda i: (keys[i], keys[i + 1]))
        with temporary.open("wb") as out:
            for i in order:
                self._waiting.seek(keys[i + 2])
                out.write(self._waiting.readline())
        temporary.replace(self.path)


class RunFolder:
    """The journals of one run. Use as a context manager."""

    def __init__(self, path: Path) -> None:
        path.mkdir(parents=True, exist_ok=True)
        self.path = path
        self.attempts = Journal(path / "attempts.jsonl", Attempt)
        self.corrections = Journal(path / "corrections.jsonl", Correction)
        self.pairs = Journal(path / "pairs.jsonl", Pair)
        self.second_tries = Journal(path / "second_tries.jsonl", Attempt)

    def __enter__(self) -> RunFolder:
        return self

    def __exit__(self, *_: object) -> None:
        for journal in (self.attempts, self.corrections, self.pairs, self.second_tries):
            journal.close()
