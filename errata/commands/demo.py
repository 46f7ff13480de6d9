"""All of it with the embedded student, on a CPU: about three minutes on two cores.

The student answers 1,600 word problems four times each, a small teacher model corrects its mistakes, the corrections
are audited for shortcuts, DPO trains it, and 500 held-out problems show what it learnt. Interrupted, the same command
goes on from where it was.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

TAKES_SETTINGS = True


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--runs-dir", type=Path, default=Path("runs"), metavar="DIR", help="where the run's folder is made"
    )
    parser.add_argument(
        "--teacher",
        choices=("model", "reference"),
        default="model",
        help="who corrects the mistakes: the embedded teacher, or the problems' worked solutions",
    )
    parser.add_argument("--json", action="store_true", help="print the evaluation as JSON, without the story")


def run(arguments: argparse.Namespace, rest: Sequence[str]) -> int:
    from errata.demo.story import tell

    return tell(arguments.runs_dir, rest, teacher=arguments.teacher, as_json=arguments.json)
