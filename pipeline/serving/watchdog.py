"""Runs a command and sees to it that nothing of it outlives whoever asked: `python watchdog.py COMMAND…`.

Its standard input is a pipe from the parent. When the parent is gone, however it ended, the pipe closes, and the
command is ended with every process it has started. Orphans come to the watchdog (a subreaper), so none is missed.
Started by path, as a process of its own: nothing but the standard library and psutil is imported.
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
    left = psutil.Process().children(recursive=True)
    for process in left:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(left, timeout=GRACE)


def main(command: list[str]) -> int:
    """Run the command until it ends or the parent does; returns its exit code."""
    adopt_orphans()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL)  # noqa: S603 - the command is the caller's own

    def until_parent_ends() -> None:
        while os.read(0, 4096):
            pass
        os.kill(os.getpid(), signal.SIGTERM)

    def stop(*_: object) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        end_all(child)
        os._exit(128 + signal.SIGTERM)

    signal.signal(signal.SIGTERM, stop)
    threading.Thread(target=until_parent_ends, daemon=True).start()
    code = child.wait()
    end_all(child)
    return code if code >= 0 else 128 - code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
