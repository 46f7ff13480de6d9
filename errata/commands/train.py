"""Train the student on a run's data set with DPO.

An interrupted training goes on from its last checkpoint; a finished one is not repeated.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

TAKES_SETTINGS = True


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("config", type=Path, metavar="CONFIG", help="YAML file with the run's settings")
    parser.add_argument("--json", action="store_true", help="print the result as JSON")


def run(arguments: argparse.Namespace, rest: Sequence[str]) -> int:
    from errata.config import ErrataSettings
    from errata.training import train
    from errata.ui import Bars, out
    from pipeline.loading import load_settings, parse_overrides

    settings = load_settings(arguments.config, parse_overrides(rest), ErrataSettings)
    with Bars() as bars:
        trained = train(settings, bars)
    if arguments.json:
        told = {
            "policy": str(trained.policy),
            "pairs": trained.pairs,
            "steps": trained.steps,
            "seconds": trained.seconds,
        }
        print(json.dumps({**told, "log": trained.log}, indent=1))
    else:
        out.print(f"Trained on {trained.pairs:,} pairs in {trained.steps} steps, {trained.seconds:.0f} s.")
        out.print(f"Policy: {trained.policy}")
    return 0
