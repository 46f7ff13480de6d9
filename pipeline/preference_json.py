"""Rows of a JSON file, packed or not: an array of objects, or objects one after another. One is in memory at a time."""

from __future__ import annotations

import gzip
import json
import re
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO

from pipeline.errors import DataError
from pipeline.rows import Row

BLOCK = 1 << 18
WHITE = re.compile(r"[ \t\n\r]*")
LONGEST_WORD = len("-Infinity")


def read_json(path: Path, columns: Sequence[str] = (), *, block: int = BLOCK) -> Iterator[Row]:
    """Yield the rows, counted from 1; `block` characters are read at once. Raises DataError for no such file."""
    packed = path.suffix.lower() == ".gz"
    try:
        with gzip.open(path, "rt", encoding="utf-8-sig") if packed else path.open(encoding="utf-8-sig") as file:
            yield from _rows(_Scanner(file, path, block), path)
    except UnicodeDecodeError as error:
        raise DataError(path, f"is not UTF-8 text: {error}") from error
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise DataError(path, f"is not a whole gzip file: {error}") from error


def _rows(scanner: _Scanner, path: Path) -> Iterator[Row]:
    is_array = scanner.peek() == "["
    if is_array:
        scanner.take()
    while (sign := scanner.peek()) not in ("", "]" if is_array else ""):
        if scanner.row > 1 and is_array:
            if sign != ",":
                raise scanner.malformed("a comma is missing")
            scanner.take()
            scanner.peek()
        values = scanner.value()
        if not isinstance(values, dict):
            raise DataError(path, f"a row must be a JSON object, not {type(values).__name__}", line=scanner.row)
        if scanner.row == 1 and not is_array and (key := _holds_rows(values)):
            told = f"is an object whose {key!r} holds the rows; save that array alone: [{{…}}, …]"
            raise DataError(path, told)
        yield Row(str(path), scanner.row, values)
        scanner.row += 1
    if is_array:
        if not sign:
            raise scanner.malformed("the array does not end")
        scanner.take()
        if scanner.peek():
            raise scanner.malformed("there is something behind the array")


def _holds_rows(values: dict[str, object]) -> str | None:
    """The key under which an object has rows, not turns of a conversation."""
    for key, value in values.items():
        if isinstance(value, list) and value and isinstance(value[0], dict) and "role" not in value[0]:
            return key
    return None


class _Scanner:
    """A text of which a window is in memory: as much as the value takes that is being read."""

    def __init__(self, file: IO[str], path: Path, block: int) -> None:
        self.file, self.path, self.block, self.row = file, path, block, 1
        self.text, self.at, self.before, self.ended = "", 0, 0, False
        self.decoder = json.JSONDecoder()

    def peek(self) -> str:
        """The next sign that is not white space; empty at the end."""
        while True:
            found = WHITE.match(self.text, self.at)
            assert found is not None
            self.at = found.end()
            if self.at < len(self.text) or self.ended:
                return self.text[self.at : self.at + 1]
            self._read_on()

    def take(self) -> None:
        """Go behind the next sign."""
        self.at += 1

    def value(self) -> object:
        """The value that begins here, of a number as much as the window holds."""
        while True:
            try:
                value, self.at = self.decoder.raw_decode(self.text, self.at)
            except json.JSONDecodeError as error:
                cut = error.msg.startswith("Unterminated string") or error.pos + LONGEST_WORD >= len(self.text)
                if self.ended or not cut:
                    self.at = error.pos
                    raise self.malformed(error.msg) from error
            except ValueError as error:  # a number of thousands of digits
                raise self.malformed(str(error)) from error
            except RecursionError as error:
                raise self.malformed("nested too deeply") from error
            else:
                return value
            self._read_on()

    def malformed(self, what: str) -> DataError:
        """The error for what stands here."""
        return DataError(self.path, f"malformed JSON: {what} at character {self.before + self.at + 1}", line=self.row)

    def _read_on(self) -> None:
        """Widen the window: by as much again as it holds, so that a long value is not read over and over."""
        self.text, self.before, self.at = self.text[self.at :], self.before + self.at, 0
        more = self.file.read(max(self.block, len(self.text)))
        self.text += more
        self.ended = not more
