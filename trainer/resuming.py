"""`transformers.Trainer` with checkpoints of our own: the same folder for one process and for many, sharded or not.

What is kept, and how, stands in checkpoints.py. A step is the same pairs on any number of processes, so training goes
on where it was on fewer or more of them. What cannot be gone on from says so: other data, another batch, another order.
"""

from __future__ import annotations

import logging
import shutil
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from accelerate.utils import gather_object
from transformers import Trainer
from transformers.trainer_callback import ExportableState
from transformers.trainer_utils import SaveStrategy, rotate_checkpoints

from trainer.checkpoints import (
    OPTIMIZER,
    STATE,
    TRAINER_STATE,
    WEIGHTS,
    begin,
    choose_checkpoint,
    find_flaw,
    finish,
    hash_state,
    newest_checkpoint,
    read_tensors,
    write_tensors,
)
from trainer.disk import check_seen_by_all, find_blind, move_model, on_main, read_json, told_of, write_json
from trainer.errors import TrainingInputError
from trainer.optimizer_state import plain, read_schedule, read_state, write_state
from trainer.random_state import put_random_state, take_random_state
from trainer.same import FORMAT, check_same, describe_order, describe_schedule, read_kept
from trainer.sharding import gather_weights, name_parameters, name_weights, set_up

log = logging.getLogger(__name__)


