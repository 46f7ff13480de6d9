"""Errata's trainer: preference and supervised training for causal language models. Takes any preference data."""

from trainer.config import DPOConfig, SFTConfig
from trainer.dpo import DPOTrainer
from trainer.sft import SFTTrainer

__all__ = ["DPOConfig", "DPOTrainer", "SFTConfig", "SFTTrainer"]
