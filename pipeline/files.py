"""Final files: written to a temporary name and moved, so that each is whole or not there."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO


def write_file(path: Path, text: str) -> None:
    """Write a final file, durably."""
    write_lines(path, (text,))


def write_lines(path: Path, pieces: Iterable[str]) -> None:
    """The same piece by piece; line ends are the caller's."""
    with open_final(path) as file:
        file.writelines(pieces)


@contextmanager
def open_final(path: Path) -> Iterator[TextIO]:
    """A file that takes its name, durably, once the block is through; an exception leaves what was there before."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("w", encoding="utf-8") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        move_file(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def move_file(temporary: Path, path: Path) -> None:
    """Give a file that is on the disk its name, durably."""
    temporary.replace(path)
    sync(path.parent)


def move_into_place(fresh: Path, folder: Path) -> None:
    """Put a folder that is whole in the place of `folder`, if there is one, durably."""
    for path in fresh.rglob("*"):
        sync(path)
    sync(fresh)
    old = folder.with_name(f".{folder.name}.old")
    if folder.exists():
        shutil.rmtree(old, ignore_errors=True)
        folder.rename(old)
    fresh.rename(folder)
    sync(folder.parent)
    shutil.rmtree(old, ignore_errors=True)


def sync(path: Path) -> None:
    """Make a file's content, or the names in a folder, durable."""
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
