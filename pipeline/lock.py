"""One process at a time in the folder of a run.

The lock is the operating system's: it ends with the process that holds it, however that dies, and no clock is asked.
"""

from __future__ import annotations

import errno
import fcntl
import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pipeline.errors import ConfigError, FolderInUse
from pipeline.files import make_folder

NAME = ".lock"
_lock_of_held = threading.Lock()
_held: set[Path] = set()
"""Folders that this process holds: a process does not lock itself out."""


@contextmanager
def hold(folder: Path) -> Iterator[None]:
    """Keep the folder for this process during the block; it is made where it is not there.

    Raises FolderInUse, which names the process that has it, ConfigError for a file system without locks, and OSError
    where the folder cannot be written to.
    """
    make_folder(folder)
    folder = folder.resolve()
    with _reserved(folder):
        handle = os.open(folder / NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o644)
        try:
            _lock(handle, folder)
            os.ftruncate(handle, 0)
            os.pwrite(handle, f"{os.getpid()} {socket.gethostname()}\n".encode(), 0)
            yield
        finally:
            os.close(handle)  # which gives the lock back


@contextmanager
def _reserved(folder: Path) -> Iterator[None]:
    """Keep the folder from the other threads of this process, which the system's lock lets in."""
    with _lock_of_held:
        if folder in _held:
            raise FolderInUse(f"{folder}: is being written by this process already (pid {os.getpid()})")
        _held.add(folder)
    try:
        yield
    finally:
        with _lock_of_held:
            _held.discard(folder)


def _lock(handle: int, folder: Path) -> None:
    try:
        fcntl.lockf(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in (errno.EACCES, errno.EAGAIN):
            pid, _, host = os.pread(handle, 300, 0).decode(errors="replace").strip().partition(" ")
            raise FolderInUse(
                f"{folder}: is being written by another process (pid {pid or 'unknown'} on {host or 'unknown'}); wait "
                "for it or end it, then run this again"
            ) from error
        if error.errno in (errno.ENOLCK, errno.ENOTSUP):
            raise ConfigError(f"{folder}: this file system has no locks; put runs_dir on another one") from error
        raise
