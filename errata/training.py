"""Train the student on a run's data set: from `dataset/` to `policy/` (or `sft/`), resumable."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from errata.config import ErrataSettings, FitSettings
from pipeline.data_folders import refuse_outside
from pipeline.errors import ConfigError, DataError, StoppedEarly
from pipeline.files import move_into_place, write_file
from pipeline.identity import model_identity
from pipeline.lock import hold
from pipeline.rows import read_rows, reading_parquet
from pipeline.types import content_id

RECORD = "training.json"
"""Written into a policy's folder last."""
FIX = "train that model again, or remove the file"
KINDS: dict[str, Any] = {
    "fingerprint": str,
    **dict.fromkeys(("pairs", "steps"), int),
    **dict.fromkeys(("seconds", "beta"), float | int),
    **dict.fromkeys(("log", "sources"), list),
    "reference": str,
}
"""What it holds."""
Rows = list[dict[str, Any]]
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Trained:
    """What training did. `seconds` is the time in the training loop, without loading and the reference pass."""

    policy: Path
    pairs: int
    steps: int
    seconds: float
    log: list[dict[str, float]]


def train(settings: ErrataSettings, progress: Progress) -> Trained:
    """Train on the pairs of the run or of `train.data`, or return the policy that the same data and settings gave.

    Raises ConfigError for a missing model, DataError for a missing data set, StoppedEarly where the guard stops.
    """
    fit = settings.train
    source = fit.data or settings.run_dir
    for key, folder in (("data", fit.data), *(("also", folder) for folder in fit.also)):
        if folder is not None and not (folder / "dataset").is_dir():
            raise DataError(
                folder, f"train.{key}: has no folder `dataset`; give one that `errata clean` or `errata build` wrote"
            )
    with hold(settings.run_dir):
        rows, validation = (read_splits((source, *fit.also), split) for split in ("train", "validation"))
        return _train(settings, fit, rows, validation, settings.policy_dir, progress, (source, *fit.also))


def train_supervised(settings: ErrataSettings, progress: Progress) -> Trained:
    """The same on single texts: the run's chosen ones, each once, or those of `sft.data`."""
    source = settings.sft.data or settings.run_dir
    with hold(settings.run_dir):
        if settings.sft.data is not None:
            rows, validation = read_texts(settings.sft.data), []
        else:
            rows, validation = (distinct_chosen(read_splits((source,), name)) for name in ("train", "validation"))
        return _train(settings, settings.sft, rows, validation, settings.sft_dir, progress, (source,))


def _train(
    settings: ErrataSettings,
    fit: FitSettings,
    rows: Rows,
    validation: Rows,
    target: Path,
    progress: Progress,
    sources: Sequence[Path],
) -> Trained:
    model = student_model(settings, fit)
    source = sources[0] if sources[0].is_file() else sources[0] / "dataset"
    if not rows:
        raise DataError(source, "holds no training pair; run `errata build` first, and see its summary")
    shown = fit.model_dump(mode="json", exclude={"report_to", "also"}, exclude_none=True)
    reference = settings.train.reference if fit is settings.train else None
    shown["reference"] = None if reference is None else model_identity(reference)
    fingerprint = content_id(model_identity(model), shown, rows, validation)
    record = training_record(target)
    if record.get("fingerprint") == fingerprint:
        return Trained(target, **{name: record[name] for name in ("pairs", "steps", "seconds", "log")})
    checkpoints = settings.run_dir / "checkpoints" / fingerprint
    from trainer.checkpoints import newest_checkpoint
    from trainer.credit import free_memory
    from trainer.errors import NotSaved, TrainerError

    watch_logs(settings, fit, target)
    try:
        trainer = _make_trainer(settings, fit, model, rows, validation, checkpoints, progress)
        result = trainer.train(resume_from_checkpoint=newest_checkpoint(checkpoints))
    except NotSaved as error:
        raise StoppedEarly(str(error)) from error
    except TrainerError as error:
        raise DataError(source, str(error)) from error
    if trainer.state.global_step < trainer.state.max_steps:
        raise StoppedEarly(
            f"training stopped at step {trainer.state.global_step} of {trainer.state.max_steps} "
            f"(guard_chosen_drop); the checkpoint is in {checkpoints}; set another train.arguments.guard_chosen_drop, "
            "train.learning_rate, train.beta or train.loss"
        )
    fresh = settings.run_dir / f".{target.name}.tmp"
    shutil.rmtree(fresh, ignore_errors=True)
    try:
        trainer.save_model(str(fresh))
    except NotSaved as error:
        raise StoppedEarly(str(error)) from error
    trained = Trained(
        target,
        pairs=len(trainer.train_dataset),
        steps=trainer.state.global_step,
        seconds=round(result.metrics["train_runtime"], 2),
        log=trainer.state.log_history,
    )
    told = {"fingerprint": fingerprint, **{n: getattr(trained, n) for n in ("pairs", "steps", "seconds", "log")}}
    told["sources"] = [str(one.resolve()) for one in sources]
    if fit is settings.train:
        told |= {"reference": settings.train.reference or model, "beta": trainer.objective.beta}
    write_file(fresh / RECORD, json.dumps(told, indent=1) + "\n")
    move_into_place(fresh, target)
    shutil.rmtree(checkpoints, ignore_errors=True)
    del trainer, result
    free_memory()  # the next model may need all of a GPU
    return trained


