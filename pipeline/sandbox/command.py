"""The command line of bubblewrap: what the sandbox shows, and who the command is in it.

An ordinary user gets a user namespace of its own. Root would remain root on the outside there, where the limit on
processes does not count; it makes the other namespaces directly and then becomes a user that is nobody else.
There is no /proc inside: nothing of the kernel's or of another process's is to be read there.
"""

from __future__ import annotations

import itertools
import os
import secrets
import shutil
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from pipeline.errors import ConfigError
from pipeline.sandbox.limits import Limits

PACKAGES = {
    "bwrap": "bubblewrap", "choom": "util-linux", "setpriv": "util-linux", "prlimit": "util-linux",
    "timeout": "coreutils",
}  # fmt: skip
"""The tools that are needed, and the package that each is in."""
ENVIRONMENT = {"HOME": "/tmp", "LANG": "C.UTF-8", "PATH": "/usr/bin:/bin", "PYTHONHASHSEED": "0"}  # noqa: S108 - inside
"""All that is in the environment: nothing of ours; hashes, and with them the order of sets, are the same every time."""
DEVICES = ("/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom")
SYSTEM = ("/usr/bin", "/usr/lib", "/usr/lib32", "/usr/lib64", "/usr/share/zoneinfo", "/etc/ld.so.cache")
TOP = ("/bin", "/lib", "/lib32", "/lib64")
"""Symbolic links into /usr on most systems, folders on some."""
GRACE = 5
"""Seconds that the clock inside leaves to the one outside."""
USERS = range(61184, 65520)
"""User ids that systemd keeps for users who exist only while something runs."""
turns = itertools.count(secrets.randbelow(len(USERS)))
"""Each run takes the next user: processes are counted by user."""


def find_tool(name: str) -> str:
    """Where the tool is. Raises ConfigError naming the package that has it, or that this is no Linux."""
    if sys.platform != "linux":
        raise ConfigError(f"code is run in a sandbox that only Linux has (this is {sys.platform})")
    path = shutil.which(name)
    if path is None:
        raise ConfigError(
            f"code is run in a sandbox that needs {name!r}, which is not on PATH: apt-get install {PACKAGES[name]} "
            f"(Debian, Ubuntu), dnf install {PACKAGES[name]} (Fedora)"
        )
    return path


def python_command(script: str) -> list[str]:
    """Run a file with this Python and its standard library alone; needs `python_folders()` to be shown."""
    return [f"{sys.base_prefix}/bin/python{sys.version_info[0]}.{sys.version_info[1]}", "-P", "-s", "-S", "-B", script]


def python_folders() -> tuple[str, ...]:
    """What this Python needs to run."""
    return tuple(f"{sys.base_prefix}/{name}" for name in ("bin", "lib", "lib64"))


def build_command(command: Sequence[str], limits: Limits, show: Iterable[str], seccomp: int) -> list[str]:
    """`command` inside bubblewrap. `show`: paths it may read; `seccomp`: open file that holds the filter."""
    bwrap = find_tool("bwrap")
    box = [find_tool("choom"), "-n", "1000", "--", bwrap, "--die-with-parent", "--new-session"]
    box += ["--unshare-ipc", "--unshare-pid", "--unshare-net", "--unshare-uts", "--unshare-cgroup-try"]
    box += ["--cap-drop", "ALL", "--seccomp", str(seccomp), "--hostname", "sandbox"]
    become: list[str] = []
    if os.geteuid() == 0:
        user = str(USERS[next(turns) % len(USERS)])
        box += ["--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID"]
        become = [find_tool("setpriv"), "--reuid", user, "--regid", user, "--clear-groups", "--"]
    else:
        box += ["--unshare-user", "--uid", "65534", "--gid", "65534"]
    box += [*_mounts(show, limits.scratch), "--chdir", "/tmp", "--clearenv"]  # noqa: S108
    for name, value in ENVIRONMENT.items():
        box += ["--setenv", name, value]
    return [*box, "--", *become, *_limited(limits), *command]


def _mounts(show: Iterable[str], scratch: int) -> list[str]:
    """The file system: scratch first, so that what is shown may lie under /tmp; the root is made read-only last."""
    mounts = ["--perms", "1777", "--size", str(scratch), "--tmpfs", "/tmp"]  # noqa: S108
    shown = [*SYSTEM, *show]
    parents = {parent for path in (*shown, *DEVICES) for parent in Path(path).parents}
    for parent in sorted(parents - {Path("/"), Path("/tmp")}):  # noqa: S108 - made by bubblewrap, they were closed to others
        mounts += ["--dir", str(parent)]
    for path in shown:
        mounts += ["--ro-bind-try", path, path]
    for top in TOP:
        mounts += ["--symlink", os.readlink(top), top] if Path(top).is_symlink() else ["--ro-bind-try", top, top]  # noqa: PTH115
    for device in DEVICES:
        mounts += ["--dev-bind", device, device]
    return [*mounts, "--symlink", "/tmp", "/dev/shm", "--remount-ro", "/"]  # noqa: S108


def _limited(limits: Limits) -> list[str]:
    """Set inside, where processes are counted by themselves (Linux 5.14) and not with all others of the user.

    The clock inside is for a parent that is killed in the moment before bubblewrap binds its life to it.
    """
    return [
        find_tool("timeout"), "--foreground", "--signal=KILL", str(limits.wall + GRACE),
        find_tool("prlimit"), f"--cpu={limits.cpu}:{limits.cpu + 1}", f"--as={limits.memory}", "--core=0",
        f"--nproc={limits.processes}", f"--nofile={limits.files}", f"--fsize={limits.scratch}", "--msgqueue=0", "--",
    ]  # fmt: skip
