"""How a build grows: memory and throughput from ten thousand problems to a million, and what would give out first.

    python benchmarks/scale.py [--quick] [--json FILE] [--keep FOLDER]

Made-up problems go through the whole local flow: a scripted student (4 attempts a problem), the checker `exact`, the
rungs own_correct and reference, journals, cache, filters, data set, audit. Every build is a process of its own.
Throughput is problems per second from the first tenth of the problems to the last one, by the processor's time and by
the clock, which also counts waiting for the disk and whatever else the machine does. Every build is then begun again,
until its first problem: that is what a resume costs. Then a journal of eight attempts a problem is verified. The last
table takes the measured costs to 100 million problems on N workers. The smallest build is made three times, before,
between and after the larger ones, and the median of its rates counts. With --quick, 100,000 problems, not a million.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

from report import ROOT, make_parser, make_target, report

sys.path.insert(0, str(ROOT))

from benchmarks.helpers.scale_journal import write_attempts
from benchmarks.helpers.scale_texts import write_problems
from benchmarks.helpers.scale_workers import extrapolate, show
from pipeline.journal import Places
from pipeline.types import Attempt

SAMPLES = 4
SMALL = 10_000
JOURNAL = 8
"""Attempts a problem in the journal that is opened."""


def build(folder: Path, problems: int) -> dict[str, Any]:
    """One build of so many problems, watched; and how long it takes to its first problem when it is begun again."""
    folder.mkdir(parents=True)
    write_problems(folder / "problems.jsonl", problems)
    whole = run_helper(str(folder), "run", str(SAMPLES))
    return whole | {"resume": run_helper(str(folder), "run", str(SAMPLES), "--begin")["first_problem"]}


def run_helper(*arguments: str) -> dict[str, Any]:
    """What a build in a process of its own tells."""
    command = [sys.executable, str(ROOT / "benchmarks" / "helpers" / "scale_build.py"), *arguments]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, env=environment, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True)
    told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return told


def row_of(told: dict[str, Any]) -> dict[str, Any]:
    """What the table says of a build."""
    return {
        "problems": told["problems"],
        "attempts": told["attempts"],
        "pairs": told["pairs"],
        "problems/cpu s": told["problems"] / told["flow_cpu"],
        "problems/s": told["problems"] / told["flow_wall"],
        "export ms/pair": 1000 * told["seconds"]["export"] / told["pairs"],
        "audit s": told["seconds"]["audit"],
        **{f"MB at {percent}%": told["memory"][percent] for percent in ("10", "50", "100")},
        "peak MB": told["peak"],
        "total s": told["seconds"]["total"],
        "resume s": told["resume"],
    }


def open_journal(folder: Path, problems: int) -> tuple[float, float]:
    """(seconds to verify and index a journal of eight attempts a problem, its GB)."""
    path = folder / "attempts.jsonl"
    write_attempts(path, JOURNAL * problems)
    started = time.perf_counter()
    Places(path, Attempt)
    seconds = time.perf_counter() - started
    size = path.stat().st_size / 1e9
    path.unlink()
    return seconds, size


def main() -> None:
    """Run all sizes, smallest first."""
    parser = make_parser(__doc__ or "")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="leave the runs there")
    arguments = parser.parse_args()
    sizes = [SMALL, 100_000, SMALL] if arguments.quick else [SMALL, 100_000, SMALL, 1_000_000, SMALL]
    folder = arguments.keep or Path(tempfile.mkdtemp(prefix="errata-scale-"))
    rows, largest = [], max(sizes)
    for number, size in enumerate(sizes):
        told = build(folder / f"{number}-{size}", size)
        rows.append(row_of(told))
        if size == largest:
            most = told
        if arguments.keep is None:
            shutil.rmtree(folder / f"{number}-{size}")
    seconds, size = open_journal(folder, largest)
    if arguments.keep is None:
        shutil.rmtree(folder)
    small = [row for row in rows if row["problems"] == SMALL]
    first = {rate: median(row[rate] for row in small) for rate in ("problems/cpu s", "problems/s")}
    last = next(row for row in rows if row["problems"] == largest)
    targets = [
        make_target("peak memory, MB", max(row["peak MB"] for row in rows), 1000, at_most=True),
        make_target(
            "growth from half of the problems to all, MB", last["MB at 100%"] - last["MB at 50%"], 50, at_most=True
        ),
        *(
            make_target(f"throughput ({by}), largest against smallest", last[column] / first[column], 0.9)
            for by, column in (("processor", "problems/cpu s"), ("clock", "problems/s"))
        ),
        make_target(
            f"resuming {last['attempts']:,} attempts, s to the first problem", last["resume s"], 60, at_most=True
        ),
        make_target(f"verifying {JOURNAL * largest:,} attempts ({size:.1f} GB), s", seconds, 60, at_most=True),
    ]
    extrapolated = extrapolate(most, seconds / (JOURNAL * largest))
    print(show(extrapolated))
    report(rows, targets, arguments.json, extrapolated=extrapolated)


if __name__ == "__main__":
    main()
