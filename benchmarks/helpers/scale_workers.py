"""From the costs of one build to those of a much larger one on many workers."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from report import ROOT

PROBLEMS = 100_000_000
WORKERS = (1, 10, 100, 1000)
KEEPER = ROOT / "benchmarks" / "results" / "keeper.cpu.json"
BYTES_A_LINE = 16
"""Memory of the driver for each journal line, whose key and place it keeps."""


def extrapolate(told: Mapping[str, Any], verify: float) -> dict[str, Any]:
    """Hours of each part for 100 million problems, by the number of workers of one core each, and what is full first.

    told: a measured build; verify: seconds to verify one journal line. The rates of the keeper and of merging are those
    of benchmarks/keeper.py. What the model needs is not in it: with a real student it comes on top of the flow, and
    falls with the number of workers as that does.
    """
    many = PROBLEMS / told["problems"]
    lines = told["attempts"] + 2 * told["pairs"]  # attempts, corrections, pairs
    measured = json.loads(KEEPER.read_text())["rows"]
    puts = min(row["puts_per_s"] for row in measured if row["puts_per_s"])
    merged = min(row["lines_per_s"] for row in measured if row["lines_per_s"])
    seconds = told["seconds"]
    workers = {"flow": told["flow_cpu"] * many}
    keeper = {"store texts": told["attempts"] * many / puts}
    driver = {
        "read problems": seconds["read"] * many,
        "merge journals": lines * many / merged,
        "filter and export": seconds["export"] * many,
        "audit a sample": seconds["audit"],
    }
    parts = [("workers", workers), ("keeper", keeper), ("driver", driver)]
    parts.append(("driver, on a resume", {"verify journals": lines * many * verify}))
    rows = [
        {"part": f"{who}: {name}", **{f"{n:,}": spent / (n if who == "workers" else 1) / 3600 for n in WORKERS}}
        for who, some in parts
        for name, spent in some.items()
    ]
    serial = {"the keeper": sum(keeper.values()), "the driver": sum(driver.values())}
    first = max(serial, key=lambda name: serial[name])
    largest = max(driver, key=lambda name: driver[name])
    return {
        "problems": PROBLEMS,
        "hours by workers": rows,
        "first to saturate": first,
        "from workers": round(workers["flow"] / serial[first], 1),
        "largest part of the driver": largest,
        "driver GB": round(lines * many * BYTES_A_LINE / 1e9, 1),
    }


def show(told: Mapping[str, Any]) -> str:
    """The same as a table."""
    rows = told["hours by workers"]
    names = [name for name in rows[0] if name != "part"]
    lines = [f"{told['problems']:,} problems: hours by workers", f"{'':40}" + "".join(f"{name:>10}" for name in names)]
    lines += [f"{row['part']:40}" + "".join(f"{row[name]:10.1f}" for name in names) for row in rows]
    lines.append(
        f"From {told['from workers']:g} workers on, {told['first to saturate']} takes longer than they do; of the "
        f"driver's parts, {told['largest part of the driver']} takes longest. It keeps {told['driver GB']:g} GB."
    )
    return "\n".join(lines) + "\n"
