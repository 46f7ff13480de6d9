"""The journals of workers, merged into those of the run.

Every worker of a build on Ray writes journals of its own, in `shards/NAME/` of the run's folder. Merging appends their
lines, but those that the run has already, makes them durable, and only then removes the shards. Killed at any moment,
it is done again from the beginning, and what was merged is skipped.
"""

from __future__ import annotations

import logging
import os
import shutil
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from pipeline import lock
from pipeline.errors import FolderInUse
from pipeline.files import sync, unwritten
from pipeline.journal import cut_back, cut_torn_line, scan_lines, write_all
from pipeline.scale.lines import Index, Moved, read_keys
from pipeline.types import Attempt, Correction, Pair

log = logging.getLogger(__name__)
SHARDS, PARTS = "shards", ".parts"
"""Folders in a run's folder: the workers' journals, and the problems on their way to the workers."""
JOURNALS: dict[str, Any] = {"attempts": Attempt, "corrections": Correction, "pairs": Pair, "second_tries": Attempt}
PATIENCE = 60.0
"""Seconds that a worker's process may take to end before its shard is left where it is."""
BUFFER = 1 << 20


def merge_left(folder: Path) -> None:
    """Merge what the workers of a killed build left in a run's folder; the first thing that any build does there.

    Raises FolderInUse where another process writes to the folder, DataError for a damaged line.
    """
    if not (folder / SHARDS).exists() and not (folder / PARTS).exists():
        return
    with lock.hold(folder):
        if names := shard_names(folder):
            log.info("%s: merging the journals of %d workers of a build that was killed", folder, len(names))
            merge_shards(folder, names)
        clear_scratch(folder)


def shard_names(folder: Path) -> list[str]:
    """The shards that are there, in the order of their names, which begin with the order in which they were made."""
    return sorted(path.name for path in (folder / SHARDS).iterdir()) if (folder / SHARDS).is_dir() else []


def clear_scratch(folder: Path) -> None:
    """Remove the problems on their way, and the folder of shards where none is left in it."""
    if (folder / PARTS).exists():
        shutil.rmtree(folder / PARTS)
    if (folder / SHARDS).exists() and not shard_names(folder):
        (folder / SHARDS).rmdir()


def merge_shards(folder: Path, names: Sequence[str], patience: float | None = None) -> dict[str, Moved]:
    """Merge shards into the run's journals; of two that tell the same record differently the later one counts.

    Returns where the pairs of each shard stand now. A shard whose worker still runs, as it may on a machine that
    cannot be reached, is merged and left; the next build merges what it wrote since. The run's lock must be held.
    Raises DataError for a damaged line, StoppedEarly where the disk does not take what is merged.
    """
    paths = [folder / SHARDS / name for name in names]
    moved: dict[str, Moved] = {}
    with ExitStack() as locks:
        deadline = time.monotonic() + (PATIENCE if patience is None else patience)
        ended = [path for path in paths if _has_ended(path, locks, deadline)]
        for journal, model in JOURNALS.items():
            with Target(folder / f"{journal}.jsonl", model) as target:
                for path in paths:
                    places = target.take(path / f"{journal}.jsonl")
                    if journal == "pairs":
                        moved[path.name] = places
    try:
        sync(folder)
    except OSError as error:
        raise unwritten(folder, error) from error
    for path in ended:
        shutil.rmtree(path)
    return moved


def _has_ended(shard: Path, locks: ExitStack, deadline: float) -> bool:
    """Whether the worker of a shard has ended; its lock is then ours."""
    while True:
        try:
            locks.enter_context(lock.hold(shard))
            return True
        except FolderInUse as error:
            if time.monotonic() > deadline:
                log.warning("%s; its journals are merged and left there", error)
                return False
        time.sleep(0.1)


class Target:
    """A journal of the run, to which lines of shards are added. Use as a context manager."""

    def __init__(self, path: Path, model: Any) -> None:
        self.path, self.model = path, model
        cut_torn_line(path)
        self._index = Index(*read_keys(path, model))
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
        self._reader = path.open("rb")
        self._durable = self._written = self._end = os.fstat(self._file).st_size
        self._buffer: list[bytes] = []

    def __enter__(self) -> Target:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._file)
        self._reader.close()

    def take(self, source: Path) -> Moved:
        """Add the lines of a shard's journal, durably; returns where each stands."""
        keys, offsets = read_keys(source, self.model)
        repeated = Index.repeated(keys)
        latest: dict[int, int] = {}
        places = []
        for (_, _, line), key, known in zip(scan_lines(source), keys.tolist(), self._index.find(keys), strict=False):
            known = latest.get(key, known)
            places.append(known if known >= 0 and self._line_at(known) == line else self._append(line))
            if key in repeated:
                latest[key] = places[-1]
        self._sync()
        self._index.add(keys, places)
        return Moved(offsets, places)

    def _line_at(self, offset: int) -> bytes:
        if offset >= self._written:
            self._write()
        self._reader.seek(offset)
        return self._reader.readline()

    def _append(self, line: bytes) -> int:
        place = self._end
        self._buffer.append(line)
        self._end += len(line)
        if self._end - self._written >= BUFFER:
            self._write()
        return place

    def _write(self) -> None:
        try:
            write_all(self._file, b"".join(self._buffer))
        except OSError as error:
            cut_back(self._file, self._durable)
            raise unwritten(self.path, error) from error
        self._buffer, self._written = [], self._end

    def _sync(self) -> None:
        self._write()
        try:
            os.fdatasync(self._file)
        except OSError as error:
            raise unwritten(self.path, error) from error
        self._durable = self._end
