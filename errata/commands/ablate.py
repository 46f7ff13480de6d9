"""Compare settings: train and evaluate each combination of values over one source of attempts.

The axes are in `ablate.axes`, or given here; a value that the file gives a label can be named by it. Attempts are
sampled, and teachers asked, once. A finished combination is not repeated: the same command goes on after an
interruption.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from errata.records import Ablation

TAKES_SETTINGS = True


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("config", type=Path, metavar="CONFIG", help="YAML file with the run's settings")
    parser.add_argument(
        "--vary",
        action="append",
        default=[],
        metavar="SETTING=A,B,C",
        help="an axis, for example train.beta=0.05,0.1 (may be repeated); as_configured is a value, too",
    )
    parser.add_argument("--json", action="store_true", help="print the grid as JSON")


def run(arguments: argparse.Namespace, rest: Sequence[str]) -> int:
    from errata.ablation import ablate
    from errata.ablation_cells import vary
    from errata.ablation_results import RESULT, kept_grids
    from errata.config import load
    from errata.live import Bars
    from errata.ui import out, print_json

    settings = vary(load(arguments.config, rest), arguments.vary)
    with Bars() as bars:
        ablation = ablate(settings, bars)
    if arguments.json:
        print_json(ablation.model_dump_json(indent=1))
        return 0
    print_cells(ablation)
    print_effects(ablation)
    out.print(f"Written to {settings.run_dir / RESULT}; each cell's folder is named there.", markup=False)
    kept = kept_grids(settings.run_dir)
    if len(kept) > 1:
        out.print(f"Each grid of this run has its own file, too; with this one {len(kept)}:", markup=False)
        for file in kept:
            out.print(f"  {file}", markup=False)
    return 0


def print_cells(ablation: Ablation) -> None:
    """The table of cells, the most accurate first."""
    from rich.table import Table
    from rich.text import Text

    from errata.evaluation_tables import interval
    from errata.ui import out

    cells = f"{len(ablation.cells)} cells" if len(ablation.cells) > 1 else "1 cell"
    title = f"{cells}, {ablation.n:,} held-out problems, {ablation.before:.1%} before training"
    table = Table(title=title, title_justify="left")
    varied = [axis for axis, labels in ablation.axes.items() if len(labels) > 1]
    for axis in varied:
        table.add_column(Text(shorten(axis, varied)), overflow="fold")
    for column in ("pairs", "accuracy", "95% interval", "fixed", "broken", "p"):
        table.add_column(column, justify="right", no_wrap=True)
    for cell in sorted(ablation.cells, key=lambda cell: -cell.accuracy):
        labels = (Text(cell.values[axis]) for axis in varied)
        flips = (str(cell.fixed), str(cell.broken), f"{cell.p_value:.1g}")
        table.add_row(*labels, f"{cell.pairs:,}", f"{cell.accuracy:.1%}", interval(cell.interval), *flips)
    out.print(table)
    if len(ablation.cells) > 1:
        out.print(
            "p is against the student before training. The best of many cells was lucky, too: before it is believed,"
        )
        out.print("measure it on problems by which no cell was chosen.")


def shorten(axis: str, axes: Sequence[str]) -> str:
    """The last part of an axis' name, where no other axis has the same."""
    last = axis.rpartition(".")[2]
    return last if sum(other.rpartition(".")[2] == last for other in axes) == 1 else axis


def print_effects(ablation: Ablation) -> None:
    """The table of axes: what each value does where nothing else differs."""
    from rich.table import Table
    from rich.text import Text

    from errata.ablation_effects import effects
    from errata.ui import out

    table = Table(title="Mean effect, in points, with all else alike", title_justify="left")
    for column in ("axis", "value", "accuracy", "effect", "from", "to", "cells"):
        table.add_column(column, justify="left" if column in ("axis", "value") else "right", overflow="fold")
    found = effects(ablation)
    for axis, values in found.items():
        for number, effect in enumerate(values):
            named = (Text("" if number else axis), Text(effect.label), f"{effect.accuracy:.1%}")
            moved = [f"{100 * value:+.1f}" for value in (effect.mean, effect.lowest, effect.highest)]
            table.add_row(*named, *(moved if number else ["", "", ""]), str(effect.cells))
    if found:
        out.print(table)
