"""Final files: written under another name and moved, so that each is whole or not there."""

from __future__ import annotations

import ctypes
import errno
import os
import secrets
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from pipeline.errors import StoppedEarly

UNFINISHED = ".tmp"
"""How the name of a file ends that is being written."""
FAILING = (errno.ENOSPC, errno.EDQUOT, errno.EIO)
"""The disk's own faults: what was done is kept, and the same command goes on."""
AT_FDCWD, RENAME_EXCHANGE = -100, 2
"""Linux: paths as they are; swap the two."""


def write_file(path: Path, text: str) -> None:
    """Write a final file, durably."""
    write_lines(path, (text,))


def write_lines(path: Path, pieces: Iterable[str]) -> None:
    """The same piece by piece; line ends are the caller's."""
    with open_final(path) as file:
        file.writelines(pieces)


@contextmanager
def open_final(path: Path) -> Iterator[TextIO]:
    """A file that takes its name, durably, once the block is through; an exception leaves what was there before.

    Raises StoppedEarly where the disk does not take it.
    """
    make_folder(path.parent)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}{UNFINISHED}")  # no name that a link can wait at
    try:
        with temporary.open("x", encoding="utf-8") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        move_file(temporary, path)
    except OSError as error:
        if error.errno not in FAILING:
            raise
        raise unwritten(path, error) from error
    finally:
        temporary.unlink(missing_ok=True)


def remove_unfinished(folder: Path) -> None:
    """Remove what killed processes left of what they wrote; no other process may write there meanwhile."""
    for path in folder.glob(f".*{UNFINISHED}"):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()


def unwritten(path: Path, error: OSError) -> StoppedEarly:
    """What to say when the disk does not take something."""
    why = "the disk is full" if error.errno in (errno.ENOSPC, errno.EDQUOT) else f"cannot be written: {error.strerror}"
    return StoppedEarly(f"{path}: {why}; what was done is kept, mend that and the same command goes on")


def make_folder(folder: Path) -> None:
    """Make a folder, and those above it, durably."""
    if not folder.is_dir():
        make_folder(folder.parent)
        folder.mkdir(exist_ok=True)
        sync(folder.parent)


def move_file(temporary: Path, path: Path) -> None:
    """Give a file that is on the disk its name, durably."""
    temporary.replace(path)
    sync(path.parent)


@contextmanager
def new_folder(folder: Path) -> Iterator[Path]:
    """A folder to fill, which takes the place of `folder`, durably, once the block is through; else nothing changes."""
    make_folder(folder.parent)
    fresh = folder.with_name(f".{folder.name}.{secrets.token_hex(8)}{UNFINISHED}")
    fresh.mkdir()
    try:
        yield fresh
        move_into_place(fresh, folder)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def move_into_place(fresh: Path, folder: Path) -> None:
    """Put a folder that is whole in the place of `folder`, if there is one, durably."""
    for path in fresh.rglob("*"):
        sync(path)
    sync(fresh)
    if not folder.exists():
        fresh.rename(folder)
        sync(folder.parent)
        return
    _exchange(fresh, folder)
    sync(folder.parent)
    if fresh.is_symlink():
        fresh.unlink()
    else:
        shutil.rmtree(fresh, ignore_errors=True)


def _exchange(fresh: Path, folder: Path) -> None:
    """Swap two folders: in one step where the system can (Linux), else with a moment in which neither has the name."""
    rename = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if rename is not None and rename(AT_FDCWD, bytes(fresh), AT_FDCWD, bytes(folder), RENAME_EXCHANGE) == 0:
        return
    old = folder.with_name(f".{folder.name}.{secrets.token_hex(8)}.old")
    folder.rename(old)
    try:
        fresh.rename(folder)
    except OSError:
        old.rename(folder)
        raise
    old.rename(fresh)


def sync(path: Path) -> None:
    """Make a file's content, or the names in a folder, durable."""
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
