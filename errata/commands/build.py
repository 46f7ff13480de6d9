"""Build a preference data set: problems, attempts, grades, corrections, pairs.

Resumes by itself: the same command after an interruption goes on from where it was.
"""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pipeline.config import RunSettings

TAKES_SETTINGS = True


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("config", type=Path, metavar="CONFIG", help="YAML file with the run's settings")
    parser.add_argument(
        "--check", action="store_true", help="validate settings, files and prompts, and do nothing else"
    )
    parser.add_argument(
        "--data", action="store_true", help="with --check: also read all rows and check every gold answer"
    )
    parser.add_argument(
        "--dry-run",
        action="store_true",
        help="take a few problems through the whole flow and foresee requests, tokens, cost and time of all of them",
    )
    parser.add_argument(
        "--dry-run-problems", type=int, default=16, metavar="N", help="how many problems for --dry-run (default: 16)"
    )
    parser.add_argument("--json", action="store_true", help="print the summary (or the forecast) as JSON")
    parser.add_argument(
        "--on",
        choices=("local", "ray"),
        default="local",
        help="where the work is done: in this process, or by workers of a Ray cluster (default: local)",
    )
    parser.add_argument(
        "--address",
        metavar="HOST:PORT",
        help="with --on ray: the cluster's head; auto: the one of this machine; by default one is started here",
    )
    parser.add_argument("--workers", type=int, metavar="N", help="with --on ray: worker processes (scale.workers)")


def run(arguments: argparse.Namespace, rest: Sequence[str]) -> int:
    from errata.config import load
    from pipeline.errors import ConfigError

    for name in ("address", "workers"):
        if arguments.on != "ray" and getattr(arguments, name) is not None:
            raise ConfigError(f"--{name} goes with --on ray")
    options = [] if arguments.workers is None else ["--scale.workers", str(arguments.workers)]
    settings = load(arguments.config, [*rest, *options])
    settings.check()
    if arguments.data and not arguments.check:
        raise ConfigError("--data goes with --check")
    if arguments.check:
        return check(settings, arguments.config, arguments.data)

    if arguments.dry_run:
        return foresee(settings, arguments.dry_run_problems, arguments.json)

    from errata.live import Bars
    from errata.ui import out, print_json, print_summary

    with Bars() as bars:
        if arguments.on == "ray":
            from pipeline.scale.build import build_on_ray

            summary = build_on_ray(settings, bars, arguments.address)
        else:
            from pipeline.run import build

            summary = asyncio.run(build(settings, bars))
    if arguments.json:
        print_json(summary.model_dump_json(indent=1))
    else:
        print_summary(summary)
        if not summary.kept:
            out.print(
                "No pair was made: see `dropped` in summary.json, unknown.jsonl and corrections.jsonl for the reasons."
            )
        told = f"Data set: {settings.run_dir / 'dataset'}   account: {settings.run_dir / 'summary.json'}"
        out.print(told, markup=False)
    return 0


def check(settings: object, path: Path, data: bool) -> int:
    from errata.config import ErrataSettings
    from pipeline.printable import printable

    assert isinstance(settings, ErrataSettings)
    if data:
        from pipeline.run import check_gold

        for line in check_gold(settings):
            print(printable(line))
    print(printable(f"{path}: settings, files and prompts are fine"))
    return 0


def foresee(settings: RunSettings, problems: int, as_json: bool) -> int:
    from errata.live import Bars
    from errata.ui import print_forecast, print_json
    from pipeline.errors import ConfigError
    from pipeline.forecast import forecast

    if problems < 1:
        raise ConfigError("--dry-run-problems must be at least 1")
    with Bars() as bars:
        foreseen = asyncio.run(forecast(settings, problems, bars))
    if as_json:
        print_json(foreseen.model_dump_json(indent=1))
    else:
        print_forecast(foreseen)
    return 0
