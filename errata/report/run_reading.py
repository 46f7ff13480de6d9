"""The folder of a run, a loop or an ablation, as a report reads it: each file whole, None where it is not there yet."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from errata.records import Ablation, Loop, Rewards
from pipeline.errors import DataError
from pipeline.loading import NO_VALUE
from pipeline.measures.records import Evaluation
from pipeline.shortcuts.records import Audit
from pipeline.summary import Summary

M = TypeVar("M", bound=BaseModel)


class Training(BaseModel):
    """`policy/training.json`."""

    pairs: int
    """Pairs that were trained on."""
    steps: int
    seconds: float
    """In the training loop."""
    log: list[dict[str, float]]
    """Lines of the log, by step."""
    sources: list[str] = []
    """Folders of the data, the first being the run's own or what was made of it."""


class PlainLoader(yaml.SafeLoader):
    """Plain values, each written where it stands: nine references in nine others mean a billion of them."""

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        """As PyYAML has it. Raises YAMLError for a reference."""
        if self.check_event(yaml.AliasEvent):
            raise yaml.YAMLError("it holds a reference, `*name`, which Errata never writes")
        found: yaml.Node | None = super().compose_node(parent, index)
        return found


@dataclass(frozen=True)
class RunFiles:
    """What a run's folder tells of the run, besides its texts."""

    path: Path
    settings: Mapping[str, Any]
    """`config.yaml`, as it stands there."""
    summary: Summary | None
    audit: Audit | None
    training: Training | None
    evaluation: Evaluation | None
    rewards: Rewards | None
    trained_on: Path | None = None
    """Where the policy was trained on other data than the run's own, such as its repaired ones; the audit is then that
    of these data."""

    def command(self, name: str) -> str:
        """The command that makes what is missing."""
        config = self.path / "config.yaml"
        return f"errata {name} {config if config.is_file() else 'CONFIG'}"


def is_run(folder: Path) -> bool:
    """Whether a build has begun there."""
    return (folder / "summary.json").is_file() or (folder / "attempts.jsonl").is_file()


def is_loop(folder: Path) -> bool:
    """Whether a loop has ended a round there."""
    return (folder / "loop.json").is_file()


def is_ablation(folder: Path) -> bool:
    """Whether a cell of a grid is finished there."""
    return (folder / "ablation.json").is_file()


def read_run(folder: Path, cell: Path | None = None) -> RunFiles:
    """What is there. `cell` is the folder of a cell that was trained on this run's pairs, and has its own numbers.

    Raises DataError for a folder that is no run, and for a file that cannot be read.
    """
    own = cell or folder
    policy = own / "policy" / "training.json"
    training = read_record(policy if policy.is_file() else own / "training.json", Training, "errata train")
    other = None if training is None or cell is not None else _other_data(folder, training)
    return RunFiles(
        path=folder,
        settings=read_settings(folder / "config.yaml"),
        summary=read_record(folder / "summary.json", Summary, "errata build"),
        audit=read_record((other or folder) / "audit.json", Audit, "errata audit"),
        training=training,
        evaluation=read_record(own / "evaluation.json", Evaluation, "errata evaluate"),
        rewards=read_record(own / "rewards.json", Rewards, "errata evaluate"),
        trained_on=other,
    )


def _other_data(folder: Path, training: Training) -> Path | None:
    """The folder that the policy was trained on, where it is another one that is there, and audited."""
    for source in map(Path, training.sources[:1]):
        inside = folder / source.name  # a loop's round that was moved since
        found = next((one for one in (source, inside) if (one / "audit.json").is_file()), None)
        if found is not None and found.resolve() != folder.resolve():
            return found
    return None


def refuse(folder: Path) -> DataError:
    """Says what a folder lacks that should be that of a run."""
    if not folder.is_dir():
        return DataError(folder, "no such folder; give that of a run, which `errata build CONFIG` makes")
    told = "is the folder of no run (no summary.json, attempts.jsonl, loop.json or ablation.json in it)"
    return DataError(folder, f"{told}; `errata build CONFIG` makes one, `errata loop` and `errata ablate` several")


def read_ablation(folder: Path) -> Ablation | None:
    """The cells of a grid; None where there is none. Raises DataError."""
    return read_record(folder / "ablation.json", Ablation, "errata ablate")


def read_loop(folder: Path) -> Loop:
    """The rounds of a loop. Raises DataError where `loop.json` cannot be read or names a round that is not there."""
    file = folder / "loop.json"
    loop = read_record(file, Loop, "errata loop")
    assert loop is not None, "the caller has looked"
    for told in loop.rounds:
        if not is_run(below(file, told.run)):
            why = f"names the round {told.run!r}, whose folder is not there; `errata loop` makes it again"
            raise DataError(file, why, field="rounds")
    return loop


def below(file: Path, name: str) -> Path:
    """The folder that a record names, which lies below the record's own. Raises DataError for any other.

    A run may come from somebody else: its page tells of nothing but itself.
    """
    path = PurePosixPath(name)
    if path.is_absolute() or not path.parts or ".." in path.parts or "\0" in name:
        raise DataError(file, f"names {name!r}, which is no folder below its own; it was not written by Errata")
    return file.parent / path


def read_record(file: Path, model: type[M], command: str) -> M | None:
    """One JSON file; None where there is none. Raises DataError naming the field, and the command that writes it."""
    if not file.is_file():
        return None
    try:
        return model.model_validate_json(file.read_bytes())
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        told = f"is not what this version writes there ({first['msg']}); `{command}` writes it anew"
        raise DataError(file, told, field=where or None) from error


def read_settings(file: Path) -> dict[str, Any]:
    """The settings as they were resolved, unchecked; nothing where there is no file. Raises DataError."""
    if not file.is_file():
        return {}
    try:
        told = yaml.load(file.read_text(encoding="utf-8"), Loader=PlainLoader)  # noqa: S506 - a SafeLoader
    except NO_VALUE as error:
        first = str(error).partition("\n")[0]
        raise DataError(file, f"is no YAML ({first}); `errata build` writes it anew") from error
    if not isinstance(told, dict):
        raise DataError(file, "holds no settings; `errata build` writes it anew")
    return told
