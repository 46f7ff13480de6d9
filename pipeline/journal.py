"""Append-only journals of records.

A journal is JSON lines; the last field of a line, `crc32`, is the checksum of what stands before it. What `append`
returned from is on the disk and survives the death of this process and of the machine. On opening, every line is
verified; a torn last line (the process died while writing) is cut off, any other bad line is an error.
"""

from __future__ import annotations

import contextlib
import logging
import os
import re
import zlib
from array import array
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Generic, TypeVar

from pydantic import ValidationError

from pipeline.commit import GroupCommit
from pipeline.errors import DataError
from pipeline.files import sync, unwritten
from pipeline.types import Attempt, Correction, Pair, Record, content_id

R = TypeVar("R", Attempt, Correction, Pair)
M = TypeVar("M", bound=Record)
log = logging.getLogger(__name__)

MARK = b',"crc32":"'
SEAL = len(MARK) + len(b'01234567"}\n')
"""Bytes from the mark to the end of a line."""
CONTENT_ID = re.compile("[0-9a-f]{16}")
ID, QUOTE = b'{"id":"', ord('"')


def seal(record: bytes) -> bytes:
    """The line of a record, given as a JSON object."""
    return b'%s%s%08x"}\n' % (record[:-1], MARK, zlib.crc32(record[:-1]))


def unseal(path: Path, line: bytes, number: int | None = None) -> bytes:
    """The record of a line. One without a checksum, as a person may have written it, is taken as it is.

    Raises DataError where the checksum is another.
    """
    if line[-SEAL : len(MARK) - SEAL] != MARK:
        return line
    if not is_sealed(line):
        fix = "delete the line, and what it held is made again; or its crc32, if the change is meant"
        raise DataError(path, f"was changed or damaged, its checksum does not fit; {fix}", line=number)
    return line[:-SEAL] + b"}"


def is_sealed(line: bytes) -> bool:
    """Whether a line ends with its checksum."""
    return line[-SEAL:] == b'%s%08x"}\n' % (MARK, zlib.crc32(memoryview(line)[:-SEAL]))


def scan_lines(path: Path) -> Iterator[tuple[int, int, bytes]]:
    """Yield (offset, number, line) of the lines of a journal as they stand there, a torn last one left out."""
    if not path.exists():
        return
    offset = 0
    with path.open("rb", buffering=1 << 20) as lines:
        for number, line in enumerate(lines, start=1):
            if line.endswith(b"\n"):
                yield offset, number, line
            offset += len(line)


def scan_journal(path: Path, model: type[R]) -> Iterator[tuple[int, R]]:
    """Yield (offset, record) of a journal, a torn last line left out. Raises DataError for any other broken line."""
    for offset, number, line in scan_lines(path):
        yield offset, parse_record(path, model, line, number)


def parse_record(path: Path, model: type[M], line: bytes, number: int | None = None) -> M:
    """The record of one line. Raises DataError."""
    try:
        return model.model_validate_json(unseal(path, line, number))
    except ValidationError as error:
        first = error.errors()[0]
        fix = "mend the line or delete it; what it held is made again"
        if first["loc"] == ("crc32",):
            first["msg"], fix = "its checksum is not where it was", "take out its crc32, if the change is meant"
        raise DataError(path, f"is no {model.__name__} record ({first['msg']}); {fix}", line=number) from error


def read_keys(path: Path, model: type[R]) -> tuple[array[int], array[int]]:
    """The key (of `key_of`) and the offset of every line of a journal, unsigned 64-bit numbers.

    All lines are verified, sealed ones by their checksums, others as records. Raises DataError for a damaged one.
    """
    keys, offsets = array("Q"), array("Q")
    for offset, number, line in scan_lines(path):
        body = unseal(path, line, number)
        id = line[len(ID) : len(ID) + 16]
        if body is line or not (id.isalnum() and line.startswith(ID) and line[len(ID) + 16] == QUOTE):
            keys.append(key_of(parse_record(path, model, line, number).id))
        else:
            keys.append(key_of(id.decode()))
        offsets.append(offset)
    return keys, offsets


