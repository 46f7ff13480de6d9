"""Values by key, on disk: added in any order, read back key by key, in the order in which the keys first came."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import sqlite3
from collections.abc import Iterator, Sequence
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from types import TracebackType
from typing import Any

SCHEMA = """
PRAGMA journal_mode = OFF;
PRAGMA synchronous = OFF;
PRAGMA cache_size = -65536;
CREATE TABLE keys (number INTEGER PRIMARY KEY, digest BLOB UNIQUE NOT NULL, key TEXT NOT NULL);
CREATE TABLE entries (key INTEGER NOT NULL, value TEXT NOT NULL);
BEGIN;
"""


class Spill:
    """Keys and values of plain JSON. In memory are at most 64 MB of SQLite's pages. Use as a context manager."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.unlink(missing_ok=True)
        self._db = sqlite3.connect(path, isolation_level=None)
        self._db.executescript(SCHEMA)

    def __enter__(self) -> Spill:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._db.close()
        self.path.unlink()

    def add(self, key: Any, value: Any) -> None:
        """Add a value. Raises OSError where the disk is full."""
        told = json.dumps(key, ensure_ascii=False)
        digest = hashlib.sha256(told.encode()).digest()
        found = self._run("SELECT number FROM keys WHERE digest = ?", (digest,)).fetchone()
        number = found[0] if found else self._run("INSERT INTO keys VALUES (NULL, ?, ?)", (digest, told)).lastrowid
        self._run("INSERT INTO entries VALUES (?, ?)", (number, json.dumps(value, ensure_ascii=False)))

    def groups(self) -> Iterator[tuple[Any, Iterator[Any]]]:
        """Each key with its values in the order in which they were added. Nothing may be added afterwards."""
        self._run("CREATE INDEX by_key ON entries (key)")
        entries = self._run("SELECT key, value FROM entries ORDER BY key, rowid")
        for number, found in groupby(entries, key=itemgetter(0)):
            (key,) = self._run("SELECT key FROM keys WHERE number = ?", (number,)).fetchone()
            yield json.loads(key), (json.loads(value) for _, value in found)

    def _run(self, command: str, values: Sequence[object] = ()) -> sqlite3.Cursor:
        try:
            return self._db.execute(command, values)
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode == sqlite3.SQLITE_FULL:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self.path)) from error
            raise
