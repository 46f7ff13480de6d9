"""Small and read-only disks: a tmpfs in a mount namespace of its own, which nobody else sees and which ends with us.

Run as a script inside the namespace, it does the steps given as JSON and prints what came of the commands:

    unshare --mount python benchmarks/helpers/crash_mounts.py '[["mount", "/folder", "size=1m"], ["run", ["df"], {}]]'
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

SHARED = ("unshare", "--mount", "--propagation", "private")
WAYS = (SHARED, (*SHARED, "--user", "--map-root-user"))
"""A namespace of mounts, for root; with one of users, for anybody whom the kernel lets."""
PATIENCE = 300.0
"""Seconds that a command may take; one that takes longer hangs."""
HUNG = -100
FILLER = "filler"
"""The name of the file that takes the room."""


@dataclass(frozen=True)
class Ran:
    """A command's exit code and what it wrote."""

    code: int
    said: str


@cache
def find_way() -> tuple[str, ...] | str:
    """The command that gives a namespace in which a tmpfs can be mounted; or why there is none."""
    said = "there is no `unshare`"
    if shutil.which("unshare") is None:
        return said
    for way in WAYS:
        tried = subprocess.run([*way, "mount", "-t", "tmpfs", "none", "/mnt"], capture_output=True, text=True)
        if tried.returncode == 0:
            return way
        said = tried.stderr.strip().splitlines()[-1] if tried.stderr.strip() else f"exit code {tried.returncode}"
    return said


def do_steps(steps: Sequence[Sequence[Any]]) -> list[Ran]:
    """Do steps in a namespace that ends with them; returns what came of its commands.

    `mount FOLDER OPTIONS`: a tmpfs there; `remount FOLDER OPTIONS`; `run COMMAND VARIABLES`; `copy FROM TO`: a folder;
    `fill FOLDER LEFT`: a file that leaves so many bytes free; `empty FOLDER`: without that file.
    """
    way = find_way()
    assert not isinstance(way, str), way
    command = [*way, sys.executable, __file__, json.dumps(steps)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True) as process:
        try:
            told, _ = process.communicate()
        except BaseException:
            os.killpg(process.pid, signal.SIGKILL)
            raise
    assert process.returncode == 0, f"{command}: exit code {process.returncode}"
    return [Ran(**one) for one in json.loads(told)]


def run(command: Sequence[str], variables: Mapping[str, str]) -> Ran:
    """Run a command whose end is awaited; what it wrote to both streams is kept."""
    try:
        done = subprocess.run(
            command,
            env={**os.environ, **variables},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=PATIENCE,
        )
    except subprocess.TimeoutExpired as error:
        return Ran(HUNG, str(error))
    return Ran(done.returncode, done.stdout)


def main(steps: Sequence[Sequence[Any]]) -> list[Ran]:
    ran = []
    for name, *details in steps:
        match name:
            case "mount":
                folder, options = details
                Path(folder).mkdir(parents=True, exist_ok=True)
                subprocess.run(["mount", "-t", "tmpfs", "-o", options, "none", folder], check=True)
            case "remount":
                folder, options = details
                subprocess.run(["mount", "-o", f"remount,{options}", folder], check=True)
            case "run":
                ran.append(run(*details))
            case "copy":
                source, target = details
                if Path(source).is_dir():
                    shutil.copytree(source, target, dirs_exist_ok=True)
            case "fill":
                folder, left = details
                disk = os.statvfs(folder)
                (Path(folder) / FILLER).write_bytes(bytes(max(0, disk.f_bavail * disk.f_frsize - left)))
            case "empty":
                (Path(*details) / FILLER).unlink()
            case _:
                raise ValueError(f"no such step: {name}")
    return ran


if __name__ == "__main__":
    print(json.dumps([vars(one) for one in main(json.loads(sys.argv[1]))]))
