"""Rounds: build, audit, train, evaluate, and again with the new student.

Each round is a run of its own in `runs/NAME/round-1` and so on. The loop stops by rule (`loop.patience`, a significant
fall, `loop.max_chosen_drop`, the budget); interrupted, the same command goes on from where it was.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from errata.records import Loop
    from pipeline.stages import Progress

TAKES_SETTINGS = True


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("config", type=Path, metavar="CONFIG", help="YAML file with the run's settings")
    parser.add_argument("--rounds", type=int, default=3, metavar="N", help="how many rounds at most (default: 3)")
    parser.add_argument("--json", action="store_true", help="print loop.json")


def run(arguments: argparse.Namespace, rest: Sequence[str]) -> int:
    from errata.config import load
    from errata.loop import run_loop
    from errata.ui import print_json
    from pipeline.errors import ConfigError

    if arguments.rounds < 1:
        raise ConfigError("--rounds must be at least 1")
    settings = load(arguments.config, rest)
    loop = run_loop(settings, arguments.rounds, Terminal(quiet=arguments.json))
    if arguments.json:
        print_json(loop.model_dump_json(indent=1))
    else:
        print_loop(loop, settings.run_dir)
    return 0


class Terminal:
    """Shows a loop on the terminal."""

    def __init__(self, *, quiet: bool) -> None:
        self.quiet = quiet

    @contextmanager
    def bars(self) -> Iterator[Progress]:
        """Bars on stderr."""
        from errata.live import Bars

        with Bars() as bars:
            yield bars

    def say(self, line: str) -> None:
        """A line on stdout, unless that is for JSON."""
        from errata.ui import out

        if not self.quiet:
            out.print(line, markup=False)


def print_loop(loop: Loop, folder: Path) -> None:
    """The rounds in a table, and what came of all of them."""
    from rich.table import Table

    from errata.evaluation_tables import bounds
    from errata.ui import out

    table = Table(title=f"{len(loop.rounds)} of {loop.wanted} rounds", title_justify="left")
    past = any(one.past_pairs for one in loop.rounds)
    columns = ["round", "mistakes", "pairs", *["past"] * past, "accuracy (95%)", "fixed", "broken", "p"]
    for column in columns:
        table.add_column(column, justify="right", no_wrap=True)
    for one in loop.rounds[:1]:
        table.add_row("start", *[""] * (2 + past), f"{one.before:.1%}")
    for one in loop.rounds:
        accuracy = f"{one.after:.1%} ({bounds(one.interval)})"
        counts = [f"{one.mistakes:,}", f"{one.pairs:,}", *[f"{one.past_pairs:,}"] * past]
        table.add_row(str(one.number), *counts, accuracy, str(one.fixed), str(one.broken), f"{one.p_value:.2g}")
    out.print(table)
    for one in loop.rounds:
        if one.audit not in (None, "clean"):
            repaired = ", and its pairs were repaired" * one.cleaned
            out.print(f"Round {one.number}: the audit said {one.audit}{repaired}.")
    if loop.stopped:
        out.print(f"Stopped: {loop.stopped}.", markup=False)
    if loop.total is not None:
        out.print(f"All rounds together: {loop.total.conclusion}", markup=False)
    best = next((one for one in loop.rounds if one.number == loop.best), None)
    if best is not None:
        out.print(f"Best policy: {folder / best.policy}   account: {folder / 'loop.json'}", markup=False)
    elif loop.rounds:
        out.print("No round is better than the student it began with.")
