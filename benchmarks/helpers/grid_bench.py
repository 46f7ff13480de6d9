"""Ladders × filters × losses × β on the demo's problems, as `errata ablate` runs them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from helpers.lift_bench import GOLD_GUIDED, MIXTURES, REVISE, TRAINED_ON

if TYPE_CHECKING:
    from errata.records import Ablation

LADDERS: dict[str, list[dict[str, Any]]] = {
    "reference": [{"rung": "reference"}],
    "own_correct": [{"rung": "own_correct"}],
    "revise+gold_guided": [REVISE, GOLD_GUIDED],
}
LIKE_LENGTH = {"filter": "length_ratio", "action": "drop", "at_least": 0.9, "at_most": 1.1, "quantile": 0.49}
"""Too strict: a chosen text that takes a step more than the mistake is dropped, and with it what that step teaches."""
AXES: dict[str, Any] = {
    "correct.rungs": LADDERS,
    "filters": {"as_configured": "as_configured", "none": [], "like_length": [LIKE_LENGTH]},
    "train.loss": {**MIXTURES, "dpo": {"dpo": 1.0}, "ipo": {"ipo": 1.0}},
    "train.beta": [0.05, 0.1, 0.3],
}
QUICK: dict[str, Any] = {
    "correct.rungs": {name: LADDERS[name] for name in ("reference", "own_correct")},
    "filters": AXES["filters"],
    "train.loss": MIXTURES,
    "train.beta": [0.1],
}
HELD_OUT, QUICK_HELD_OUT = 500, 200
"""They follow the trained ones in the stream; those of the other modes come behind them."""
PROTOCOL = {
    "export.validation_share": "0",
    "pair.max_per_problem": "4",
    "train.epochs": "2",
    "train.learning_rate": "5.0e-5",
}


def measure_grid(folder: Path, *, quick: bool) -> Ablation:
    """All cells, one after the other."""
    import transformers

    from errata.ablation import ablate
    from errata.ablation_settings import AblateSettings
    from errata.demo import story

    transformers.utils.logging.disable_progress_bar()
    told = {**PROTOCOL, "evaluate.problems.limit": str(QUICK_HELD_OUT if quick else HELD_OUT)}
    settings = story.make_settings(folder, [part for key, value in told.items() for part in (f"--{key}", value)])
    story.write_problems(settings, TRAINED_ON)
    grid = AblateSettings.model_validate({"axes": QUICK if quick else AXES, "most": 100})
    return ablate(settings.model_copy(update={"ablate": grid}), Told())


class Told:
    """A progress that says how many cells are done."""

    def __call__(self, stage: str, done: int, total: int) -> None:
        if stage == "cells":
            print(f"{done} of {total} cells", flush=True)

    def watch(self, *_: object) -> None:
        pass


def describe_cells(ablation: Ablation) -> list[dict[str, Any]]:
    """One row a cell, the most accurate first."""
    return [
        {
            **{axis.rpartition(".")[2]: label for axis, label in cell.values.items()},
            "pairs": cell.pairs,
            "before": ablation.before,
            "accuracy": cell.accuracy,
            "low95": cell.interval[0],
            "high95": cell.interval[1],
            "fixed": cell.fixed,
            "broken": cell.broken,
            "p_value": cell.p_value,
            "train_seconds": cell.seconds,
        }
        for cell in sorted(ablation.cells, key=lambda cell: -cell.accuracy)
    ]
