"""DPOTrainer: `transformers.Trainer` with a preference loss inside.

Checkpoints, resume, logging, schedules and sharding are the library's. The reference is a snapshot of the policy at the
start: its log-probs are computed once, before the first update, and kept with the rows.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedModel, Trainer

from trainer.config import DPOConfig
from trainer.data import TokenPair, tokenize_rows
from trainer.errors import ReferenceMismatch
from trainer.layouts import LAYOUTS
from trainer.losses.dpo import dpo
from trainer.losses.sft import sft
from trainer.metrics import MetricBuffer, preference_metrics
from trainer.reference import reference_logps

Rows = Iterable[Mapping[str, Any]]


class DPOTrainer(Trainer):
    """Train a causal language model on pairs of prompt, chosen and rejected.

    `model` is a folder, a hub id or a loaded model; `train_dataset` and `eval_dataset` are anything that yields rows
    with `prompt`, `chosen`, `rejected` (a `datasets` split, a list of dicts). Raises TrainingInputError for rows that
    cannot be trained on, ReferenceMismatch when policy and reference differ at step 0.
    """

    def __init__(
        self,
        model: str | PreTrainedModel,
        args: DPOConfig,
        train_dataset: Rows,
        eval_dataset: Rows | None = None,
        processing_class: Any = None,
        **options: Any,
    ) -> None:
        if isinstance(model, str):
            processing_class = processing_class or AutoTokenizer.from_pretrained(model)
            model = AutoModelForCausalLM.from_pretrained(model, dtype="auto")
        processing_class = processing_class or AutoTokenizer.from_pretrained(model.config._name_or_path)
        disable_dropout(model)
        pad = processing_class.pad_token_id
        self.layout = LAYOUTS[args.layout](processing_class.eos_token_id if pad is None else pad)
        self.beta, self.nll_weight = args.beta, args.nll_weight
        self._metrics = {"train": MetricBuffer(), "eval": MetricBuffer()}
        limits: dict[str, Any] = {"max_length": args.max_length, "overlong": args.overlong}
        train_pairs = tokenize_rows(train_dataset, processing_class, **limits)
        eval_pairs = None if eval_dataset is None else tokenize_rows(eval_dataset, processing_class, **limits)
        super().__init__(
            model=model,
            args=args,
            train_dataset=train_pairs,
            eval_dataset=eval_pairs,
            processing_class=processing_class,
            data_collator=self._collate,
            **options,
        )
        self.model_accepts_loss_kwargs = False  # our loss is a mean over pairs, not over tokens of the whole step
        batch_size = args.per_device_eval_batch_size
        self.train_dataset = self._with_reference(train_pairs, batch_size)
        if eval_pairs is not None:
            self.eval_dataset = self._with_reference(eval_pairs, batch_size)

    def _with_reference(self, pairs: Sequence[TokenPair], batch_size: int) -> list[tuple[TokenPair, torch.Tensor]]:
        self.model.eval()
        logps_P2 = reference_logps(self.model, pairs, self.layout, batch_size=batch_size)
        return list(zip(pairs, logps_P2, strict=True))

    def _collate(self, items: Sequence[tuple[TokenPair, torch.Tensor]]) -> dict[str, torch.Tensor]:
        batch = self.layout.collate([pair for pair, _ in items])
        batch["reference_P2"] = torch.stack([logps for _, logps in items])
        return batch

    def compute_loss(
        self, model: Any, inputs: dict[str, torch.Tensor], return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        """Mean loss over the batch's pairs."""
        reference_P2 = inputs.pop("reference_P2")
        policy_P2, tokens_P2 = self.layout.logps(model, inputs)
        preference = dpo(*policy_P2.T, *reference_P2.T, beta=self.beta).mean()
        if model.training and self.state.global_step == 0:
            self._check_start(preference.item(), policy_P2, reference_P2)
        nll = sft(policy_P2[:, 0], tokens_P2[:, 0]).mean()
        loss = preference + self.nll_weight * nll
        metrics = preference_metrics(policy_P2, reference_P2, self.beta)
        metrics |= {"loss/dpo": preference.item(), "nll/chosen": nll.item()}
        self._metrics["train" if model.training else "eval"].add(metrics, len(policy_P2))
        return (loss, {"policy_P2": policy_P2}) if return_outputs else loss

    def _check_start(self, preference: float, policy_P2: torch.Tensor, reference_P2: torch.Tensor) -> None:
        """Where the reference is the start snapshot, each margin is 0 and the loss ln 2, up to rounding."""
        low = next(self.model.parameters()).dtype != torch.float32 or self.args.bf16 or self.args.fp16
        limit = 0.05 if low else 1e-3
        if not abs(preference - math.log(2)) <= limit:
            off = (policy_P2 - reference_P2).abs().max().item()
            raise ReferenceMismatch(
                f"at step 0 the loss is {preference:.5f}, not ln 2 = {math.log(2):.5f}: policy and reference log-probs "
                f"differ by up to {off:.4g} nats. Is dropout on, or the model changed since the reference was computed?"
            )

    def prediction_step(
        self, model: Any, inputs: dict[str, Any], prediction_loss_only: bool, ignore_keys: list[str] | None = None
    ) -> tuple[torch.Tensor, None, None]:
        """Evaluation needs the loss and the metrics alone."""
        with torch.no_grad():
            loss = self.compute_loss(model, self._prepare_inputs(inputs))
        return loss.detach(), None, None

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        """Add the preference metrics to the line."""
        evaluating = any(name.startswith("eval_") for name in logs)
        collected = self._metrics["eval" if evaluating else "train"].drain()
        super().log({**logs, **{f"eval_{n}" if evaluating else n: value for n, value in collected.items()}}, start_time)


def disable_dropout(model: torch.nn.Module) -> None:
    """Set every dropout to 0, those that attention reads from the configuration included."""
    for module in model.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
        for name in ("attention_dropout", "dropout"):
            if isinstance(getattr(module, name, None), float):
                setattr(module, name, 0.0)
