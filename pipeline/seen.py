"""Which questions of a data set were there already, however many there are."""

from __future__ import annotations

import errno
import sqlite3
import tempfile
from pathlib import Path
from typing import Literal, Self

from pipeline.files import unwritten
from pipeline.types import content_id

MASK = (1 << 64) - 1


def signed(number: int) -> int:
    """64 bits as SQLite stores them."""
    return number - (1 << 64) if number >> 63 else number


class Seen:
    """Which questions, and which ids of the data's own, were there already.

    Beyond some megabytes it is on disk, where temporary files are (TMPDIR).
    """

    def __init__(self) -> None:
        self._db = sqlite3.connect("", isolation_level=None)  # a file without a name, gone with the connection
        self._db.executescript("""
            PRAGMA journal_mode = OFF;
            PRAGMA cache_size = -32768;
            CREATE TABLE questions (content INTEGER PRIMARY KEY, answer INTEGER NOT NULL);
            CREATE TABLE ids (id INTEGER PRIMARY KEY, line INTEGER NOT NULL);
            BEGIN;
        """)
        self.disputed: dict[int, int] = {}
        """Questions with different answers: content to the first one's fingerprint."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._db.close()

    def add(self, content: int, answer: int) -> Literal["same", "disputed"] | None:
        """Remember a question; says whether it was known, and with the same answer. Numbers of 64 bits."""
        try:
            self._run("INSERT INTO questions VALUES (?, ?)", (signed(content), signed(answer)))
        except sqlite3.IntegrityError:
            (known,) = self._run("SELECT answer FROM questions WHERE content = ?", (signed(content),)).fetchone()
            if known == signed(answer):
                return "same"
            self.disputed[content] = known & MASK
            return "disputed"
        return None

    def own(self, id: str, line: int) -> int:
        """The line at which an id of the data's own stands first."""
        key = signed(int(content_id(id), 16))
        self._run("INSERT OR IGNORE INTO ids VALUES (?, ?)", (key, line))
        first: int = self._run("SELECT line FROM ids WHERE id = ?", (key,)).fetchone()[0]
        return first

    def _run(self, command: str, values: tuple[int, ...]) -> sqlite3.Cursor:
        """Raises StoppedEarly where the disk for temporary files is full."""
        try:
            return self._db.execute(command, values)
        except sqlite3.OperationalError as error:
            folder = Path(tempfile.gettempdir())
            raise unwritten(folder, OSError(errno.ENOSPC, str(error))) from error