class ResumableTrainer(Trainer):
    """Saves and resumes. `train(resume_from_checkpoint=…)` takes a folder, True for the newest whole one, or "last" for
    that one where there is any.

    Raises TrainingInputError for what cannot be resumed, NotSaved where the disk refuses.
    """

    args: Any
    control: Any
    state: Any
    train_dataset: Any
    _start: dict[str, Any]
    """What training began with, as JSON (origin.py)."""

    def create_accelerator_and_postprocess(self) -> None:
        """As the library does it, with FSDP2 as this trainer wants it, on CPUs, too."""
        super().create_accelerator_and_postprocess()
        self.is_fsdp_enabled = set_up(self.accelerator, self.args.fsdp_plugin_args, self.low_precision)

    @property
    def low_precision(self) -> torch.dtype | None:
        """What weights are rounded to for computing."""
        return torch.bfloat16 if self.args.bf16 else torch.float16 if self.args.fp16 else None

    @property
    def _together(self) -> bool:
        return bool(self.args.world_size > 1)

    @property
    def _trained_only(self) -> bool:
        """Whether adapters are trained, so that the base is left out of what is kept."""
        return hasattr(self.model, "peft_config")

    @property
    def _stopped(self) -> bool:
        """Whether a guard stopped it."""
        return False

    # --- going on ---

    def train(self, resume_from_checkpoint: Any = None, **options: Any) -> Any:
        """As transformers.Trainer.train."""
        folder = self._choose(resume_from_checkpoint) if resume_from_checkpoint else None
        if folder is not None:
            check_same(folder, read_kept(folder), self._order, self._start, self.args)
        if self._together and self.args.save_strategy != SaveStrategy.NO:
            check_seen_by_all(Path(self.args.output_dir), self.is_world_process_zero())
        return super().train(resume_from_checkpoint=None if folder is None else str(folder), **options)

    def _choose(self, wanted: Any) -> Path | None:
        """The checkpoint that is meant, chosen by the main process for all of them, and seen by all."""
        found = on_main(self.is_world_process_zero(), lambda: choose_checkpoint(wanted, Path(self.args.output_dir)))
        if found is None:
            return None
        folder, digest = Path(found[0]), found[1]
        blind = find_blind(lambda: hash_state(folder) == digest and find_flaw(folder) is None)
        if blind:
            raise TrainingInputError(
                f"{folder} is not seen by processes {blind} as the first one sees it: checkpoints lie on storage that "
                "all machines share"
            )
        return folder

    @cached_property
    def _order(self) -> dict[str, Any]:
        return describe_order(self.args, self.train_dataset)

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: Any = None) -> None:
        folder = Path(resume_from_checkpoint)
        weights = name_weights(self.model if model is None else model, trained_only=self._trained_only)
        held = folder / WEIGHTS if (folder / WEIGHTS).is_dir() else folder
        read_tensors(held, weights, together=self._together)
        log.info("weights of %s", folder)

    def _load_best_model(self) -> None:
        log.info("best: %s (%s)", self.state.best_model_checkpoint, self.state.best_metric)
        self._load_from_checkpoint(self.state.best_model_checkpoint)

    def _load_optimizer_and_scheduler(self, checkpoint: str | None) -> None:
        if checkpoint is None:
            return
        folder = Path(checkpoint)
        weights = name_parameters(self.model)
        kept = read_json(folder / STATE)
        read_state(self.optimizer, weights, folder / OPTIMIZER, kept["optimizer"], together=self._together)
        read_schedule(self.lr_scheduler, self.optimizer, kept["scheduler"])

    def _load_scaler(self, checkpoint: str | None) -> None:
        scaler = getattr(self.accelerator, "scaler", None)
        kept = None if checkpoint is None else read_json(Path(checkpoint) / STATE)["scaler"]
        if kept is not None and scaler is not None:
            scaler.load_state_dict(kept)

    def _load_rng_state(self, checkpoint: str | None) -> None:
        if checkpoint is not None:
            states = read_json(Path(checkpoint) / STATE)["random"]
            put_random_state(states[self.args.process_index % len(states)])

    def _run_epoch(self, *given: Any, epoch: int, train_dataloader: Any, **named: Any) -> Any:
        """As the library does it; but a training that has made all its steps makes no further one."""
        if self.state.global_step >= self.state.max_steps:
            self.control.should_training_stop = True
            return None
        train_dataloader.set_epoch(epoch)  # what the library makes of it to skip batches may not pass that on
        return super()._run_epoch(*given, epoch=epoch, train_dataloader=train_dataloader, **named)

    # --- saving ---

    def _save_checkpoint(self, model: Any, trial: Any) -> None:
        self.store_flos()
        output, step = Path(self._get_output_dir(trial)), self.state.global_step
        final, fresh = output / f"checkpoint-{step}", output / f".checkpoint-{step}.tmp"
        if self.state.best_global_step:
            best = output / f"checkpoint-{self.state.best_global_step}"
            self.state.best_model_checkpoint = str(best) if best == final or best.is_dir() else None
        is_main = self.is_world_process_zero()
        with told_of(str(final), lambda: _advise(output)):
            try:
                on_main(is_main, lambda: begin(output, fresh))
                if self.args.save_only_model:
                    self.save_model(str(fresh), _internal_call=True)
                    if self._trained_only:  # load_best_model_at_end reads them
                        weights = name_weights(self.model, trained_only=True)
                        write_tensors(fresh / WEIGHTS, weights, together=self._together)
                else:
                    self._write_checkpoint(fresh)
                on_main(is_main, lambda: finish(fresh, final))
            except BaseException:
                if is_main:
                    shutil.rmtree(fresh, ignore_errors=True)  # makes room again
                raise
        if self.args.push_to_hub:
            self._push_from_checkpoint(str(final))
        if is_main:
            limit, best_one = self.args.save_total_limit, self.state.best_model_checkpoint
            rotate_checkpoints(str(output), save_total_limit=limit, best_model_checkpoint=best_one, use_mtime=True)

    def _write_checkpoint(self, folder: Path) -> None:
        """Write everything but the list of files. All processes take part; what all of them hold, one writes."""
        adapters, many = self._trained_only, self._together
        weights = name_weights(self.model, trained_only=adapters)
        alone = not (adapters or self.is_fsdp_enabled)
        if not alone:
            write_tensors(folder / WEIGHTS if adapters else folder, weights, together=many)
        gathered = gather_weights(self.model, trained_only=True) if adapters and self.is_fsdp_enabled else None
        scaler = getattr(self.accelerator, "scaler", None)
        told = {
            "format": FORMAT,
            "processes": self.args.world_size,
            "order": self._order,
            "schedule": describe_schedule(self.args),
            "start": self._start,
            "stopped": self._stopped and self.state.global_step < self.state.max_steps,
            "optimizer": write_state(self.optimizer, name_parameters(self.model), folder / OPTIMIZER, together=many),
            "scheduler": plain(self.lr_scheduler.state_dict(), "the schedule's state"),
            "scaler": None if scaler is None else plain(scaler.state_dict(), "the scaler's state"),
            "random": gather_object([take_random_state()]),
        }

        def write_rest() -> None:
            if alone:
                write_tensors(folder, weights, together=False)
            self._describe_model(folder, gathered)
            write_json(folder / STATE, told)
            for one in (*self.callback_handler.callbacks, self.control):
                if isinstance(one, ExportableState):
                    held, name = self.state.stateful_callbacks, type(one).__name__
                    held[name] = [*held[name], one.state()] if isinstance(held[name], list) else one.state()
            self.state.save_to_json(str(folder / TRAINER_STATE))

        on_main(self.is_world_process_zero(), write_rest)

    def _describe_model(self, folder: Path, adapter: dict[str, torch.Tensor] | None) -> None:
        """What makes the folder of a checkpoint one that others can load: all but the weights, or an adapter."""
        model = self.accelerator.unwrap_model(self.model, keep_torch_compile=False)
        if self._trained_only:
            model.save_pretrained(str(folder), state_dict=adapter)
        else:
            model.config.save_pretrained(str(folder))
            if model.can_generate():
                model.generation_config.save_pretrained(str(folder))
        self.processing_class.save_pretrained(str(folder))

    def save_model(self, output_dir: str | None = None, _internal_call: bool = False) -> None:
        """Save the whole model as `from_pretrained` reads it, in safetensors; another one goes when it is written."""
        folder = Path(output_dir or self.args.output_dir)
        gathered = gather_weights(self.model, trained_only=self._trained_only) if self.is_fsdp_enabled else None

        def save() -> None:
            fresh = folder / ".model.tmp"
            shutil.rmtree(fresh, ignore_errors=True)
            self._save(str(fresh), gathered)
            (fresh / "training_args.bin").unlink(missing_ok=True)  # a pickle, and nothing reads it
            move_model(fresh, folder)

        with told_of(f"the model in {folder}", lambda: _advise(Path(self.args.output_dir))):
            on_main(self.is_world_process_zero(), save)
        if self.args.push_to_hub and not _internal_call:
            self.push_to_hub(commit_message="Model save", revision=self.args.hub_revision)


def _advise(output: Path) -> str:
    before = newest_checkpoint(output)
    return "make room and start again" if before is None else f"make room and go on from {before}"
