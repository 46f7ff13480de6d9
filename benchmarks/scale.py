"""How a build grows: memory and throughput from ten thousand problems to a million, and what would give out first.

    python benchmarks/scale.py [--quick] [--json FILE] [--keep FOLDER]

Made-up problems go through the whole local flow: a scripted student (4 attempts a problem), the checker `exact`, the
rungs own_correct and reference, journals, cache, filters, data set, audit. Every build is a process of its own.
Throughput is problems per second of processor time, from the first tenth of the problems to the last one, since the
machine may be busy with other things; wall time stands beside it. Then a journal of eight attempts a problem is
opened, which is what a resume begins with. The last table takes the measured costs to 100 million problems on N
workers. With --quick, 100,000 problems instead of a million.
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
from typing import Any

from report import ROOT, make_parser, make_target, report

sys.path.insert(0, str(ROOT))

from benchmarks.helpers.scale_journal import write_attempts
from benchmarks.helpers.scale_texts import write_problems
from benchmarks.helpers.scale_workers import extrapolate
from pipeline.journal import Places
from pipeline.types import Attempt

SAMPLES = 4
SMALL = 10_000
JOURNAL = 8
"""Attempts a problem in the journal that is opened."""


def build(folder: Path, problems: int) -> dict[str, Any]:
    """One build of so many problems, watched."""
    folder.mkdir(parents=True)
    write_problems(folder / "problems.jsonl", problems)
    command = [
        sys.executable,
        str(ROOT / "benchmarks" / "helpers" / "scale_build.py"),
        str(folder),
        "run",
        str(SAMPLES),
    ]
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
    sizes = [SMALL, 100_000] if arguments.quick else [SMALL, 100_000, 1_000_000]
    folder = arguments.keep or Path(tempfile.mkdtemp(prefix="errata-scale-"))
    told = []
    for size in sizes:
        told.append(build(folder / str(size), size))
        if arguments.keep is None:
            shutil.rmtree(folder / str(size))
    seconds, size = open_journal(folder, sizes[-1])
    if arguments.keep is None:
        shutil.rmtree(folder)
    rows = [row_of(one) for one in told]
    first, last = rows[0], rows[-1]
    targets = [
        make_target("peak memory, MB", max(row["peak MB"] for row in rows), 1000, at_most=True),
        make_target(
            "growth from half of the problems to all, MB", last["MB at 100%"] - last["MB at 50%"], 50, at_most=True
        ),
        make_target("throughput, largest against smallest", last["problems/cpu s"] / first["problems/cpu s"], 0.9),
        make_target(f"verifying {JOURNAL * sizes[-1]:,} attempts ({size:.1f} GB), s", seconds, 60, at_most=True),
    ]
    print(extrapolate(told[-1], seconds / (JOURNAL * sizes[-1])))
    report(rows, targets, arguments.json)


if __name__ == "__main__":
    main()
