"""Train the student on single texts: the chosen ones of a run, or those of a file.

The result is in the run's folder sft/; to go on from it with preferences, set train.model to that folder.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

TAKES_SETTINGS = True


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("config", type=Path, metavar="CONFIG", help="YAML file with the run's settings")
    parser.add_argument("--json", action="store_true", help="print the result as JSON")


def run(arguments: argparse.Namespace, rest: Sequence[str]) -> int:
    from errata.commands.train import tell
    from errata.config import ErrataSettings
    from errata.training import train_supervised
    from errata.ui import Bars, show_log
    from pipeline.loading import load_settings, parse_overrides

    settings = load_settings(arguments.config, parse_overrides(rest), ErrataSettings)
    show_log("trainer")
    with Bars() as bars:
        trained = train_supervised(settings, bars)
    tell(trained, "texts", as_json=arguments.json)
    return 0
