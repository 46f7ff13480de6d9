"""When a build is killed, and what of it: drawn from a seed, so that a benchmark's thirty builds can be had again.

`start`: a share of the time that a process takes to its first request, be it the build's first process or a later one.
`asked`: once so many completions were asked for in all of the build's processes together, and some milliseconds more,
since the moment of a request's arrival is not like all others. `file`: once a file of the run's end is written.
"""

from __future__ import annotations

import contextlib
import random
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import psutil

from benchmarks.helpers.crash_builds import HUNG, UNDER_WAY, Build, differences, digest

Target = Literal["parent", "group", "worker", "engine", "server", "watchdog"]
BELOW: dict[Target, str] = {
    "worker": "spawn_main",
    "engine": "VLLM::",
    "server": "vllm.entrypoints",
    "watchdog": "watchdog.py",
}
"""Targets below the process, by what their command lines hold: a worker of the checker's pool, the parts of vLLM."""
OPENED = "config.yaml"
"""The file that each process writes anew once its journals are open."""
LATE = (
    *("control.jsonl", "findings.jsonl", "selection.jsonl", ".dataset.*.tmp", "dataset"),
    *("audit.json", "left_out.jsonl", "unknown.jsonl", "summary.json"),
)
"""Files, as patterns, in the order in which a run writes them at its end."""
JITTER = 0.03
"""Seconds after a moment at most."""


@dataclass(frozen=True)
class Kill:
    """One SIGKILL: at what moment, and to whom."""

    share: float | None = None
    """Of the time of the start."""
    asked: int | None = None
    """Completions that the build has asked for."""
    file: str | None = None
    target: Target = "parent"
    delay: float = 0.0

    def __str__(self) -> str:
        if self.share is not None:
            moment = f"{self.share:.0%} of the start"
        else:
            moment = f"{self.asked} asked for" if self.asked is not None else f"{self.file} written"
        return f"{self.target} at {moment} + {1000 * self.delay:.0f} ms"


@dataclass
class Outcome:
    """What became of one build."""

    name: str
    kills: int
    code: int
    differing: list[str]
    """Files that are not those of the uninterrupted build."""
    most_again: int
    """Completions asked for again after a single kill, at most."""
    again: int
    stored: int
    doubled: int
    left: int
    """Processes that outlived the one that was killed."""
    litter: int
    """Temporary files in the run's folder at the end."""
    told: list[str] = field(default_factory=list)
    """The kills, one by one, and what the last process said where it failed."""

    @property
    def failed(self) -> str | None:
        """Everything about it, where it did not end well, equal, and without a second payment that nothing excuses."""
        paid = self.most_again <= UNDER_WAY and self.stored == self.doubled == 0
        return None if self.equal and paid and not (self.left or self.litter) else str(self)

    @property
    def equal(self) -> bool:
        """Whether it ended well, with the same files."""
        return self.code == 0 and not self.differing


def plan_kills(draw: random.Random, count: int, all_asked: int, targets: Sequence[Target]) -> list[Kill]:
    """The kills of one build in their order; `all_asked` is what an uninterrupted build asks for."""
    kills: list[tuple[int, Kill]] = []
    for _ in range(count):
        moment, target, delay, kind = draw.randint(1, all_asked), draw.choice(targets), draw.random(), draw.random()
        if target in BELOW or kind < 0.6:
            kills.append((moment, Kill(asked=moment, target=target, delay=JITTER * delay)))
        elif kind < 0.7:
            kills.append((moment, Kill(share=delay, target=target)))
        elif kind < 0.8:
            kills.append((moment, Kill(file=OPENED, target=target, delay=JITTER * delay)))
        else:
            number = draw.randrange(len(LATE))
            kills.append((all_asked + number, Kill(file=LATE[number], target=target, delay=JITTER * delay**2)))
    return [kill for _, kill in sorted(kills, key=lambda one: one[0])]


def run_killed(build: Build, kills: Sequence[Kill], wanted: Mapping[str, str], start: float) -> Outcome:
    """Build with these kills and go on until it is done; `start`: seconds to the first request."""
    done, told = 0, []
    process: subprocess.Popen[bytes] | None = None
    for kill in kills:
        process = process or build.start()
        if not await_moment(build, process, kill, start):
            break
        if kill.target in BELOW:
            if not kill_below(build, process, BELOW[kill.target]):
                break
        else:
            build.kill(process, group=kill.target == "group")
            process = None
        done += 1
        told.append(str(kill))
    code = build.finish() if process is None else build.wait(process)
    if code:
        what = "hung" if code == HUNG else f"exit code {code}"
        told.append(f"{what}: {build.said().strip()[-400:]}")
    return conclude(build, wanted, code, done, told)


def conclude(build: Build, wanted: Mapping[str, str], code: int, kills: int = 0, told: Sequence[str] = ()) -> Outcome:
    """Compare what a build left, and count again what it paid for."""
    counted = build.recount()
    again = counted.again.values()
    return Outcome(
        name=build.name,
        kills=kills,
        code=code,
        differing=differences(digest(build.run), wanted),
        most_again=max(again, default=0),
        again=sum(again),
        stored=counted.stored,
        doubled=counted.doubled,
        left=build.left(),
        litter=len(litter_in(build.run)),
        told=list(told),
    )


def litter_in(run: Path) -> list[Path]:
    """Files and folders that were to be moved to another name, and were not."""
    found = (path for path in run.rglob(".*") if path.suffix in (".tmp", ".old", ".parquet"))
    return sorted(found)


def await_moment(build: Build, process: subprocess.Popen[bytes], kill: Kill, start: float) -> bool:
    """Wait for the moment; False where the process has ended before."""
    if kill.share is not None:
        return outlives(process, kill.share * start)
    if kill.asked is not None:
        come = build.account.when(kill.asked).is_set
    else:
        before = marks_of(build.run, str(kill.file))

        def come() -> bool:
            return bool(marks_of(build.run, str(kill.file)) - before)

    return build.watch(process, come) and outlives(process, kill.delay)


def outlives(process: subprocess.Popen[bytes], seconds: float) -> bool:
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        return True
    return False


def marks_of(folder: Path, pattern: str) -> set[tuple[int, int]]:
    """What tells files that were written anew from those before."""
    marks = set()
    for path in folder.glob(pattern):
        with contextlib.suppress(FileNotFoundError):
            stat = path.stat()
            marks.add((stat.st_ino, stat.st_mtime_ns))
    return marks


def kill_below(build: Build, process: subprocess.Popen[bytes], word: str) -> bool:
    """Kill one process below with such a command line, once there is one; False where the build ends without."""

    def kill() -> bool:
        for child in build.children_of(process):
            with contextlib.suppress(psutil.NoSuchProcess):
                command = " ".join(child.cmdline())
                if word in command and (word == BELOW["watchdog"] or BELOW["watchdog"] not in command):
                    child.kill()
                    return True
        return False

    return build.watch(process, kill)
