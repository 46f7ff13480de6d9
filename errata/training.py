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
from pipeline.errors import ConfigError, DataError, StoppedEarly
from pipeline.files import write_file
from pipeline.identity import model_identity
from pipeline.lock import hold
from pipeline.types import content_id

RECORD = "training.json"
"""Written into a policy's folder last."""
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
    rows, validation = (read_splits((source, *fit.also), split) for split in ("train", "validation"))
    with hold(settings.run_dir):
        return _train(settings, fit, rows, validation, settings.policy_dir, progress, (source, *fit.also))


def train_supervised(settings: ErrataSettings, progress: Progress) -> Trained:
    """The same on single texts: the run's chosen ones, each once, or those of `sft.data`."""
    if settings.sft.data is not None:
        from trainer.errors import TrainingInputError
        from trainer.sources import read_rows

        try:
            rows, validation = [dict(row) for row in read_rows(str(settings.sft.data))], []
        except TrainingInputError as error:
            raise DataError(settings.sft.data, str(error)) from error
    else:
        rows, validation = (distinct_chosen(read_split(settings.run_dir, name)) for name in ("train", "validation"))
    source = settings.sft.data or settings.run_dir
    with hold(settings.run_dir):
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
    if (record := training_record(target)) and record["fingerprint"] == fingerprint:
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
            f"(guard_chosen_drop); the checkpoint is in {checkpoints}"
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
    shutil.rmtree(target, ignore_errors=True)
    fresh.rename(target)
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
    given["trust_remote_code"] = getattr(settings.student, "trust_remote_code", False)
    trainer: Any
    if fit is settings.train:
        trainer = DPOTrainer(model, settings.train.reference, arguments, **given)
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


def read_split(run_dir: Path, split: str) -> Rows:
    """All rows of one split of a run's data set."""
    import pyarrow.parquet

    files = sorted((run_dir / "dataset").glob(f"{split}-*.parquet"))
    return [row for file in files for row in pyarrow.parquet.read_table(file).to_pylist()]


def count_rows(folder: Path, split: str) -> int:
    """Rows of one split of a run's data set."""
    import pyarrow.parquet

    files = (folder / "dataset").glob(f"{split}-*.parquet")
    return sum(pyarrow.parquet.read_metadata(file).num_rows for file in files)


def read_splits(folders: Sequence[Path], split: str) -> Rows:
    """All rows of one split of several folders; of rows with the same id the first stays."""
    rows: dict[str, dict[str, Any]] = {}
    for folder in folders:
        for row in read_split(folder, split):
            rows.setdefault(row["id"], row)
    return list(rows.values())


def distinct_chosen(rows: Rows) -> Rows:
    """Prompt and chosen text of each row; a text that several pairs share stands once."""
    seen = {json.dumps([row["prompt"], row["chosen"]]): row for row in rows}
    return [{"id": row["id"], "prompt": row["prompt"], "completion": row["chosen"]} for row in seen.values()]


def training_record(policy: Path | str) -> dict[str, Any]:
    """What a policy's own training.json says; empty where it has none, as other models."""
    file = Path(policy) / RECORD
    return dict(json.loads(file.read_text(encoding="utf-8"))) if file.is_file() else {}
