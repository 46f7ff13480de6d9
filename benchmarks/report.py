"""What every benchmark shares: options, the machine it ran on, one table, one JSON file."""

from __future__ import annotations

import argparse
import json
import os
import platform
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("torch", "transformers", "trl", "accelerate", "datasets", "peft", "openai", "aiohttp")


def make_parser(description: str) -> argparse.ArgumentParser:
    """--quick and --json, which all benchmarks take."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="at most three minutes on two cores")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write rows, targets and environment here")
    return parser


def describe_environment() -> dict[str, Any]:
    """The machine and the versions of what matters."""
    import torch

    versions = {}
    for name in PACKAGES:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            versions[name] = None
    return {
        "python": platform.python_version(),
        "cpu": _read_cpu(),
        "cores": os.cpu_count(),
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        "packages": versions,
    }


def _read_cpu() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.is_file() else []
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


def make_target(name: str, value: float | None, target: float, *, at_most: bool = False) -> dict[str, Any]:
    """One line of the targets: met or not."""
    met = value is not None and (value <= target if at_most else value >= target)
    return {"name": name, "value": value, "target": target, "met": met}


def report(
    rows: Sequence[Mapping[str, Any]],
    targets: Sequence[Mapping[str, Any]],
    file: Path | None,
    **more: Mapping[str, Any],
) -> None:
    """Print the rows as a table and the targets below it; write the JSON file, with what `more` there is to keep."""
    names = list(rows[0])
    shown = [[_show(row.get(name)) for name in names] for row in rows]
    widths = [max(len(name), *(len(line[i]) for line in shown)) for i, name in enumerate(names)]
    for line in (names, ["-" * width for width in widths], *shown):
        print("  ".join(cell.rjust(width) for cell, width in zip(line, widths, strict=True)))
    for target in targets:
        verdict = "met   " if target["met"] else "MISSED"
        print(f"{verdict}  {target['name']}: {_show(target['value'])} (target {target['target']})")
    if file is not None:
        file.parent.mkdir(parents=True, exist_ok=True)
        content = {"environment": describe_environment(), "rows": list(rows), "targets": list(targets), **more}
        file.write_text(json.dumps(content, indent=1) + "\n")


def _show(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.3g}" if abs(value) < 10 else f"{value:,.0f}"
    return "-" if value is None else str(value)
