"""From the costs of one build to those of a much larger one on many workers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

PROBLEMS = 100_000_000
WORKERS = (1, 10, 100, 1000)


def extrapolate(told: Mapping[str, Any], verify: float) -> str:
    """A table: hours of each part for 100 million problems, by the number of workers of one core each.

    told: a measured build; verify: seconds to verify one journal line. What the model needs is not in it: with a real
    student it comes on top of the flow, and falls with the number of workers as that does.
    """
    seconds, problems = told["seconds"], told["problems"]
    many = PROBLEMS / problems / 3600
    parts = {
        "flow (workers)": told["flow_cpu"] * many,
        "read problems (driver)": seconds["read"] * many,
        "filter and export (driver)": seconds["export"] * many,
        "audit (driver, a sample)": seconds["audit"] / 3600,
        "verify journals on resume (driver)": verify * told["attempts"] * many,
    }
    lines = [f"{PROBLEMS:,} problems, hours by workers", f"{'':36}" + "".join(f"{n:>10}" for n in WORKERS)]
    for name, hours in parts.items():
        shown = [hours / n if "workers" in name else hours for n in WORKERS]
        lines.append(f"{name:36}" + "".join(f"{hour:10.1f}" for hour in shown))
    serial = sum(hours for name, hours in parts.items() if "driver" in name and "resume" not in name)
    limit = parts["flow (workers)"] / serial
    lines.append(
        f"The driver's own parts take as long as the workers' from {limit:.0f} workers on: filter and export first."
    )
    return "\n".join(lines) + "\n"
