"""A build whose disk is full, or can only be read: it says so, and goes on once there is room."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.helpers.crash_builds import Build, digest
from benchmarks.helpers.crash_kills import Outcome, conclude
from benchmarks.helpers.crash_mounts import Ran, do_steps

MIB = 1 << 20
ROOM = "size=1g"
FULL = ("disk is full", "No space left")


def run_steps(build: Build, *steps: Sequence[Any]) -> list[Ran]:
    """Do steps on a tmpfs at the build's `runs`; `["run"]` is its next process. Its last state is copied out of it."""
    folder, done = str(build.runs), []
    for name, *details in steps:
        if name == "run":
            done.append(["run", build.command(), build.environment()])
            build.processes += 1
        else:
            done.append([name, folder, *details])
    done.append(["copy", folder, str(build.folder / "copy")])
    ran = do_steps(done)
    for number, one in enumerate(ran):
        build.said_file(number).write_text(one.said)
    if (build.folder / "copy").is_dir():
        build.runs.rmdir()
        (build.folder / "copy").rename(build.runs)
    return ran


def fill_disk(build: Build, size: int, wanted: Mapping[str, str]) -> tuple[bool, Outcome]:
    """Build on a disk of so many bytes, then with room; returns whether it was too small, and what came of it.

    What is wrong with how it stopped is among what the outcome tells.
    """
    stopped, resumed = run_steps(build, ["mount", f"size={size}"], ["run"], ["remount", ROOM], ["run"])
    outcome = conclude(build, wanted, resumed.code)
    outcome.told += [f"{size:,} bytes: {why}" for why in complaints(stopped, (0, 3), FULL if stopped.code else ())]
    outcome.told += [f"{size:,} bytes, then room: {why}" for why in complaints(resumed, (0,))]
    return stopped.code != 0, outcome


def fill_at_the_end(build: Build, left: int, wanted: Mapping[str, str]) -> Outcome:
    """Build again what is built, with `left` bytes of room: only what stands at the end of a run is written anew."""
    before = build.folder / "before"
    room = ["mount", f"size={64 * MIB}"], ["run"], ["fill", left], ["run"]
    _, stopped, resumed = run_steps(build, *room, ["copy", str(before)], ["empty"], ["run"])
    outcome = conclude(build, wanted, resumed.code)
    found = complaints(stopped, (0, 3), FULL if stopped.code else ())
    made = digest(before / build.run.name)
    found += [
        f"{name} was lost or changed" for name in wanted if name.endswith(".parquet") and made.get(name) != wanted[name]
    ]
    outcome.told += [f"{left:,} bytes left: {why}" for why in found]
    outcome.told += [f"{left:,} bytes left, then room: {why}" for why in complaints(resumed, (0,))]
    return outcome


def read_only(build: Build, state: str, size: int, wanted: Mapping[str, str]) -> Outcome:
    """Build where nothing can be written, in a run that is `new`, `begun` (on a disk of `size`) or `finished`."""
    before = {
        "new": [["mount", ROOM]],
        "begun": [["mount", f"size={size}"], ["run"]],
        "finished": [["mount", ROOM], ["run"]],
    }
    steps = [*before[state], ["remount", f"{ROOM},ro"], ["run"], ["remount", f"{ROOM},rw"], ["run"]]
    *_, refused, resumed = run_steps(build, *steps)
    outcome = conclude(build, wanted, resumed.code)
    outcome.told += [f"{state} run, read-only: {why}" for why in complaints(refused, (2, 3), ("ead-only",))]
    outcome.told += [f"{state} run, writable again: {why}" for why in complaints(resumed, (0,))]
    return outcome


def complaints(ran: Ran, codes: Sequence[int], words: Sequence[str] = ()) -> list[str]:
    """What is wrong with how a command ended: its exit code, a traceback, none of the words said."""
    said = " ".join(ran.said.split())
    found = [f"exit code {ran.code}"] if ran.code not in codes else []
    found += ["traceback"] if "Traceback" in said else []
    found += [f"does not say {' or '.join(words)}"] if words and not any(word in said for word in words) else []
    return [f"{why}: {said[-300:]}" for why in found]


def is_well(outcome: Outcome) -> bool:
    """Whether it said what it should, and ended as a build that was killed has to end."""
    return outcome.failed is None and not outcome.told


def size_of(folder: Path) -> int:
    """Bytes that the files of a folder take on a disk of 4 kB pages."""
    return sum(-(-path.stat().st_size // 4096) * 4096 for path in folder.rglob("*") if path.is_file())
