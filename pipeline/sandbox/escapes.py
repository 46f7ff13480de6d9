"""Tries to break out of the sandbox, from inside; prints as JSON what it managed: {"what": "how"}, empty when it held.

Started by path with the standard library alone. Standard input names the targets, see `proof.py`.
"""

from __future__ import annotations

import ctypes
import json
import os
import resource
import signal
import socket
import sys
import time
from collections.abc import Callable
from typing import Any

AF_VSOCK = 40
CLONE_NEWUSER = 0x10000000


def reach_network(given: dict[str, Any]) -> str | None:
    """Connect to a server that listens on the host; open a socket of a family that network namespaces do not bound."""
    try:
        with socket.create_connection(("127.0.0.1", given["port"]), timeout=5):
            return "a server on the host's loopback was reached"
    except OSError:
        pass
    try:
        socket.socket(AF_VSOCK, socket.SOCK_STREAM).close()
    except OSError:
        return None
    return "a socket to the hypervisor was opened"


def read_secrets(given: dict[str, Any]) -> str | None:
    """Read files that are planted where secrets lie, the environment, and what /proc tells of others."""
    for path in given["secrets"]:
        if os.path.exists(path):  # noqa: PTH110 - this file starts fast
            return f"{path} was read"
    if more := set(os.environ) - set(given["environment"]) - {"PWD", "LC_CTYPE"}:
        return f"environment variables {sorted(more)}"
    return "/proc can be read" if os.path.exists("/proc") else None  # noqa: PTH110


def write_outside(given: dict[str, Any]) -> str | None:
    """Make a file beside the planted ones and in the folders that are shown."""
    for folder in given["folders"]:
        path = os.path.join(folder, "errata-escape")  # noqa: PTH118
        try:
            os.close(os.open(path, os.O_WRONLY | os.O_CREAT))
        except OSError:
            continue
        return f"{path} was written"
    return None


def reach_processes(given: dict[str, Any]) -> str | None:
    """Signal the process that started the sandbox, and any other."""
    ours = {1, os.getpid(), os.getppid()}
    for pid in (given["pid"], *range(1, 1000)):
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            continue
        except PermissionError:
            pass
        if pid not in ours:
            return f"process {pid} can be seen"
    return None


def gain_rights(given: dict[str, Any]) -> str | None:
    """Be root, change the root folder, make a user namespace."""
    if os.getuid() == 0:
        return "the user is root"
    try:
        os.chroot("/")
        return "a capability is left: chroot"
    except OSError:
        pass
    made = ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWUSER) == 0
    return "a user namespace was made" if made else None


def exceed_memory(given: dict[str, Any]) -> str | None:
    """Take twice the memory."""
    try:
        bytearray(2 * given["memory"])
    except MemoryError:
        return None
    return "more memory was taken than is allowed"


def exceed_scratch(given: dict[str, Any]) -> str | None:
    """Fill the scratch folder."""
    paths = [f"/tmp/{i}" for i in range(8)]  # noqa: S108
    try:
        for path in paths:
            fd = os.open(path, os.O_WRONLY | os.O_CREAT)
            os.posix_fallocate(fd, 0, given["scratch"] // 4)
            os.close(fd)
    except OSError:
        return None
    finally:
        for path in paths:
            if os.path.exists(path):  # noqa: PTH110
                os.unlink(path)  # noqa: PTH108
    return "more was written to the scratch folder than is allowed"


def exceed_time(given: dict[str, Any]) -> str | None:
    """The kernel's clock is set, and no core file is written."""
    limits = resource.getrlimit(resource.RLIMIT_CPU), resource.getrlimit(resource.RLIMIT_CORE)
    held = limits == ((given["cpu"], given["cpu"] + 1), (0, 0))
    return None if held else "processor time is not limited"


def exceed_processes(given: dict[str, Any]) -> str | None:
    """Fork until that fails; the first one is left behind, and holds our standard output open for a minute."""
    children: list[int] = []
    try:
        while len(children) < given["processes"]:
            child = os.fork()
            if child == 0:
                os.setsid()
                time.sleep(60)
                os._exit(0)
            children.append(child)
    except OSError:
        return None
    finally:
        for child in children[1:]:
            os.kill(child, signal.SIGKILL)
    return "more processes were started than are allowed"


ATTEMPTS: tuple[Callable[[dict[str, Any]], str | None], ...] = (
    reach_network, read_secrets, write_outside, reach_processes, gain_rights,
    exceed_memory, exceed_scratch, exceed_time, exceed_processes,
)  # fmt: skip


def main() -> None:
    """Make every attempt."""
    given = json.load(sys.stdin)
    told = {attempt.__name__: attempt(given) for attempt in ATTEMPTS}
    print(json.dumps({name: how for name, how in told.items() if how}))


if __name__ == "__main__":
    main()
