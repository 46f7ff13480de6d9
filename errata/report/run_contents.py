"""All that a page shows of a folder, read once; and its numbers as JSON."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from errata.ablation_effects import effects
from errata.records import Ablation, Loop, Round
from errata.report.run_ablation import rank_cells
from errata.report.run_costs import total_cost, total_tokens
from errata.report.run_doubts import contamination
from errata.report.run_flow import Node, trace_flow
from errata.report.run_journals import Doubts, read_doubts
from errata.report.run_reading import (
    RunFiles,
    below,
    is_ablation,
    is_loop,
    is_run,
    read_ablation,
    read_loop,
    read_run,
    refuse,
)
from errata.report.run_texts import Texts, read_texts
from errata.report.run_training import finite_log
from pipeline.data_folders import refuse_links


@dataclass(frozen=True)
class Contents:
    """What there is in a folder, besides the pairs that a page lists."""

    folder: Path
    run: RunFiles | None
    """The run itself, the loop's best round, or the data of the ablation's best cell; None where there is none yet."""
    loop: Loop | None = None
    shown: Round | None = None
    """The round that `run` is."""
    ablation: Ablation | None = None
    cell: Path | None = None
    """Folder of the grid's best cell, whose training and evaluation are shown; None for a run of its own."""
    built: bool = True
    """Whether `run` has pairs of its own; those of a cell may come from a finished data set."""
    texts: Texts = field(default_factory=Texts)
    doubts: Doubts = field(default_factory=Doubts)


def read_contents(folder: Path) -> Contents:
    """Read a run, a loop or an ablation.

    Raises DataError for a folder that is none, for files that are broken, and for links to what is not in it.
    """
    refuse_links(folder)
    if is_loop(folder):
        loop = read_loop(folder)
        shown = next((one for one in loop.rounds if one.number == loop.best), loop.rounds[-1] if loop.rounds else None)
        run = None if shown is None else read_run(folder / shown.run)
        return _with_texts(Contents(folder, run, loop, shown, read_ablation(folder)))
    if is_run(folder):
        return _with_texts(Contents(folder, read_run(folder), ablation=read_ablation(folder)))
    if not is_ablation(folder):
        raise refuse(folder)
    ablation = read_ablation(folder)
    if ablation is None or not ablation.cells:
        return Contents(folder, None, ablation=ablation, cell=folder)
    cell = below(folder / "ablation.json", rank_cells(ablation)[0].run)
    built = is_run(cell.parent)
    run = read_run(cell.parent if built else cell, cell)
    return _with_texts(Contents(folder, run, ablation=ablation, cell=cell, built=built))


def _with_texts(found: Contents) -> Contents:
    if found.run is None or not found.built:
        return found
    return replace(found, texts=read_texts(found.run.path), doubts=read_doubts(found.run))


def numbers(found: Contents) -> dict[str, Any]:
    """What the page shows, as JSON values; parts that are not there are null."""
    told: dict[str, Any] = {"folder": str(found.folder), "loop": _dump(found.loop), "ablation": _dump(found.ablation)}
    told["effects"] = None
    if found.ablation is not None:
        told["effects"] = {axis: [one._asdict() for one in values] for axis, values in effects(found.ablation).items()}
    run = found.run
    if run is None:
        return told
    s = run.summary
    told |= {
        "run": str(run.path),
        "evaluation": _dump(run.evaluation),
        "summary": _dump(s),
        "flow": None,
        "contamination": None if s is None else contamination(s),
        "cost": None if s is None else total_cost(s),
        "tokens": None if s is None else total_tokens(s),
        "audit": _dump(run.audit),
        "training": None,
        "rewards": _dump(run.rewards),
        "lengths": {name: asdict(one) for name, one in found.texts.measured().items()},
        "writers": [
            {"rung": rung, "teacher": teacher, "gold_visible": visible, "pairs": n}
            for (rung, teacher, visible), n in found.texts.writers.most_common()
        ],
        "doubts": _doubts(found.doubts),
    }
    if s is not None:
        flow = trace_flow(s)
        told["flow"] = {"attempts": _tree(flow.attempts), "pairs": _tree(flow.pairs), "further": flow.further}
    if run.training is not None:
        told["training"] = {**run.training.model_dump(exclude={"log"}), "log": finite_log(run.training)}
    return told


def _dump(record: BaseModel | None) -> Any:
    return None if record is None else record.model_dump(mode="json")


def _doubts(doubts: Doubts) -> dict[str, Any]:
    rows = ("dropped", "refused", "objected", "undecided")
    told: dict[str, Any] = {name: [asdict(row) for row in getattr(doubts, name)] for name in rows}
    return told | {"flagged": doubts.flagged, "reasons": doubts.reasons, "left_out": doubts.left_out}


def _tree(node: Node) -> dict[str, Any]:
    told: dict[str, Any] = {"name": node.label, "count": node.count}
    return {**told, "parts": [_tree(child) for child in node.children]} if node.children else told
