"""Settings: transformers' TrainingArguments with what training on preferences and on texts needs beside them."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Literal

import torch
from transformers import TrainingArguments

from trainer.data import Example
from trainer.losses import Objective

log = logging.getLogger(__name__)

DEFAULT_TOKENS = {"cuda": 16384}
"""Tokens of a micro-batch where none are set; 1024 on other devices, whose speed does not grow with more."""


def _option(default: Any, help: str, **more: Any) -> Any:
    return field(default=default, metadata={"help": help}, **more)


@dataclass
class CoreConfig(TrainingArguments):
    """All of TrainingArguments, and how examples become micro-batches.

    A step is `global_batch_pairs` examples, whatever the devices and the memory. It is per_device_train_batch_size x
    gradient_accumulation_steps x devices where it is not set; these two then have no further meaning.
    """

    per_device_train_batch_size: int = _option(8, "Examples a device, where global_batch_pairs is not set.")
    gradient_accumulation_steps: int = _option(1, "Multiplies it, where global_batch_pairs is not set.")
    _n_gpu: int = field(init=False, repr=False, default=-1)
    fsdp_plugin_args: dict[str, Any] | None = field(init=False, repr=False, default=None)
    learning_rate: float = _option(1e-6, "Peak learning rate.")
    logging_steps: float = _option(10, "Steps between two lines of the log.")
    remove_unused_columns: bool | None = _option(False, "The trainer's rows are made for it.")
    ddp_broadcast_buffers: bool | None = _option(False, "No model that is taken here changes its buffers in training.")
    logging_nan_inf_filter: bool = _option(
        False, "A loss that is not a number stops training; it is never averaged away."
    )
    global_batch_pairs: int | None = _option(None, "Pairs (examples) of one update, over all devices.")
    max_tokens_per_device: int | None = _option(
        None,
        "Tokens of a micro-batch, padding included; bounds the memory. By default 1024, 16384 on CUDA, or more where "
        "an example needs it.",
    )
    group_prompts: bool = _option(
        True, "Bring pairs of one prompt into one step, where they share the prompt's compute."
    )
    layout: Literal["auto", "tree", "padded"] = _option(
        "auto",
        "tree: each shared prefix once (trie.py). padded: a row for each text. auto: tree where a check allows it.",
    )
    max_length: int | None = _option(None, "Longest prompt + completion, in tokens.")
    overlong: Literal["drop", "error", "truncate_prompt"] = _option(
        "drop", "What is beyond max_length is left out and counted, an error, or loses the prompt's start."
    )
    loss_type: list[str] = field(
        default_factory=lambda: ["dpo"],
        metadata={"help": "A loss, or a list of losses that are added up; see docs/losses.md."},
    )
    loss_weights: list[float] | None = _option(None, "A weight for each loss; 1 by default.")
    loss_options: dict[str, Any] | str | None = _option(None, "Options by loss: {'simpo': {'gamma': 0.5}}.")

    def __post_init__(self) -> None:
        super().__post_init__()
        for name, allowed in (
            ("layout", ("auto", "tree", "padded")),
            ("overlong", ("drop", "error", "truncate_prompt")),
        ):
            if getattr(self, name) not in allowed:
                raise ValueError(f"{name} must be one of {', '.join(allowed)}, not {getattr(self, name)!r}")
        for name in ("global_batch_pairs", "max_tokens_per_device", "max_length"):
            if getattr(self, name) is not None and getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, not {getattr(self, name)}")
        if isinstance(self.loss_options, str):
            self.loss_options = json.loads(self.loss_options)
        self.loss_type = [self.loss_type] if isinstance(self.loss_type, str) else list(self.loss_type)
        if self.global_batch_pairs is None:
            self.global_batch_pairs = (
                self.per_device_train_batch_size * self.gradient_accumulation_steps * self.world_size
            )
        if self.deepspeed:
            raise ValueError("deepspeed is not supported: it would update after each micro-batch; use fsdp")
        if self.save_on_each_node:
            raise ValueError("save_on_each_node is not supported: checkpoints lie on storage that all machines share")
        if self.fsdp_plugin_args and self.world_size == 1:
            log.info("one process: fsdp has nothing to shard")
            self.fsdp, self.fsdp_plugin_args = None, None
        if self._n_gpu > 1:
            log.warning("training on one of %d GPUs; torchrun uses all of them", self._n_gpu)
            self._n_gpu = 1  # DataParallel, which one process would take, cannot split tries
        self.per_device_train_batch_size = max(1, self.global_batch_pairs // self.world_size)
        self.gradient_accumulation_steps = 1  # one loader item is a whole step
        if not torch.cuda.is_available():
            self.dataloader_pin_memory = False
        self.make_objective()

    def token_budget(self, examples: Iterable[Example]) -> int:
        """Tokens of a micro-batch, for these examples."""
        if self.max_tokens_per_device is not None:
            return self.max_tokens_per_device
        needed = max(example.length * len(example.texts) for example in examples)
        return max(needed, DEFAULT_TOKENS.get(self.device.type, 1024))

    def make_objective(self) -> Objective:
        """The weighted losses. Raises ValueError for what they do not take."""
        assert not isinstance(self.loss_options, str)
        return Objective(self.loss_type, self.loss_weights, self.loss_options)


@dataclass
class SFTConfig(CoreConfig):
    """Supervised training on texts."""

    learning_rate: float = _option(2e-5, "Peak learning rate.")
    loss_type: list[str] = field(default_factory=lambda: ["sft"], metadata={"help": "The mean NLL of each text."})


@dataclass
class DPOConfig(CoreConfig):
    """Training on preferences."""

    beta: float | None = _option(None, "Strength of the tie to the reference; by default each loss's own.")
    label_smoothing: float = _option(0.0, "Share of labels thought to be flipped, for losses that take it.")
    skip_shared: bool = _option(
        False, "Leave the head out for tokens that both sides share, and with them the metrics of single sides."
    )
    reference_cache: str | None = _option(
        None, "SQLite file with reference log-probs by content, shared by runs; none by default."
    )
    sync_ref_model: bool = _option(False, "TR-DPO (arXiv 2404.09656): the reference follows the policy.")
    ref_model_mixup_alpha: float = _option(0.6, "TR-DPO: share of the policy in the new reference.")
    ref_model_sync_steps: int = _option(512, "TR-DPO: steps between two such updates.")
    guard_chosen_drop: float | None = _option(
        None, "Nats by which the chosen texts' summed log-prob may fall below the reference's, on average."
    )
    guard_action: Literal["warn", "stop"] = _option("warn", "What happens beyond guard_chosen_drop.")

    def __post_init__(self) -> None:
        if self.beta is not None and self.beta <= 0:
            raise ValueError(f"beta must be positive, not {self.beta}")
        if self.guard_action not in ("warn", "stop"):
            raise ValueError(f"guard_action must be 'warn' or 'stop', not {self.guard_action!r}")
        super().__post_init__()

    def make_objective(self) -> Objective:
        """The weighted losses. Raises ValueError for what they do not take."""
        assert not isinstance(self.loss_options, str)
        shared = {"beta": self.beta, "label_smoothing": self.label_smoothing or None}
        objective = Objective(self.loss_type, self.loss_weights, self.loss_options, **shared)
        if self.skip_shared and not objective.traits.margin_only:
            raise ValueError(f"skip_shared: {self.loss_type} depend on more than the margin of chosen and rejected")
        if self.guard_chosen_drop is not None and (self.skip_shared or not objective.traits.reference):
            raise ValueError("guard_chosen_drop needs a loss with a reference, and skip_shared off")
        if self.sync_ref_model and not objective.traits.reference:
            raise ValueError(f"sync_ref_model: {self.loss_type} have no reference")
        return objective
