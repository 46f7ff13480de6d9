"""Train the student on a run's pairs with DPO, or any other preference loss.

An interrupted training goes on from its last checkpoint; a finished one is not repeated.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from errata.config import ErrataSettings
    from errata.training import Progress, Trained

TAKES_SETTINGS = True


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("config", type=Path, metavar="CONFIG", help="YAML file with the run's settings")
    parser.add_argument("--json", action="store_true", help="print the result as JSON")


def run(arguments: argparse.Namespace, rest: Sequence[str]) -> int:
    from errata.training import train

    return train_and_tell(train, "pairs", arguments, rest)


def train_and_tell(
    train: Callable[[ErrataSettings, Progress], Trained], what: str, arguments: argparse.Namespace, rest: Sequence[str]
) -> int:
    """Read the settings, train on `what`, and say how it went."""
    from errata.config import load
    from errata.live import Bars
    from errata.ui import show_log

    settings = load(arguments.config, rest)
    show_log("trainer")
    with Bars() as bars:
        trained = train(settings, bars)
    tell(trained, what, as_json=arguments.json)
    return 0


def tell(trained: Trained, what: str, *, as_json: bool) -> None:
    """Say what training did, to a person or as JSON."""
    from errata.ui import out

    if as_json:
        told = {"policy": str(trained.policy), what: trained.pairs, "steps": trained.steps, "seconds": trained.seconds}
        print(json.dumps({**told, "log": trained.log}, indent=1))
    else:
        out.print(f"Trained on {trained.pairs:,} {what} in {trained.steps} steps, {trained.seconds:.0f} s.")
        out.print(f"Policy: {trained.policy}", markup=False)
