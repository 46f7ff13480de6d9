"""CoreTrainer: `transformers.Trainer` whose step is a number of examples, packed into micro-batches of tries.

Checkpoints, resume, schedules, optimisers, logging and sharding are the library's. Ours is what happens in a step:
one loader item holds a rank's whole step; its micro-batches run one after the other, and the loss is the mean over the
step's examples on all ranks, whatever the packing.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import torch
from accelerate.utils import gather_object
from transformers import PreTrainedModel

from trainer.batch import MicroBatch
from trainer.config import CoreConfig
from trainer.data import Example, Form, add_mismatched, tokenize_rows
from trainer.errors import NonFiniteLoss, TrainingInputError
from trainer.head import attach, inner_model
from trainer.layouts import choose_layout, request_for
from trainer.loading import load_model, load_tokenizer
from trainer.metrics import MetricBuffer, merge_means, text_metrics
from trainer.origin import describe_adapters, describe_weights
from trainer.resuming import ResumableTrainer
from trainer.scores import Scores, join_scores, make_scores
from trainer.sharding import keep_sum_exact, rounded_weights
from trainer.speed import Speedometer
from trainer.steps import Step, StepLoader, StepMaker, StepSampler

log = logging.getLogger(__name__)

Rows = Iterable[Mapping[str, Any]]


class CoreTrainer(ResumableTrainer):
    """What preference training and supervised training share.

    `model` is a folder or a hub id (then loaded in fp32, or as stored under a `peft_config`; `bf16=True` computes in
    bf16 on fp32 weights), or a loaded model; datasets are anything that yields rows (see data.py); with a
    `peft_config` the model gets adapters. `trust_remote_code` runs the Python code that a folder or repository brings.
    Raises TrainingInputError for rows that cannot be trained on, and for a model that cannot be loaded.
    """

    form: Form = "preference"
    eval_dataset: Any

    def __init__(
        self,
        model: str | PreTrainedModel,
        args: CoreConfig,
        train_dataset: Rows,
        eval_dataset: Rows | dict[str, Rows] | None = None,
        processing_class: Any = None,
        peft_config: Any = None,
        trust_remote_code: bool = False,
        **options: Any,
    ) -> None:
        if isinstance(model, str):
            processing_class = processing_class or load_tokenizer(model, trust_remote_code=trust_remote_code)
            # Updates of 1e-6 vanish in bf16 weights: fp32 ones, unless adapters alone are trained.
            model = load_model(model, "auto" if peft_config else torch.float32, trust_remote_code=trust_remote_code)
        processing_class = processing_class or load_tokenizer(model.config._name_or_path)
        if peft_config is not None:
            from peft import get_peft_model

            model = get_peft_model(model, peft_config)
        if getattr(model, "is_distributed_loading_by_transformers", False):
            raise TrainingInputError("the model was sharded as it was loaded; load it whole, and shard it with fsdp")
        disable_dropout(model)
        self.objective = args.make_objective()
        self._limits: dict[str, Any] = {"max_length": args.max_length, "overlong": args.overlong, "form": self.form}
        train_examples = self._read(train_dataset, processing_class)
        eval_examples = on_each(eval_dataset, lambda rows: self._read(rows, processing_class))
        super().__init__(
            model=model,
            args=args,
            train_dataset=train_examples,
            eval_dataset=eval_examples,
            processing_class=processing_class,
            **options,
        )
        self._show(train_examples[0])
        self.model_accepts_loss_kwargs = False  # our loss is a mean over examples, not over tokens of the whole step
        pad = processing_class.pad_token_id
        self._pad: int = processing_class.eos_token_id if pad is None else pad
        self._buffers = {"train": MetricBuffer(), "eval": MetricBuffer()}
        attach(self.model)
        self.model.eval()
        adapters = describe_adapters(self.model)
        self._start = {"adapters": adapters, "base": describe_weights(self.model, frozen=True) if adapters else None}
        held_out = eval_examples.values() if isinstance(eval_examples, dict) else [eval_examples or ()]
        self._budget = args.token_budget([*train_examples, *(e for part in held_out for e in part)])
        if self.args.device.type == "cuda":
            self.model.to(self.args.device)  # under FSDP the library would move it later; the passes before are ours
        if self.is_fsdp_enabled and self.low_precision is not None:
            keep_sum_exact(self.model)
        with self._computing(self.model):
            self.layout = choose_layout(self.model, train_examples, self._pad, args.layout, self._budget)
        if args.gradient_checkpointing and hasattr(self.model, "enable_input_require_grads") and peft_config:
            self.model.enable_input_require_grads()
        self._speed = Speedometer(self.model, self.args.device)

    def _read(self, rows: Rows, tokenizer: Any) -> list[Example]:
        examples = tokenize_rows(rows, tokenizer, **self._limits)
        traits = self.objective.traits
        names = ", ".join(part.name for part in self.objective.parts)
        for example in examples:
            count = len(example.completions)
            if count == 1 and not traits.single:
                raise TrainingInputError(f"{example.where}: a single completion; loss {names} needs pairs")
            if count > 2 and not traits.ranked:
                raise TrainingInputError(
                    f"{example.where}: {count} completions; loss {names} takes pairs, not rankings"
                )
            if example.margin and not traits.margins:
                raise TrainingInputError(f"{example.where}: has a margin, which loss {names} does not take")
        return add_mismatched(examples) if traits.mismatched else examples

    def _show(self, example: Example) -> None:
        """Log one example as the model reads it: the surest look at templates and end tokens."""
        decode = self.processing_class.decode
        texts = "".join(f"\n  {k}: {decode(text)!r}" for k, text in enumerate(example.completions))
        log.info("one example, prompt: %r%s", decode(example.prompt), texts)

    # --- what a step is ---

    def _make_step(self, *, skip_shared: bool = False) -> StepMaker:
        a = self.args
        how: dict[str, Any] = {"skip_shared": skip_shared, "weigh": self._speed.weigh, "lockstep": self.is_fsdp_enabled}
        return StepMaker(self.layout, self._pad, self._budget, a.process_index, a.world_size, **how)

    def get_train_dataloader(self) -> StepLoader:
        """A loader whose items are whole steps of this rank."""
        a = self.args
        sampler = StepSampler(
            self.train_dataset,
            a.global_batch_pairs,
            seed=a.seed if a.data_seed is None else a.data_seed,
            shuffle=a.train_sampling_strategy != "sequential",
            group=a.group_prompts,
            drop_last=a.dataloader_drop_last,
        )
        workers = {"num_workers": a.dataloader_num_workers}
        make = self._make_step(skip_shared=getattr(a, "skip_shared", False))
        return StepLoader(self.train_dataset, sampler, make, **workers)

    def training_step(self, model: Any, inputs: Step, num_items_in_batch: Any = None) -> torch.Tensor:
        """Forward and backward of a whole step; returns the loss, whose mean over ranks is the step's."""
        model.train()
        if callable(getattr(self.optimizer, "train", None)):
            self.optimizer.train()
        with self.layout.prepare(self._plain_model()):
            loss = self._learn(model, inputs["batches"], inputs["pairs"])
        if not math.isfinite(loss):
            wheres = sorted({where for batch in inputs["batches"] for where in batch.wheres})
            raise NonFiniteLoss(
                f"the loss is {loss.item()} at step {self.state.global_step}; lower the learning rate, or look at the "
                f"data: {', '.join(wheres[:20])}{' ...' if len(wheres) > 20 else ''}"
            )
        return loss

    def _learn(self, model: Any, batches: Sequence[MicroBatch], pairs: int) -> torch.Tensor:
        ranks = self.args.world_size
        batches = [batch.to(self.args.device) for batch in batches]
        together = self.objective.traits.coupled and (len(batches) > 1 or ranks > 1)
        loss = torch.zeros((), device=self.args.device)
        if together:
            loss, gradients = self._joint_gradients(model, batches, pairs)
        for number, batch in enumerate(batches):
            with self._hold_sync(model, last=number == len(batches) - 1):
                scores = self._score(model, batch)
                if together:
                    # The loss of the whole step to first order: the same gradient (GradCache, arXiv 2101.06983).
                    products = [(v * g).sum() for v, g in zip(_leaves(scores), gradients[number], strict=True)]
                    part = torch.stack(products).sum() * ranks
                else:
                    losses_P, parts = self.objective(scores)
                    part = losses_P.sum() * (0.0 if batch.ghost else ranks / pairs)
                    loss = loss + part.detach()
                    self._note(batch, {f"loss/{name}": values for name, values in parts.items()})
                self.accelerator.backward(part)
            self._note(batch, self._measure(scores))
            if not batch.ghost:
                self._speed.add(batch)
        return loss

    def _hold_sync(self, model: Any, *, last: bool) -> AbstractContextManager[Any]:
        """DDP reduces gradients once, after the last micro-batch; FSDP2 after each, since it holds only shards."""
        if last or not isinstance(model, torch.nn.parallel.DistributedDataParallel):
            return nullcontext()
        context: AbstractContextManager[Any] = self.accelerator.no_sync(model)
        return context

    def _joint_gradients(
        self, model: Any, batches: Sequence[MicroBatch], pairs: int
    ) -> tuple[torch.Tensor, list[list[torch.Tensor]]]:
        """Of a loss that couples examples, over the whole step: its value, and its gradient at each batch's scores."""
        with torch.no_grad():
            own = [self._score(model, batch) for batch in batches]
        mine = [None if batch.ghost else scores.to("cpu") for batch, scores in zip(batches, own, strict=True)]
        gathered: list[list[Scores | None]] = gather_object([mine])
        joined = join_scores([scores for rank in gathered for scores in rank if scores is not None])
        leaves = [values.requires_grad_() for values in _leaves(joined)]
        losses_P, parts = self.objective(joined)
        loss = losses_P.sum() / pairs
        grads = torch.autograd.grad(loss, leaves)
        start = sum(len(s.policy_N) for rank in gathered[: self.args.process_index] for s in rank if s is not None)
        slices = []
        for batch, scores in zip(batches, own, strict=True):
            size = len(scores.policy_N)
            if batch.ghost:
                slices.append([torch.zeros_like(values) for values in _leaves(scores)])
                continue
            slices.append([g[start : start + size].to(self.args.device) for g in grads])
            start += size
        if self.is_world_process_zero():
            self._buffers["train"].add({f"loss/{name}": values for name, values in parts.items()})
        return loss.detach().to(self.args.device), slices

    def _score(self, model: Any, batch: MicroBatch) -> Scores:
        """The policy's log-probs of a micro-batch."""
        with self._computing(model):
            made = self.layout.forward(model, batch, request_for(batch, confidence=self.objective.traits.confidence))
        return make_scores(batch, made)

    # --- what is told ---

    def _measure(self, scores: Scores) -> dict[str, torch.Tensor]:
        return text_metrics(scores)

    def _note(self, batch: MicroBatch, vectors: Mapping[str, torch.Tensor]) -> None:
        if not batch.ghost:
            self._buffers["train"].add(vectors)

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        """Add the means over all ranks' examples since the last line, and the speed."""
        if "loss" in logs:
            sums = self._buffers["train"].drain()
            means = merge_means(gather_object([sums]))
            logs = {**logs, **means, **self._speed.read()}
        super().log(logs, start_time)

    def floating_point_ops(self, inputs: Step) -> float:
        """Of one step, forward and backward, distinct tokens only."""
        return sum(self._speed.flops(batch) for batch in inputs["batches"] if not batch.ghost)

    @torch.no_grad()
    def evaluate(
        self, eval_dataset: Any = None, ignore_keys: list[str] | None = None, metric_key_prefix: str = "eval"
    ) -> dict[str, float]:
        """Loss and metrics over `eval_dataset` (rows, or a dict of them by name; by default the trainer's own)."""
        rows = self.eval_dataset if eval_dataset is None else eval_dataset
        if rows is None:
            raise TrainingInputError("there is no eval_dataset to evaluate on")
        if isinstance(rows, dict):
            made: dict[str, float] = {}
            for name, part in rows.items():
                made |= self.evaluate(part, metric_key_prefix=f"{metric_key_prefix}_{name}")
            return made
        ready = isinstance(rows, list) and bool(rows) and isinstance(rows[0], Example)
        examples = rows if ready else self._prepare_rows(rows)
        model, make = self.model_wrapped, self._make_step()
        model.eval()
        buffer, size = self._buffers["eval"], self.args.global_batch_pairs
        for start in range(0, len(examples), size):
            scored = []
            for batch in make(examples[start : start + size])["batches"]:
                moved = batch.to(self.args.device)
                with self.layout.prepare(self._plain_model()):
                    scores = self._score(model, moved)
                if not batch.ghost:
                    scored.append(scores)
                    buffer.add(self._measure(scores))
            if self.objective.traits.coupled and self.args.world_size > 1:
                every = gather_object([[scores.to("cpu") for scores in scored]])
                scored = [scores for rank in every for scores in rank] if self.is_world_process_zero() else []
            if scored:
                losses_P, parts = self.objective(join_scores(scored))
                buffer.add({"loss": losses_P, **{f"loss/{name}": values for name, values in parts.items()}})
        sums = buffer.drain()
        means = merge_means(gather_object([sums]))
        metrics = {f"{metric_key_prefix}_{name}": value for name, value in means.items()}
        super().log(metrics)
        self.control = self.callback_handler.on_evaluate(self.args, self.state, self.control, metrics)
        return metrics

    def _prepare_rows(self, rows: Rows) -> list[Example]:
        return self._read(rows, self.processing_class)

    @contextmanager
    def _computing(self, model: Any) -> Iterator[None]:
        """The precision that all passes compute in, in training and outside of it."""
        dtype = self.low_precision
        if dtype is None:
            yield
            return
        rounded = rounded_weights(model, dtype) if self.is_fsdp_enabled else nullcontext()
        with rounded, torch.autocast(self.args.device.type, dtype=dtype):
            yield

    def _plain_model(self) -> Any:
        return inner_model(self.accelerator.unwrap_model(self.model, keep_torch_compile=False))


def _leaves(scores: Scores) -> list[torch.Tensor]:
    """What of the scores carries gradients."""
    return [scores.policy_N] if scores.kl_N is None else [scores.policy_N, scores.kl_N]


def on_each(dataset: Any, function: Callable[[Any], Any]) -> Any:
    """Apply a function to a data set, or to each one of several by name; None stays None."""
    if isinstance(dataset, dict):
        return {name: function(part) for name, part in dataset.items()}
    return None if dataset is None else function(dataset)


def disable_dropout(model: torch.nn.Module) -> None:
    """Set every dropout to 0, those that attention reads from the configuration included."""
    for module in model.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
        for name in ("attention_dropout", "dropout"):
            if isinstance(getattr(module, name, None), float):
                setattr(module, name, 0.0)
