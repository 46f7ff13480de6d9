"""Lines that come in nearly any order and end up in one file, sorted by number."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

from pipeline.files import UNFINISHED, move_file


class OrderedLines:
    """Takes the lines of numbers 0, 1, 2, …, each number once, in the order in which they happen to be ready.

    They wait on disk; in memory is where those stand that wait for a smaller number. Use as a context manager, in a
    folder that no other process writes to.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        self._temporary = path.with_name(f".{path.name}{UNFINISHED}")
        self._temporary.unlink(missing_ok=True)  # one that a killed process left, or a link that somebody laid there
        self._out = self._temporary.open("xb")
        self._waiting = tempfile.TemporaryFile(dir=path.parent)  # noqa: SIM115 - closed with the context
        self._places: dict[int, tuple[int, int]] = {}
        """Start and length, in bytes, of what waits for its turn."""
        self._next = 0

    def __enter__(self) -> OrderedLines:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._waiting.close()
        self._out.close()
        self._temporary.unlink(missing_ok=True)

    def add(self, number: int, lines: Sequence[str]) -> None:
        """Add the lines of a number, without their ends; a number without any is added, too."""
        text = "".join(f"{line}\n" for line in lines).encode()
        if number != self._next:
            start = self._waiting.seek(0, os.SEEK_END)
            self._waiting.write(text)
            self._places[number] = start, len(text)
            return
        self._out.write(text)
        self._next += 1
        while (place := self._places.pop(self._next, None)) is not None:
            self._copy(*place)
            self._next += 1

    def write(self) -> None:
        """Move the file into place, whole or not at all; what waits for a number that never came stands at its end."""
        for number in sorted(self._places):
            self._copy(*self._places.pop(number))
        self._out.flush()
        os.fsync(self._out.fileno())
        move_file(self._temporary, self.path)

    def _copy(self, start: int, length: int) -> None:
        if length:
            self._waiting.seek(start)
            self._out.write(self._waiting.read(length))