def watch_logs(settings: ErrataSettings, fit: FitSettings, target: Path) -> None:
    """Let TensorBoard's files stay with the run. Raises ConfigError for a package that is not installed."""
    packages = {"tensorboard": "tensorboard", "wandb": "wandb", "mlflow": "mlflow", "trackio": "trackio"}
    for name in fit.report_to:
        package = packages.get(name)
        if package is not None and importlib.util.find_spec(package) is None:
            raise ConfigError(f"report_to: {name} is not installed; pip install {package}")
    os.environ["TENSORBOARD_LOGGING_DIR"] = str(settings.run_dir / "logs" / target.name)


def _make_trainer(
    settings: ErrataSettings,
    fit: FitSettings,
    model: str,
    rows: Rows,
    validation: Rows,
    checkpoints: Path,
    progress: Progress,
) -> Any:
    from transformers import PrinterCallback, TrainerCallback
    from transformers.utils.logging import disable_progress_bar

    from trainer import DPOTrainer, SFTTrainer

    class ShowProgress(TrainerCallback):
        def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            progress("train", state.global_step, state.max_steps)

    disable_progress_bar()
    arguments = make_arguments(settings, fit, checkpoints)
    given: dict[str, Any] = {"train_dataset": rows, "eval_dataset": validation or None, "callbacks": [ShowProgress()]}
    given["trust_remote_code"] = runs_code(settings, model)
    trainer: Any
    if fit is settings.train:
        reference = settings.train.reference
        given["trust_reference_code"] = reference is not None and runs_code(settings, reference)
        trainer = DPOTrainer(model, reference, arguments, **given)
    else:
        trainer = SFTTrainer(model, arguments, **given)
    trainer.remove_callback(PrinterCallback)  # the command line shows progress itself; the log is in training.json
    return trainer


def make_arguments(settings: ErrataSettings, fit: FitSettings, output: Path) -> Any:
    """Turn the settings into a DPOConfig or SFTConfig. Raises ConfigError for arguments that it does not take."""
    from trainer import DPOConfig, SFTConfig

    values: dict[str, Any] = {
        "output_dir": str(output),
        "num_train_epochs": fit.epochs,
        "global_batch_pairs": fit.batch_pairs,
        "max_tokens_per_device": fit.max_tokens,
        "max_length": fit.max_length,
        "seed": fit.seed,
        "save_steps": fit.save_steps,
        "save_total_limit": 2,
        "logging_steps": 5,
        "disable_tqdm": True,
        "report_to": list(fit.report_to),
        "run_name": settings.name,
    }
    if fit is settings.train:
        t = settings.train
        values |= {
            "learning_rate": t.learning_rate,
            "beta": t.beta,
            "loss_type": list(t.loss),
            "loss_weights": list(t.loss.values()),
            "loss_options": t.loss_options,
            "reference_cache": str(settings.runs_dir / "reference.sqlite"),
        }
        make: Any = DPOConfig
    else:
        values["learning_rate"] = settings.sft.learning_rate
        make = SFTConfig
    try:
        return make(**{**values, **fit.arguments})
    except (TypeError, ValueError) as error:
        raise ConfigError(f"{'train' if fit is settings.train else 'sft'}: {error}") from error


