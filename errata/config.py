"""The settings of all commands: the pipeline's, and how to train."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, JsonValue

from pipeline.config import RunSettings
from pipeline.settings import Settings


class TrainSettings(Settings):
    """How the student is trained on the run's data set."""

    model: str | None = None
    """Folder or hub id of the model to train; by default the student's, where it is a local one."""
    beta: float = Field(default=0.1, gt=0)
    """Strength of the tie to the reference."""
    nll_weight: float = Field(default=0.2, ge=0)
    """Weight of the chosen text's NLL beside DPO."""
    learning_rate: float = Field(default=1e-6, gt=0)
    """Peak learning rate."""
    epochs: float = Field(default=1.0, gt=0)
    """Passes over the data."""
    batch_pairs: int = Field(default=32, ge=1)
    """Pairs per update, on one device."""
    micro_batch_pairs: int = Field(default=8, ge=1)
    """Pairs per forward pass; must divide `batch_pairs`."""
    max_length: int | None = None
    """Longest prompt + completion in tokens; longer pairs are left out and counted."""
    seed: int = 0
    """Seed of the data order."""
    save_steps: int = Field(default=50, ge=1)
    """Updates between two checkpoints; an interrupted training goes on from the last one."""
    arguments: dict[str, JsonValue] = {}
    """Any further field of `trainer.DPOConfig` (all of transformers' TrainingArguments)."""


class ErrataSettings(RunSettings):
    """One file for build, train and evaluate."""

    train: TrainSettings = TrainSettings()
    """How the student is trained."""

    @property
    def policy_dir(self) -> Path:
        """Folder of the trained student."""
        return self.run_dir / "policy"
