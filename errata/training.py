"""Train the student on a run's data set: from `dataset/` to `policy/` (or `sft/`), resumable."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from errata.config import ErrataSettings, FitSettings
from pipeline.errors import ConfigError, DataError, StoppedEarly
from pipeline.identity import model_identity
from pipeline.store import write_file
from pipeline.types import content_id

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
    source = settings.train.data or settings.run_dir
    if settings.train.data is not None and not (source / "dataset").is_dir():
        raise DataError(
            source, "train.data: has no folder `dataset`; give one that `errata clean` or `errata build` wrote"
        )
    rows, validation = read_split(source, "train"), read_split(source, "validation")
    return _train(settings, settings.train, rows, validation, settings.policy_dir, progress, source)


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
    return _train(settings, settings.sft, rows, validation, settings.sft_dir, progress, settings.run_dir)


def _train(
    settings: ErrataSettings,
    fit: FitSettings,
    rows: Rows,
    validation: Rows,
    target: Path,
    progress: Progress,
    source: Path,
) -> Trained:
    model = student_model(settings, fit)
    if not rows:
        raise DataError(source / "dataset", "holds no training pair; run `errata build` first, and see its summary")
    fingerprint = content_id(model_identity(model), fit.model_dump(mode="json"), rows, validation)
    done = target / "training.json"
    if done.is_file() and (record := json.loads(done.read_text()))["fingerprint"] == fingerprint:
        return Trained(target, **{name: record[name] for name in ("pairs", "steps", "seconds", "log")})
    checkpoints = settings.run_dir / "checkpoints" / fingerprint
    from trainer.errors import TrainerError

    try:
        trainer = _make_trainer(settings, fit, model, rows, validation, checkpoints, progress)
        result = trainer.train(resume_from_checkpoint=last_checkpoint(checkpoints))
    except TrainerError as error:
        raise DataError(source / "dataset", str(error)) from error
    if trainer.state.global_step < trainer.state.max_steps:
        raise StoppedEarly(
            f"training stopped at step {trainer.state.global_step} of {trainer.state.max_steps} "
            f"(guard_chosen_drop); the checkpoint is in {checkpoints}"
        )
    fresh = settings.run_dir / f".{target.name}.tmp"
    shutil.rmtree(fresh, ignore_errors=True)
    trainer.save_model(str(fresh))
    (fresh / "training_args.bin").unlink(missing_ok=True)  # a pickle, and nothing reads it
    trained = Trained(
        target,
        pairs=len(trainer.train_dataset),
        steps=trainer.state.global_step,
        seconds=round(result.metrics["train_runtime"], 2),
        log=trainer.state.log_history,
    )
    told = {"fingerprint": fingerprint, **{n: getattr(trained, n) for n in ("pairs", "steps", "seconds", "log")}}
    write_file(fresh / "training.json", json.dumps(told, indent=1) + "\n")
    shutil.rmtree(target, ignore_errors=True)
    fresh.rename(target)
    shutil.rmtree(checkpoints, ignore_errors=True)
    return trained


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
    kind = DPOTrainer if fit is settings.train else SFTTrainer
    trainer = kind(
        model, args=arguments, train_dataset=rows, eval_dataset=validation or None, callbacks=[ShowProgress()]
    )
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


def distinct_chosen(rows: Rows) -> Rows:
    """Prompt and chosen text of each row; a text that several pairs share stands once."""
    seen = {json.dumps([row["prompt"], row["chosen"]]): row for row in rows}
    return [{"id": row["id"], "prompt": row["prompt"], "completion": row["chosen"]} for row in seen.values()]


def last_checkpoint(folder: Path) -> str | None:
    """The newest checkpoint that was written to its end (`trainer_state.json` is the file written last)."""
    whole = [path.parent for path in folder.glob("checkpoint-*/trainer_state.json") if path.stat().st_size]
    newest = max(whole, key=lambda path: int(path.name.rpartition("-")[2]), default=None)
    return None if newest is None else str(newest)
