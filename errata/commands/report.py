"""One self-contained HTML page of a run: what became of it, on what grounds, and its pairs to look through.

RUN is the folder of a run, of a loop (the best round is shown, behind a table of all) or of an ablation. The page
opens from disk and asks for nothing over a network. Parts that were not made yet say which command makes them.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run", type=Path, metavar="RUN", help="folder of a run, a loop or an ablation")
    parser.add_argument("--out", type=Path, metavar="FILE", help="where the page goes (default: RUN/report.html)")
    parser.add_argument(
        "--pairs", type=int, default=5000, metavar="N", help="pairs that can be looked through (default: 5000)"
    )
    parser.add_argument("--json", action="store_true", help="print the numbers that the page shows")


def run(arguments: argparse.Namespace, rest: Sequence[str]) -> int:
    import json

    from errata.report.run_contents import numbers, read_contents
    from errata.report.run_page import write_run_page
    from errata.ui import out
    from pipeline.errors import ConfigError

    if arguments.pairs < 0:
        raise ConfigError(f"--pairs {arguments.pairs}: must be 0 or more")
    found = read_contents(arguments.run)
    file = arguments.out or arguments.run / "report.html"
    write_run_page(file, found, pairs=arguments.pairs)
    if arguments.json:
        print(json.dumps(numbers(found), indent=1, allow_nan=False))
    else:
        out.print(f"Written: {file}", markup=False)
    return 0