class Places:
    """Where the newest record of each id stands in a journal: 16 bytes of memory a line.

    Reading it verifies the journal: sealed lines by their checksums, others as records. Raises DataError.
    """

    def __init__(self, path: Path, model: type[R]) -> None:
        ids, offsets = read_keys(path, model)
        self._ids: Any = None
        self._offsets: Any = None
        if ids:
            self._ids, self._offsets = _sort(ids, offsets)

    def find(self, id: str) -> int | None:
        """The offset of the newest line that may hold this id; whoever reads it looks."""
        if self._ids is None:
            return None
        key = key_of(id)
        place = int(self._ids.searchsorted(self._ids.dtype.type(key), side="right")) - 1
        return int(self._offsets[place]) if place >= 0 and int(self._ids[place]) == key else None


def _sort(ids: array[int], offsets: array[int]) -> tuple[Any, Any]:
    import numpy as np

    keys, places = np.frombuffer(ids, np.uint64), np.frombuffer(offsets, np.uint64)
    order = np.argsort(keys, kind="stable")
    return keys[order], places[order]


def key_of(id: str) -> int:
    """64 bits of an id: itself, where it is a hash of content."""
    return int(id if CONTENT_ID.fullmatch(id) else content_id(id), 16)


class Journal(Generic[R]):
    """Records by id on disk; appending an id again replaces what is known of it.

    In memory is only where the records of earlier calls stand, so that a run's size hardly matters.
    """

    def __init__(self, path: Path, model: type[R]) -> None:
        self.path = path
        self.model: type[R] = model
        cut_torn_line(path)
        self._known = Places(path, model)
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
        sync(path.parent)
        self._reader = path.open("rb")
        self._end = self._durable = os.fstat(self._file).st_size
        self._commit = GroupCommit(self._write)

    def get(self, id: str) -> R | None:
        """The record of an earlier call with this id."""
        offset = self._known.find(id)
        record = None if offset is None else self.read_at(offset)
        return record if record is not None and record.id == id else None

    def read_at(self, offset: int) -> R:
        """The record that stands at an offset which `append` gave."""
        self._reader.seek(offset)
        line = self._reader.readline()
        try:
            return parse_record(self.path, self.model, line)
        except DataError:
            return parse_record(self.path, self.model, line, number_of(self.path, offset))

    async def append(self, records: Sequence[R]) -> list[int]:
        """Write records in one piece and return where each stands; an unchanged one stays where it was.

        Raises StoppedEarly where the disk does not take them.
        """
        places: list[int] = []
        lines: list[bytes] = []
        for record in records:
            offset = self._known.find(record.id)
            if offset is not None and self.read_at(offset) == record:
                places.append(offset)
                continue
            lines.append(seal(record.model_dump_json().encode()))
            places.append(self._end)
            self._end += len(lines[-1])
        if lines:
            await self._commit.add(b"".join(lines))
        return places

    def _write(self, pieces: list[bytes]) -> None:
        data = b"".join(pieces)
        try:
            write_all(self._file, data)
            os.fdatasync(self._file)
        except OSError as error:
            cut_back(self._file, self._durable)
            raise unwritten(self.path, error) from error
        self._durable += len(data)

    def close(self) -> None:
        """Close the files; what `append` did not return from may be missing."""
        self._commit.close()
        os.close(self._file)
        self._reader.close()


def cut_torn_line(path: Path) -> None:
    """Cut off what stands behind the last line end; a whole line that lacks only that, as editors leave it, gets it."""
    if not path.exists():
        return
    with path.open("rb+") as file:
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
        if keep == content_end:
            return
        file.seek(keep)
        if is_sealed(file.read() + b"\n"):
            file.write(b"\n")
        else:
            log.warning("%s: cut off a torn last line of %d bytes", path, content_end - keep)
            file.truncate(keep)


def number_of(path: Path, offset: int) -> int:
    """The number of the line that begins at an offset, from 1."""
    return next(number for at, number, _ in scan_lines(path) if at >= offset)


def write_all(file: int, data: bytes) -> None:
    """Write data at the end of an open file, however many calls it takes."""
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(file, rest) :]


def cut_back(file: int, end: int) -> None:
    """Leave no half line, and nothing that nobody knows of, where the disk lets us; else the next call cuts it off."""
    with contextlib.suppress(OSError):
        os.ftruncate(file, end)
