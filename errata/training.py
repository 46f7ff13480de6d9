"""Train the student on a run's data set: from `dataset/` to `policy/`, resumable."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from errata.config import ErrataSettings
from pipeline.errors import ConfigError, DataError
from pipeline.identity import model_identity
from pipeline.store import write_file
from pipeline.types import content_id


@dataclass(frozen=True)
class Trained:
    """What training did. `seconds` is the time in the training loop, without loading and the reference pass."""

    policy: Path
    pairs: int
    steps: int
    seconds: float
    log: list[dict[str, float]]


def train(settings: ErrataSettings, progress: Callable[[str, int, int], None]) -> Trained:
    """Train, or return the policy that the same data, model and settings gave before.

    Raises ConfigError for a missing model, DataError for a missing data set.
    """
    model = student_model(settings)
    train_rows, eval_rows = read_split(settings.run_dir, "train"), read_split(settings.run_dir, "validation")
    if not train_rows:
        raise DataError(
            settings.run_dir / "dataset", "holds no training pair; run `errata build` first, and see its summary"
        )
    fingerprint = content_id(model_identity(model), settings.train.model_dump(mode="json"), train_rows, eval_rows)
    done = settings.policy_dir / "training.json"
    if done.is_file() and (record := json.loads(done.read_text()))["fingerprint"] == fingerprint:
        return Trained(settings.policy_dir, **{name: record[name] for name in ("pairs", "steps", "seconds", "log")})
    return _train(settings, model, train_rows, eval_rows, fingerprint, progress)


def _train(
    settings: ErrataSettings,
    model: str,
    train_rows: list[dict[str, Any]],
    eval_rows: list[dict[str, Any]],
    fingerprint: str,
    progress: Callable[[str, int, int], None],
) -> Trained:
    from transformers import TrainerCallback
    from transformers.utils.logging import disable_progress_bar

    from trainer import DPOTrainer
    from trainer.errors import TrainingInputError

    class ShowProgress(TrainerCallback):
        def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            progress("train", state.global_step, state.max_steps)

    disable_progress_bar()
    checkpoints = settings.run_dir / "checkpoints" / fingerprint
    arguments = make_arguments(settings, checkpoints)
    callbacks = [ShowProgress()]
    try:
        trainer = DPOTrainer(model, arguments, train_rows, eval_rows or None, callbacks=callbacks)
    except TrainingInputError as error:
        raise DataError(settings.run_dir / "dataset", str(error)) from error
    _quiet(trainer)
    result = trainer.train(resume_from_checkpoint=last_checkpoint(checkpoints))
    fresh = settings.run_dir / ".policy.tmp"
    shutil.rmtree(fresh, ignore_errors=True)
    trainer.save_model(str(fresh))
    (fresh / "training_args.bin").unlink(missing_ok=True)  # a pickle, and nothing reads it
    trained = Trained(
        settings.policy_dir,
        pairs=len(trainer.train_dataset),
        steps=trainer.state.global_step,
        seconds=round(result.metrics["train_runtime"], 2),
        log=trainer.state.log_history,
    )
    told = {"fingerprint": fingerprint, **{n: getattr(trained, n) for n in ("pairs", "steps", "seconds", "log")}}
    write_file(fresh / "training.json", json.dumps(told, indent=1) + "\n")
    shutil.rmtree(settings.policy_dir, ignore_errors=True)
    fresh.rename(settings.policy_dir)
    shutil.rmtree(settings.run_dir / "checkpoints", ignore_errors=True)
    return trained


def make_arguments(settings: ErrataSettings, output: Path) -> Any:
    """Turn the settings into a DPOConfig. Raises ConfigError for arguments that it does not take."""
    import torch

    from trainer import DPOConfig

    t = settings.train
    if t.batch_pairs % t.micro_batch_pairs:
        raise ConfigError(f"train.micro_batch_pairs: {t.micro_batch_pairs} does not divide batch_pairs {t.batch_pairs}")
    values: dict[str, Any] = {
        "output_dir": str(output),
        "beta": t.beta,
        "nll_weight": t.nll_weight,
        "learning_rate": t.learning_rate,
        "num_train_epochs": t.epochs,
        "per_device_train_batch_size": t.micro_batch_pairs,
        "per_device_eval_batch_size": t.micro_batch_pairs,
        "gradient_accumulation_steps": t.batch_pairs // t.micro_batch_pairs,
        "max_length": t.max_length,
        "seed": t.seed,
        "save_steps": t.save_steps,
        "save_total_limit": 2,
        "logging_steps": 5,
        "disable_tqdm": True,
        "dataloader_pin_memory": torch.cuda.is_available(),
        **t.arguments,
    }
    try:
        return DPOConfig(**values)
    except (TypeError, ValueError) as error:
        raise ConfigError(f"train: {error}") from error


def _quiet(trainer: Any) -> None:
    """The command line shows progress itself; the log stays in trainer_state.json and training.json."""
    from transformers import PrinterCallback

    trainer.remove_callback(PrinterCallback)


def student_model(settings: ErrataSettings) -> str:
    """The model to train. Raises ConfigError where there is none on this machine."""
    model = settings.train.model or (settings.student.model if settings.student.engine == "transformers" else None)
    if model is None:
        raise ConfigError("train.model: is required, since the student is not a model on this machine")
    if Path(model).is_dir():
        from pipeline.engines.transformers import check_folder

        check_folder(Path(model))
    return str(model)


def read_split(run_dir: Path, split: str) -> list[dict[str, Any]]:
    """All rows of one split of a run's data set."""
    import pyarrow.parquet

    files = sorted((run_dir / "dataset").glob(f"{split}-*.parquet"))
    return [row for file in files for row in pyarrow.parquet.read_table(file).to_pylist()]


def last_checkpoint(folder: Path) -> str | None:
    """The newest checkpoint that was written to its end (`trainer_state.json` is the file written last)."""
    whole = [path.parent for path in folder.glob("checkpoint-*/trainer_state.json") if path.stat().st_size]
    newest = max(whole, key=lambda path: int(path.name.rpartition("-")[2]), default=None)
    return None if newest is None else str(newest)
