"""What a grid leaves on disk: `cell.json` of each cell, a record of each grid, and `ablation.json`, the last one.

A grid's record is named by its axes and a hash of all that its cells depend on, so that no grid overwrites another's.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pydantic import ValidationError

from errata.ablation_cells import FOLDER, Plan, make_words
from errata.config import ErrataSettings
from errata.records import Ablation, Cell
from pipeline.errors import DataError
from pipeline.files import write_file
from pipeline.types import Record, content_id

RESULT = "ablation.json"
DONE = "cell.json"
GRIDS = f"{FOLDER}/grids"
"""Folder of a run with the records of all its grids."""


class Done(Record):
    """`cell.json`: a finished cell, with a hash of all that it depends on."""

    fingerprint: str
    n: int
    before: float
    cell: Cell


def read_done(plan: Plan, fingerprint: str, keep_policy: bool) -> Done | None:
    """The cell, where it was finished with just this fingerprint, and its policy is there if it is to be kept."""
    folder = plan.settings.run_dir
    path = folder / DONE
    if not path.is_file():
        return None
    try:
        done = Done.model_validate_json(path.read_bytes())
    except ValidationError as error:
        raise DataError(path, "is not a finished cell; delete it, and the cell is run again") from error
    whole = not keep_policy or (plan.settings.policy_dir / "training.json").is_file()
    return done if done.fingerprint == fingerprint and whole else None


def grid_file(settings: ErrataSettings, fingerprints: Sequence[str]) -> Path:
    """The record of a grid whose cells have these fingerprints."""
    axes = {axis: list(values) for axis, values in settings.ablate.axes.items()}
    words = make_words(axis.rpartition(".")[2] for axis in axes)
    return settings.run_dir / GRIDS / f"{words or 'grid'}-{content_id(axes, list(fingerprints))[:8]}.json"


def kept_grids(run_dir: Path) -> list[Path]:
    """The records of all grids of a run."""
    return sorted((run_dir / GRIDS).glob("*.json"))


def write_result(settings: ErrataSettings, fingerprints: Sequence[str], done: Sequence[Done | None]) -> Ablation:
    """Write the grid's record and `ablation.json` with the cells that are done, of which there must be one."""
    finished = [one for one in done if one is not None]
    ablation = Ablation(
        axes={axis: tuple(values) for axis, values in settings.ablate.axes.items()},
        n=finished[0].n,
        before=finished[0].before,
        cells=tuple(one.cell for one in finished),
    )
    text = ablation.model_dump_json(indent=1) + "\n"
    write_file(grid_file(settings, fingerprints), text)
    write_file(settings.run_dir / RESULT, text)
    return ablation
