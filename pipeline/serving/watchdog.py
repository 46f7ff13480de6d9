"""Runs a command and sees to it that nothing of it outlives whoever asked: `python watchdog.py COMMAND…`.

Its standard input is a pipe from the parent. When the parent is gone, however it ended, the pipe closes, and the
command is ended with every process it has started. Orphans come to the watchdog (a subreaper), so none is missed.
Started by path, as a process of its own: nothing but the standard library and psutil is imported.

It works in a child of the process that was started: whoever ends a process kills its children with it, as Ray does with
its workers, and would else kill the watchdog and not what it watches.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import threading

import psutil

GRACE = 15.0
"""Seconds between the request to end and the kill."""
LOOK_EVERY = 0.1
"""Seconds between two looks at the command."""
PR_SET_CHILD_SUBREAPER = 36


def adopt_orphans() -> None:
    """Become the parent of descendants whose parent died (Linux; elsewhere the process group has to do)."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def end_all(child: subprocess.Popen[bytes]) -> None:
    """End the command, then kill whatever is left of it."""
    if child.poll() is None:
        child.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(GRACE)
    if child.poll() is None:
        child.kill()
        child.wait()
    for _ in range(3):  # what is killed may have started something a moment before
        left = psutil.Process().children(recursive=True)
        for process in left:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        psutil.wait_procs(left, timeout=GRACE)


def main(command: list[str]) -> int:
    """Run the command until it ends, the parent does, or SIGTERM comes; returns its exit code."""
    adopt_orphans()
    stopping = threading.Event()

    def until_parent_ends() -> None:
        while os.read(0, 4096):
            pass
        stopping.set()

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: stopping.set())
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL)  # noqa: S603 - the command is the caller's own
    threading.Thread(target=until_parent_ends, daemon=True).start()
    while child.poll() is None and not stopping.wait(LOOK_EVERY):
        pass
    end_all(child)
    return child.returncode if child.returncode >= 0 else 128 - child.returncode


def wait_for(child: int) -> int:
    """Pass SIGTERM on to the process that watches, and end as it does; returns the exit code."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: os.kill(child, signal.SIGTERM))
    _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    return code if code >= 0 else 128 - code


if __name__ == "__main__":
    watching = os.fork()
    os._exit(wait_for(watching) if watching else main(sys.argv[1:]))  # the thread that reads may still be waiting
