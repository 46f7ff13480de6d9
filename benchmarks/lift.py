"""What each loss, and each ladder of corrections, does for the demo's student: accuracy before and after training.

    python benchmarks/lift.py [--losses dpo+sft,dpo,ipo | all] [--jobs N] [--quick] [--json FILE]
    python benchmarks/lift.py --ladders [--jobs N] [--quick] [--json FILE]
    python benchmarks/lift.py --shortcuts [--jobs N] [--quick] [--json FILE]
    python benchmarks/lift.py --grid [--quick] [--json FILE]

The pairs come from the demo's 400 problems, 4 answers each. Losses are compared on pairs whose chosen texts are the
worked solutions, ladders by the loss `dpo+sft`. Each is trained for two epochs of 32-pair steps at default options; its
learning rate is chosen on 300 development problems with seed 0, then 2,000 test problems, which nothing else has seen,
are read once for each of 3 training seeds. Greedy answers; accuracy is the mean over seeds.
With --shortcuts an artefact is planted in the chosen texts of a share of the prompts; the table compares training on
the pairs as planted, as `errata clean` leaves them, and with as many dropped at random, with that on unplanted pairs.
With --grid ladders, filters, losses and β are combined, as `errata ablate` does it: learning rate 5e-5 and one seed for
all, and 500 held-out problems that no other mode reads.
`dpo+sft` is dpo with 0.2 times sft beside it. On pairs, plackett_luce is dpo.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, Any

from helpers.grid_bench import describe_cells, measure_grid
from helpers.lift_bench import LADDERS, Bench
from helpers.shortcut_bench import ARMS, CASES, ShortcutBench, is_named, measure_case
from report import make_parser, make_target, report

if TYPE_CHECKING:
    from errata.records import Ablation

FIRST = ("dpo+sft", "dpo", "ipo", "kto", "orpo", "simpo", "cpo", "hinge", "slic")
"""These are trained before the others."""
LADDER = "revise, gold_guided"
"""The ladder that has to come close to the worked solutions."""


def main() -> None:
    parser = make_parser(__doc__ or "")
    parser.add_argument("--losses", default=",".join(FIRST), help="names with commas between, or all")
    parser.add_argument("--ladders", action="store_true", help="compare ladders of corrections instead of losses")
    parser.add_argument("--shortcuts", action="store_true", help="compare planted artefacts, cleaned and not")
    parser.add_argument("--grid", action="store_true", help="combine ladders, filters, losses and beta")
    parser.add_argument("--jobs", type=int, default=1, help="trainings at once, each on its share of the cores")
    args = parser.parse_args()
    if args.grid:
        with tempfile.TemporaryDirectory() as folder:
            write_grid(measure_grid(Path(folder), quick=args.quick), args.json)
        return
    threads = max(1, (os.cpu_count() or 1) // args.jobs)
    with tempfile.TemporaryDirectory() as folder:
        before = Bench(Path(folder), quick=args.quick).before()
        if args.shortcuts:
            clean = measure_clean(Path(folder), args.quick)
            cases = CASES[:1] if args.quick else CASES
            names = [f"{artefact}|{share}" for artefact, share in cases]
            work = partial(measure_shortcut, Path(folder), args.quick, threads)
        elif args.ladders:
            names = ["reference", LADDER] if args.quick else list(LADDERS)
            work = partial(measure_ladder, Path(folder), args.quick, threads)
        else:
            names = name_losses(args.losses)[: 1 if args.quick else None]
            work = partial(measure_loss, Path(folder), args.quick, threads)
        rows = collect(work, names, args.jobs, before, args.json)
    if args.shortcuts:
        write_shortcuts(
            [{"artefact": "none", "arm": "unplanted", "accuracy": clean, "before": before}, *rows], args.json
        )
    else:
        (write_ladders if args.ladders else write_losses)(rows, args.json)
    if args.json:
        args.json.with_suffix(".partial.json").unlink()


def name_losses(told: str) -> list[str]:
    from trainer.losses import available_losses

    rest = [name for name in available_losses() if name not in FIRST]
    return [*FIRST, *rest] if told == "all" else told.split(",")


def collect(
    work: Callable[[str], Any], names: Sequence[str], jobs: int, before: float, file: Path | None
) -> list[dict[str, Any]]:
    """The rows of all names (`work` gives one, or a list), kept as they come."""
    rows = []
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        for made in pool.map(work, names):
            for row in made if isinstance(made, list) else [made]:
                rows.append({**row, "before": before})
                print(json.dumps(rows[-1]), flush=True)
            if file:  # an interrupted run keeps what it has
                file.with_suffix(".partial.json").write_text(json.dumps(rows, indent=1))
    return rows


def measure_loss(folder: Path, quick: bool, threads: int, name: str) -> dict[str, Any]:
    """One loss on the worked solutions, in a process with files of its own beside the shared pairs."""
    limit_threads(threads)
    return Bench(folder, quick=quick).measure(name)


def measure_ladder(folder: Path, quick: bool, threads: int, name: str) -> dict[str, Any]:
    """One ladder: its pairs, then the default loss on them."""
    limit_threads(threads)
    bench = Bench(folder, name, quick=quick)
    return {"ladder": name, **bench.describe(), **bench.measure("dpo+sft")}


def measure_clean(folder: Path, quick: bool) -> float:
    """Training on the pairs as they are; the verdicts go to a file, for the paired comparisons."""
    import numpy as np
    import transformers

    transformers.utils.logging.disable_progress_bar()
    bench = ShortcutBench(folder, quick=quick)
    right = bench.read_after(bench.pairs)
    np.save(folder / "clean.npy", right)
    return float(right.mean())


def measure_shortcut(folder: Path, quick: bool, threads: int, name: str) -> list[dict[str, Any]]:
    """One artefact at one prevalence, in all arms."""
    import numpy as np

    limit_threads(threads)
    artefact, share = name.split("|")
    bench = ShortcutBench(folder, quick=quick)
    return measure_case(bench, artefact, float(share), np.load(folder / "clean.npy"))


def limit_threads(threads: int) -> None:
    import torch
    import transformers

    torch.set_num_threads(threads)
    transformers.utils.logging.disable_progress_bar()


def write_losses(rows: list[dict[str, Any]], file: Path | None) -> None:
    best = max((row for row in rows if row["train_seconds"] <= 60), key=lambda row: row["after"], default=None)
    value = None if best is None else best["after"]
    label = "accuracy of the best loss within 60 s of training" + (f" ({best['loss']})" if best else "")
    ordered = sorted(rows, key=lambda row: -row["after"])
    report(ordered, [make_target(label, value, 0.90)], file)


def write_ladders(rows: list[dict[str, Any]], file: Path | None) -> None:
    by_name = {row["ladder"]: row for row in rows}
    told, reference = by_name[LADDER], by_name["reference"]
    targets = [
        make_target(f"share of mistakes that {LADDER} corrects", told["pairs"] / told["mistakes"], 0.80),
        make_target(f"accuracy by {LADDER} minus that by reference", told["after"] - reference["after"], -0.05),
    ]
    report(sorted(rows, key=lambda row: -row["after"]), targets, file)


def write_shortcuts(rows: list[dict[str, Any]], file: Path | None) -> None:
    clean, planted = rows[0]["accuracy"], rows[1:]
    whole = {row["arm"]: row for row in planted if (row["artefact"], row["prompts"]) == CASES[0]}
    cleaned = [row for row in planted if row["arm"] == "cleaned"]
    named = [row for row in planted if row["arm"] == "planted" and is_named(row)]
    targets = [
        make_target(f"points that {CASES[0][0]} costs", clean - whole["planted"]["accuracy"], 0.30),
        make_target("worst lower bound of cleaned minus unplanted", min(row["low95"] for row in cleaned), -0.03),
        make_target("points that dropping at random leaves lost", clean - whole["dropped at random"]["accuracy"], 0.30),
        make_target(
            "share of planted data that the audit fails and in which it names what was planted first",
            len(named) / (len(planted) / len(ARMS)),
            1.0,
        ),
    ]
    names = list(dict.fromkeys(name for row in rows for name in row))
    report([{name: row.get(name) for name in names} for row in rows], targets, file)


def write_grid(ablation: Ablation, file: Path | None) -> None:
    from errata.commands.ablate import print_effects

    rows = describe_cells(ablation)
    better = [cell for cell in ablation.cells if cell.fixed > cell.broken and cell.p_value < 0.05]
    targets = [
        make_target("accuracy of the best cell", rows[0]["accuracy"], 0.90),
        make_target("share of cells that are significantly better than before", len(better) / len(rows), 1.0),
    ]
    report(rows, targets, file)
    print_effects(ablation)


if __name__ == "__main__":
    main()
