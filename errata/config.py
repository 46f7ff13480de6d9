"""The settings of all commands: the pipeline's, and how to train."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from pydantic import Field, JsonValue, field_validator

from errata.ablation_settings import AblateSettings
from pipeline.config import RunSettings
from pipeline.loading import load_settings, parse_overrides
from pipeline.serving.secrets import find_secret
from pipeline.settings import Settings


def load(path: Path, options: Sequence[str]) -> ErrataSettings:
    """The settings of a command: file, environment and dotted options. Raises ConfigError."""
    return load_settings(path, parse_overrides(options), ErrataSettings)


class FitSettings(Settings):
    """What preference training and supervised training have in common."""

    model: str | None = None
    """Folder or hub id of the model to train; by default the student's, where it is a local one."""
    epochs: float = Field(default=1.0, gt=0)
    """Passes over the data."""
    batch_pairs: int = Field(default=32, ge=1)
    """Pairs (or texts) of one update."""
    max_tokens: int | None = Field(default=None, ge=1)
    """Tokens of one forward pass, which bounds the memory; by default 1024, 16384 on a GPU."""
    max_length: int | None = Field(default=None, ge=1)
    """Longest prompt + completion in tokens; longer ones are left out and counted."""
    seed: int = 0
    """Seed of the data order."""
    save_steps: int = Field(default=50, ge=1)
    """Updates between two checkpoints; an interrupted training goes on from the last one."""
    report_to: tuple[str, ...] = ()
    """Where the log goes besides training.json: `tensorboard`, `wandb`, or what else transformers knows; each is a
    package of its own."""
    arguments: dict[str, JsonValue] = {}
    """Any further field of `trainer.DPOConfig` or `SFTConfig` (all of transformers' TrainingArguments)."""

    @field_validator("arguments")
    @classmethod
    def _no_secrets(cls, value: dict[str, JsonValue]) -> dict[str, JsonValue]:
        """Settings are written into the run's folder."""
        if (name := find_secret(value)) is not None:
            raise ValueError(f"{name} is a secret: set it in the environment (HF_TOKEN for the hub)")
        return value


class TrainSettings(FitSettings):
    """How the student is trained on the run's pairs."""

    data: Path | None = None
    """Folder that `errata clean` wrote, or that of another run; by default the run's own data set."""
    also: tuple[Path, ...] = ()
    """Folders of further runs whose pairs are trained on, too; of pairs with the same id the first stays."""
    reference: str | None = None
    """Folder or hub id of another reference than the model at the start."""
    loss: dict[str, float] = {"dpo": 1.0, "sft": 0.2}
    """Losses with their weights; docs/losses.md has the list."""
    loss_options: dict[str, dict[str, JsonValue]] = {}
    """Options by loss."""
    beta: float | None = Field(default=None, gt=0)
    """Strength of the tie to the reference; by default each loss's own."""
    learning_rate: float = Field(default=1e-6, gt=0)
    """Peak learning rate."""


class SftSettings(FitSettings):
    """How the student is trained on single texts, before or instead of preferences."""

    learning_rate: float = Field(default=2e-5, gt=0)
    """Peak learning rate."""
    data: Path | None = None
    """JSONL, Parquet or CSV with prompt and completion (or messages); by default the chosen texts of the run."""


class LoopSettings(Settings):
    """Rounds: build, train, evaluate, and again with the new student."""

    reference: Literal["round", "fixed"] = "round"
    """What each round's policy is tied to: the student that the `round` began with, or the `fixed` first one."""
    start: Literal["round", "first"] = "round"
    """Where each round's training begins: at the student that made the mistakes, or at the `first` one anew; its own
    reference is then that one, too."""
    past_pairs: bool = False
    """Train on the pairs of all rounds so far, too. With `start: first` that is what they are for; a student that has
    learnt from them already is driven off course by them (docs/loop.md has the numbers)."""
    patience: int = Field(default=2, ge=1)
    """Rounds in a row without a significant gain after which the loop stops; a significant fall stops it at once."""
    max_chosen_drop: float | None = Field(default=None, gt=0)
    """Nats by which the chosen texts' log-prob may fall in a round's training before the loop stops."""
    on_artefacts: Literal["clean", "train", "stop"] = "clean"
    """When the audit finds shortcuts: repair the pairs as `errata clean` does, and stop where its certificate fails;
    `train` on them all the same; or `stop`."""


class ErrataSettings(RunSettings):
    """One file for build, train and evaluate."""

    train: TrainSettings = TrainSettings()
    """How the student is trained on preferences."""
    sft: SftSettings = SftSettings()
    """How the student is trained on texts."""
    loop: LoopSettings = LoopSettings()
    """How rounds follow one another, for `errata loop`."""
    ablate: AblateSettings = AblateSettings()
    """The grid of `errata ablate`."""

    @property
    def policy_dir(self) -> Path:
        """Folder of the student trained on preferences."""
        return self.run_dir / "policy"

    @property
    def sft_dir(self) -> Path:
        """Folder of the student trained on texts."""
        return self.run_dir / "sft"
