"""One build in a process of its own, watched: memory as it goes on, and the processor's time. Prints JSON.

    python benchmarks/helpers/scale_build.py FOLDER NAME SAMPLES [--begin]

FOLDER holds problems.jsonl and takes the run. With --begin, it ends at the first problem.
"""

from __future__ import annotations

import asyncio
import json
import resource
import sys
import time
from pathlib import Path

import psutil

from errata.config import ErrataSettings
from pipeline.run import build
from pipeline.stages import Progress

MB = 1 << 20


class Begun(Exception):
    """The first problem is through."""


class Watch(Progress):
    """Notes memory, processor time and wall time at each percent of the problems."""

    def __init__(self, begin: bool) -> None:
        self.begin = begin
        self.process = psutil.Process()
        self.started = time.perf_counter()
        self.memory: dict[int, float] = {}
        self.clock: dict[int, tuple[float, float]] = {}

    def __call__(self, stage: str, done: int, total: int) -> None:
        percent = 100 * done // total
        if stage == "problems" and done and self.begin:
            self.clock[0] = time.process_time(), time.perf_counter() - self.started
            raise Begun
        if stage == "problems" and done and percent not in self.memory:
            self.memory[percent] = self.process.memory_info().rss / MB
            self.clock[percent] = time.process_time(), time.perf_counter() - self.started

    @property
    def first(self) -> float:
        """Wall seconds to the first problem."""
        return self.clock[min(self.clock)][1]

    def between(self, start: int, end: int) -> tuple[float, float]:
        """Processor and wall seconds from one percent to another."""
        (a, b), (c, d) = self.clock[start], self.clock[end]
        return c - a, d - b


def main(folder: Path, name: str, samples: int, *, begin: bool = False) -> None:
    """Build the run `name` of the folder's problems, or begin to."""
    settings = ErrataSettings.model_validate(
        {
            "name": name,
            "runs_dir": str(folder),
            "problems": {"path": str(folder / "problems.jsonl"), "rationale": "rationale"},
            "student": {"engine": "scripted", "function": "benchmarks.helpers.scale_texts:student"},
            "checker": {"checker": "exact"},
            "sample": {"n": samples},
        }
    )
    watch = Watch(begin)
    try:
        summary = asyncio.run(build(settings, watch))
    except Begun:
        print(json.dumps({"first_problem": watch.first}))
        return
    cpu, wall = watch.between(10, 100)
    told = {
        "problems": summary.problems,
        "attempts": summary.attempts,
        "pairs": summary.kept,
        "flow_cpu": cpu / 0.9,
        "flow_wall": wall / 0.9,
        "first_problem": watch.first,
        "memory": {percent: round(watch.memory[percent], 1) for percent in (10, 50, 100)},
        "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "seconds": summary.seconds,
    }
    print(json.dumps(told))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), begin="--begin" in sys.argv)
