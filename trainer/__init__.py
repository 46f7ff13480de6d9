"""Errata's trainer: preference training for causal language models. Takes any prompt/chosen/rejected data."""

from trainer.config import DPOConfig
from trainer.dpo import DPOTrainer

__all__ = ["DPOConfig", "DPOTrainer"]
