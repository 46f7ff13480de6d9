"""Measure the student before and after training, on held-out problems."""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Sequence
from pathlib import Path

TAKES_SETTINGS = True


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("config", type=Path, metavar="CONFIG", help="YAML file with the run's settings")
    parser.add_argument("--json", action="store_true", help="print the evaluation as JSON")


def run(arguments: argparse.Namespace, rest: Sequence[str]) -> int:
    from errata.config import load
    from errata.live import Bars
    from errata.ui import out, print_evaluation
    from pipeline.evaluate import evaluate

    settings = load(arguments.config, rest)
    with Bars() as bars:
        evaluation = asyncio.run(evaluate(settings, str(settings.policy_dir), bars))
    if arguments.json:
        print(evaluation.model_dump_json(indent=1))
    else:
        print_evaluation(evaluation)
        out.print(f"Written to {settings.run_dir / 'evaluation.json'}")
    return 0