def student_model(settings: ErrataSettings, fit: FitSettings) -> str:
    """The model to train. Raises ConfigError where there is none on this machine."""
    model = fit.model or settings.student.local_model
    if model is None:
        name = "train" if fit is settings.train else "sft"
        raise ConfigError(f"{name}.model: is required, since the student is not a model on this machine")
    if Path(model).is_dir():
        from pipeline.identity import check_folder

        check_folder(Path(model))
    return str(model)


def runs_code(settings: ErrataSettings, model: str) -> bool:
    """Whether the Python code that a model brings is run: the student's where its settings say so, and no other's."""
    student = settings.student.local_model
    if student is None or not getattr(settings.student, "trust_remote_code", False):
        return False
    return model == student or (Path(model).is_dir() and Path(model).resolve() == Path(student).resolve())


def read_texts(source: Path) -> Rows:
    """The rows of `sft.data`. Raises DataError, naming file and line, for what cannot be read."""
    rows = []
    for row in read_rows(str(source)):
        if row.error is not None:
            raise DataError(row.file, row.error, line=row.line)
        try:
            values = json.dumps(row.values, ensure_ascii=False, default=str).encode()  # a table may have dates
        except UnicodeEncodeError as error:
            half = f"holds half a character, {error.object[error.start]!a}; write the whole one"
            raise DataError(row.file, half, line=row.line) from error
        rows.append(json.loads(values))
    return rows


def read_split(run_dir: Path, split: str) -> Rows:
    """All rows of one split of a run's data set. Raises DataError for a file that is broken, or that lies elsewhere."""
    return [dict(row.values) for file in _files(run_dir, split) for row in read_rows(str(file))]


def count_rows(folder: Path, split: str) -> int:
    """Rows of one split of a run's data set. Raises DataError as above."""
    import pyarrow.parquet

    total = 0
    for file in _files(folder, split):
        with reading_parquet(file):
            total += pyarrow.parquet.read_metadata(file).num_rows
    return total


def _files(run_dir: Path, split: str) -> list[Path]:
    folder = run_dir / "dataset"
    files = sorted(folder.glob(f"{split}-*.parquet"))
    for file in files:
        refuse_outside(folder, str(file))
    return files


def read_splits(folders: Sequence[Path], split: str) -> Rows:
    """All rows of one split of several folders; of rows with the same id the first stays.

    Raises DataError as above, and for rows without what a pair has.
    """
    rows: dict[str, dict[str, Any]] = {}
    for folder in folders:
        for number, row in enumerate(read_split(folder, split), start=1):
            lacking = next((name for name in ("id", "prompt", "chosen", "rejected") if row.get(name) is None), None)
            if lacking is not None or not isinstance(row["id"], str):
                told = f"row {number} of the split {split!r} has no such text; give a folder that `errata build` wrote"
                raise DataError(folder / "dataset", told, field=lacking or "id")
            rows.setdefault(row["id"], row)
    return list(rows.values())


def distinct_chosen(rows: Rows) -> Rows:
    """Prompt and chosen text of each row; a text that several pairs share stands once."""
    seen = {json.dumps([row["prompt"], row["chosen"]]): row for row in rows}
    return [{"id": row["id"], "prompt": row["prompt"], "completion": row["chosen"]} for row in seen.values()]


def training_record(policy: Path | str) -> dict[str, Any]:
    """What a policy's own training.json says; empty where it has none, as other models.

    Raises ConfigError for one that `errata train` did not write.
    """
    file = Path(policy) / RECORD
    if not file.is_file():
        return {}
    try:
        told = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ConfigError(f"{file}: cannot be read: {error}; {FIX}") from error
    if not isinstance(told, dict):
        raise ConfigError(f"{file}: must be an object, not {type(told).__name__}; {FIX}")
    wrong = [name for name, kind in KINDS.items() if name in told and not isinstance(told[name], kind)]
    if not wrong and not all(isinstance(one, str) for one in told.get("sources", ())):
        wrong = ["sources"]
    if wrong:
        raise ConfigError(f"{file}: {wrong[0]!r} is not what `errata train` writes there; {FIX}")
    return told
