"""Runs one command in the sandbox; nothing of it is left when this returns."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from asyncio.subprocess import PIPE, Process
from collections.abc import Callable, Iterable, Sequence
from typing import Literal

import psutil

from pipeline.sandbox.command import build_command
from pipeline.sandbox.limits import Limits, Outcome
from pipeline.sandbox.seccomp import build_filter

Reason = Literal["wall", "output"]
STILL = (psutil.STATUS_STOPPED, psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD)
STOPPING = 1.0
"""Seconds that a process is given to stop; only one that waits for a disk takes more than a moment."""


async def run(command: Sequence[str], *, input: bytes = b"", limits: Limits, show: Iterable[str] = ()) -> Outcome:
    """Run `command` with `input` as its standard input; `show`: files and folders it may read, at their own paths.

    Raises ConfigError where a tool is missing. That the sandbox holds is `proof.prove`'s to find out.
    """
    program = _open_filter()
    try:
        process = await _start(build_command(command, limits, show, program), program)
    finally:
        os.close(program)
    why: list[Reason] = []

    def kill(reason: Reason) -> None:
        why.append(reason)
        _kill(process)

    timer = asyncio.get_running_loop().call_later(limits.wall, kill, "wall")
    try:
        assert process.stdout is not None
        assert process.stderr is not None
        reading = (_read(stream, limits.output, kill) for stream in (process.stdout, process.stderr))
        (output, errors), _ = await asyncio.gather(asyncio.gather(*reading), _feed(process, input))
        status = await process.wait()
    finally:
        timer.cancel()
        await _end(process)
    return Outcome(why[0] if why else "itself", status, output, errors.decode(errors="replace"))


async def _start(line: Sequence[str], program: int) -> Process:
    """Start a process, or leave none where that is cancelled."""
    starting = asyncio.ensure_future(
        asyncio.create_subprocess_exec(
            *line, stdin=PIPE, stdout=PIPE, stderr=PIPE, env={}, cwd="/", pass_fds=(program,), start_new_session=True
        )
    )
    try:
        return await asyncio.shield(starting)
    except asyncio.CancelledError:
        await _end(await starting)
        raise


def _kill(process: Process) -> None:
    """Kill bubblewrap and the first process of its namespace, and with that every other.

    That process may be so young that its life is not bound to bubblewrap's yet. So bubblewrap is stopped first: it
    starts no other, and those that it has started can be found and cannot be taken for others.
    """
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError, psutil.NoSuchProcess):
            os.killpg(process.pid, signal.SIGSTOP)
            bubblewrap, late = psutil.Process(process.pid), time.monotonic() + STOPPING
            while bubblewrap.status() not in STILL and time.monotonic() < late:
                time.sleep(0.0005)
            for first in bubblewrap.children():
                first.kill()
            os.killpg(process.pid, signal.SIGKILL)


async def _end(process: Process) -> None:
    if process.returncode is None:
        _kill(process)
        await process.communicate()


def _open_filter() -> int:
    """A pipe that holds the filter; it is read once. It has far less bytes than a pipe holds."""
    reader, writer = os.pipe()
    try:
        os.write(writer, build_filter())
    except BaseException:
        os.close(reader)
        raise
    finally:
        os.close(writer)
    return reader


async def _read(stream: asyncio.StreamReader, limit: int, kill: Callable[[Reason], None]) -> bytes:
    """All of the stream up to `limit` bytes. Reads to the end in any case: a full pipe would hold up the others."""
    kept = bytearray()
    while chunk := await stream.read(2**16):
        kept += chunk[: limit + 1 - len(kept)]
        if len(kept) > limit:
            kill("output")
    return bytes(kept[:limit])


async def _feed(process: Process, input: bytes) -> None:
    assert process.stdin is not None
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # it may end without reading all
        process.stdin.write(input)
        await process.stdin.drain()
        process.stdin.close()
        await process.stdin.wait_closed()
