"""Give the same mistakes of the student to every teacher of a configuration, and recommend one.

The student is sampled once, with the run's own settings, so a later build starts with what is paid for here.
"""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Sequence
from pathlib import Path

TAKES_SETTINGS = True


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("config", type=Path, metavar="CONFIG", help="YAML file with the run's settings")
    parser.add_argument("--mistakes", type=int, default=50, metavar="N", help="how many mistakes (default: 50)")
    parser.add_argument("--json", action="store_true", help="print the comparison as JSON")


def run(arguments: argparse.Namespace, rest: Sequence[str]) -> int:
    from errata.config import load
    from errata.live import Bars
    from errata.ui import out, print_comparison, print_json
    from pipeline.compare import compare_teachers
    from pipeline.errors import ConfigError

    settings = load(arguments.config, rest)
    if arguments.mistakes < 1:
        raise ConfigError("--mistakes must be at least 1")
    with Bars() as bars:
        comparison = asyncio.run(compare_teachers(settings, arguments.mistakes, bars))
    if arguments.json:
        print_json(comparison.model_dump_json(indent=1))
    else:
        print_comparison(comparison)
        out.print(f"Written to {settings.run_dir / 'teachers.json'}", markup=False)
    return 0
