"""DPOTrainer: preference training against a reference.

The reference is the policy as it was at the start, or another model. Its log-probs are computed once, per token, before
the first update (reference.py); a model is kept only for losses that read its whole distribution, and for a reference
that moves.
"""

from __future__ import annotations

import copy
import math
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import torch
from transformers import PreTrainedModel

from trainer.batch import MicroBatch
from trainer.callbacks import FollowPolicy, Guard
from trainer.config import DPOConfig
from trainer.core import CoreTrainer, Rows, disable_dropout, on_each
from trainer.data import Example
from trainer.errors import ReferenceMismatch, TrainingInputError
from trainer.head import attach, find_head, inner_model
from trainer.layouts import choose_layout, request_for
from trainer.loading import load_model
from trainer.metrics import length_edges, preference_metrics
from trainer.origin import describe_weights, is_fresh
from trainer.reference import ReferenceCache, add_reference
from trainer.scores import Scores, make_scores
from trainer.sharding import keep_sum_exact, round_weights


class DPOTrainer(CoreTrainer):
    """Train a causal language model on pairs (or rankings, or labelled texts); see CoreTrainer and data.py.

    `ref_model` is a folder, a hub id or a model with the same tokenizer, whose own code is run with
    `trust_reference_code` alone; by default the reference is the start. Raises ReferenceMismatch when policy and
    reference differ at step 0 although they are the same model.
    """

    def __init__(
        self,
        model: str | PreTrainedModel,
        ref_model: str | PreTrainedModel | None = None,
        args: DPOConfig | None = None,
        train_dataset: Rows | None = None,
        eval_dataset: Rows | dict[str, Rows] | None = None,
        processing_class: Any = None,
        peft_config: Any = None,
        trust_remote_code: bool = False,
        trust_reference_code: bool = False,
        **options: Any,
    ) -> None:
        if args is None or train_dataset is None:
            raise ValueError("args and train_dataset are required")
        options["trust_remote_code"] = trust_remote_code
        super().__init__(model, args, train_dataset, eval_dataset, processing_class, peft_config, **options)
        if isinstance(ref_model, str):
            dtype = next(self.model.parameters()).dtype
            ref_model = load_model(ref_model, dtype, trust_remote_code=trust_reference_code)
        self._guard: Guard | None = None
        self._edges = length_edges(self.train_dataset)
        if args.guard_chosen_drop is not None:
            self._guard = Guard(args.guard_chosen_drop, args.guard_action)
            self.add_callback(self._guard)
        self._reference: Any = None
        self._own_reference = ref_model is None
        self._cache = ReferenceCache(Path(args.reference_cache).expanduser()) if args.reference_cache else None
        traits = self.objective.traits
        self._live = traits.kl or args.sync_ref_model
        if self._live and traits.mismatched:
            raise TrainingInputError("kto cannot be mixed with a live reference (tdpo1, tdpo2, sync_ref_model)")
        if traits.reference or traits.kl:
            if ref_model is not None or not (self._start["adapters"] and (self._live or is_fresh(self.model))):
                self._start["reference"] = describe_weights(self.model if ref_model is None else ref_model)
            self._take_reference(ref_model)

    @property
    def _stopped(self) -> bool:
        return self._guard is not None and self._guard.stopped

    def _take_reference(self, ref_model: PreTrainedModel | None) -> None:
        adapters = hasattr(self.model, "disable_adapter")
        reference: Any = ref_model if ref_model is not None else self.model
        if ref_model is None and self._live and not adapters:
            reference = self._copy_start()
        if self.args.sync_ref_model and (adapters or self.is_fsdp_enabled):
            raise TrainingInputError("sync_ref_model takes whole models: no adapters, no fsdp")
        if reference is not self.model:
            disable_dropout(reference)
            reference.to(self.args.device).eval().requires_grad_(False)
            attach(reference)
            if self.is_fsdp_enabled and self.low_precision is not None:
                keep_sum_exact(reference)
                if self._live:
                    round_weights(reference, self.low_precision)
        self._reference = reference
        self._reference_layout = self.layout
        if ref_model is not None:
            with self._computing(reference):
                self._reference_layout = choose_layout(
                    reference, self.train_dataset, self._pad, self.args.layout, self._budget
                )
            if self._live and type(self._reference_layout) is not type(self.layout):
                raise TrainingInputError("the live reference cannot take the policy's layout; set layout='padded'")
        self.model.eval()
        if not self._live:
            self.train_dataset = self._with_reference(self.train_dataset)
            self.eval_dataset = on_each(self.eval_dataset, self._with_reference)
            self._reference = None  # its memory is free again, where nobody else holds it
        elif self.args.sync_ref_model:
            a = self.args
            self.add_callback(FollowPolicy(reference, a.ref_model_mixup_alpha, a.ref_model_sync_steps))

    def _choose(self, wanted: Any) -> Path | None:
        """A reference that moves is not in checkpoints, so it cannot be resumed."""
        folder = super()._choose(wanted)
        if folder is not None and self.args.sync_ref_model:
            raise TrainingInputError("training with sync_ref_model cannot be resumed: its reference is not kept")
        return folder

    def _copy_start(self) -> Any:
        """A copy of the policy without the replaced forward, which would lead back into the policy."""
        plain = inner_model(self.model)
        forward, before = plain.__dict__.pop("forward"), plain.__dict__.pop("_errata_plain_forward")
        try:
            return copy.deepcopy(plain)
        finally:
            plain.forward, plain._errata_plain_forward = forward, before

    def _with_reference(self, examples: list[Example]) -> list[Example]:
        with self._computing(self._reference):
            return add_reference(
                self._reference,
                examples,
                self._reference_layout,
                pad=self._pad,
                budget=self._budget,
                cache=self._cache,
                rank=self.args.process_index,
                ranks=self.args.world_size,
            )

    def _reference_weights(self) -> AbstractContextManager[Any]:
        """Adapters are off while a live reference computes on the policy's own weights."""
        if self._own_reference and hasattr(self.model, "disable_adapter"):
            context: AbstractContextManager[Any] = self.model.disable_adapter()
            return context
        return nullcontext()

    def _prepare_rows(self, rows: Rows) -> list[Example]:
        """Rows given to `evaluate`: their reference log-probs are known only before the first update."""
        examples = super()._prepare_rows(rows)
        if self._live or not self.objective.traits.reference:
            return examples
        if self.state.global_step or not self._own_reference:
            raise TrainingInputError("the reference of these rows is not at hand any more: give them as eval_dataset")
        self._reference = self.model
        try:
            return self._with_reference(examples)
        finally:
            self._reference = None

    def _score(self, model: Any, batch: MicroBatch) -> Scores:
        if not self._live:
            return super()._score(model, batch)
        traits = self.objective.traits
        reference = self._reference
        prepared = self._reference_layout.prepare(inner_model(reference))
        with torch.no_grad(), self._reference_weights(), self._computing(reference), prepared:
            theirs = self._reference_layout.forward(reference, batch, request_for(batch, hidden=traits.kl))
        own_head = self._own_reference and hasattr(self.model, "disable_adapter")  # FSDP2 may hold it in shards
        against = (theirs["hidden_UD"], None if own_head else find_head(reference)) if traits.kl else None
        with self._computing(model):
            made = self.layout.forward(model, batch, request_for(batch, confidence=traits.confidence, against=against))
        return make_scores(batch, made, batch.spread(theirs["logps_U"]))

    def _measure(self, scores: Scores) -> dict[str, torch.Tensor]:
        sides = not (self.args.skip_shared and self.model.training)
        if self.model.training and self.state.global_step == 0 and self._own_reference and sides:
            self._check_start(scores)
        return preference_metrics(scores, self.objective.beta, self._edges, sides=sides)

    def _check_start(self, scores: Scores) -> None:
        """Where the reference is the start, every log-ratio is 0 before the first update, up to rounding."""
        if scores.reference_N is None or not len(scores.policy_N):
            return
        off = float((scores.policy_N.detach() - scores.reference_N).abs().mean())
        low = next(self.model.parameters()).dtype != torch.float32 or self.args.bf16 or self.args.fp16
        if not (math.isfinite(off) and off <= (0.1 if low else 1e-3)):
            raise ReferenceMismatch(
                f"at step 0 policy and reference log-probs differ by {off:.4g} nats a token, although they are "
                "the same model. Is dropout on, or the model changed since the reference was computed?"
            )
