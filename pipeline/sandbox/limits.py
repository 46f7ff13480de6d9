"""What a command in the sandbox may use, and how it ended."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

MIB = 2**20


@dataclass(frozen=True)
class Limits:
    """Bounds of one run. Those on a process hold for each: memory is bounded by `memory` times `processes`."""

    cpu: int = 10
    """Seconds of processor time of a process; then SIGXCPU, and a second later SIGKILL."""
    wall: float = 60.0
    """Seconds from start to end; then everything is killed."""
    memory: int = 512 * MIB
    """Bytes of address space of a process."""
    scratch: int = 16 * MIB
    """Bytes of the scratch folder `/tmp`, which lives in memory, and of a single file."""
    processes: int = 16
    """Processes and threads at once, three of them the sandbox's own at most."""
    files: int = 64
    """Open files of a process."""
    output: int = 64 * 1024
    """Bytes of standard output, and of standard error; one more and everything is killed."""


@dataclass(frozen=True)
class Outcome:
    """How a command ended."""

    ended: Literal["itself", "wall", "output"]
    """By itself, or killed by us: at the limit of seconds, at that of bytes."""
    status: int
    """The exit status; 128 + n where signal n ended it. Says nothing where we killed it."""
    output: bytes
    errors: str
