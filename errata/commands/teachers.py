"""Ask every endpoint of a configuration: is it there, does it know the model, what does a call cost.

Exit code 2 when one of them cannot be used. Managed models are checked by their files; they start with the run.
"""

from __future__ import annotations

import argparse
import asyncio
import json
from collections.abc import Sequence
from pathlib import Path

TAKES_SETTINGS = True


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("config", type=Path, metavar="CONFIG", help="YAML file with the run's settings")
    parser.add_argument("--json", action="store_true", help="print what was found as JSON")


def run(arguments: argparse.Namespace, rest: Sequence[str]) -> int:
    from errata.config import load
    from errata.ui import print_probes
    from pipeline.errors import UsageError
    from pipeline.probe import probe_all

    settings = load(arguments.config, rest)
    probes = asyncio.run(probe_all(settings))
    if arguments.json:
        print(json.dumps([probe.model_dump(mode="json") for probe in probes], indent=1))
    else:
        print_probes(probes)
    return 0 if all(probe.usable for probe in probes) else UsageError.exit_code
