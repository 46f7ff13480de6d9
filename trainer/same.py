"""Whether a checkpoint is of this training: what must be the same to go on from it, and what may be another."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
from transformers.trainer_callback import TrainerState

from trainer.checkpoints import STATE, TRAINER_STATE
from trainer.data import Example
from trainer.disk import read_json
from trainer.errors import TrainingInputError
from trainer.origin import find_changes

log = logging.getLogger(__name__)

FORMAT = 2
ORDER = ("global_batch_pairs", "train_sampling_strategy", "group_prompts", "dataloader_drop_last")
SCHEDULE = (
    *("max_steps", "num_train_epochs", "learning_rate", "lr_scheduler_type", "warmup_steps"),
    *("optim", "optim_args", "weight_decay", "adam_beta1", "adam_beta2", "adam_epsilon", "max_grad_norm"),
    *("loss_type", "loss_weights", "loss_options", "beta", "label_smoothing", "guard_chosen_drop", "guard_action"),
)
SHAPE: dict[str, Any] = {
    "order": dict,
    "schedule": dict,
    "start": dict,
    "stopped": bool,
    "optimizer": dict,
    "scheduler": dict,
    "scaler": dict | None,
    "random": list,
}
"""What state.json holds, beside its format."""
EARLIER = "take an earlier checkpoint"


def describe_order(args: Any, examples: Sequence[Example]) -> dict[str, Any]:
    """What tells which examples a step holds; it must be the same."""
    seed = args.seed if args.data_seed is None else args.data_seed
    return {"examples": len(examples), "data": hash_examples(examples), "seed": seed} | _read(args, ORDER)


def describe_schedule(args: Any) -> dict[str, Any]:
    """What may be another, and is told."""
    return _read(args, SCHEDULE)


def check_same(
    folder: Path, kept: Mapping[str, Any], order: Mapping[str, Any], start: dict[str, Any], args: Any
) -> None:
    """Raise TrainingInputError where a checkpoint is of another model, adapter or reference, or of another order of the
    data, or where the guard stopped what would go on as it was."""
    changes = find_changes(kept["start"], start)
    if changes:
        raise TrainingInputError(
            f"{folder} cannot be resumed, because it is of another training: {'; '.join(changes)}; "
            "give what it began with, or another output_dir"
        )
    then = kept["order"]
    others = [f"{name} was {then.get(name)}, now {value}" for name, value in order.items() if then.get(name) != value]
    if others and not args.ignore_data_skip:
        raise TrainingInputError(
            f"{folder} cannot be resumed, because the order of the data would be another one: {'; '.join(others)}; "
            "set them as they were, or start anew from its weights"
        )
    changed = {name: value for name, value in describe_schedule(args).items() if kept["schedule"].get(name) != value}
    if kept["stopped"] and not changed:
        raise TrainingInputError(
            f"{folder} cannot be resumed as it was: the guard stopped it there; set another guard_chosen_drop, "
            "learning_rate, beta or loss, or guard_action='warn'"
        )
    for name, value in changed.items():
        log.warning("resumed with another %s: %s instead of %s", name, value, kept["schedule"].get(name))


def read_kept(folder: Path) -> dict[str, Any]:
    """The content of a checkpoint's state.json.

    Raises TrainingInputError where it, or trainer_state.json, does not hold what this version writes.
    """
    kept, state = _read_object(folder / STATE), _read_object(folder / TRAINER_STATE)
    if kept.get("format") != FORMAT:
        raise TrainingInputError(f"{folder} has format {kept.get('format')}; this version reads {FORMAT}")
    wrong = next((name for name, kind in SHAPE.items() if name not in kept or not isinstance(kept[name], kind)), None)
    if wrong is None and not (kept["random"] and all(isinstance(one, dict) for one in kept["random"])):
        wrong = "random"
    groups, values = (kept["optimizer"].get(name) if wrong is None else None for name in ("groups", "values"))
    if wrong is None and not (isinstance(groups, list) and isinstance(values, dict) and all(map(_is_group, groups))):
        wrong = "optimizer"
    if wrong is not None:
        raise _unfit(folder / STATE, f"its {wrong!r} is missing, or not as this trainer writes it")
    if strange := sorted(state.keys() - {field.name for field in fields(TrainerState)}):
        raise _unfit(folder / TRAINER_STATE, f"has {strange[0]!r}, which transformers does not know")
    return kept


def _is_group(group: Any) -> bool:
    kinds = {"weights": list, "settings": dict}
    return isinstance(group, dict) and all(isinstance(group.get(name), kind) for name, kind in kinds.items())


def _read_object(file: Path) -> dict[str, Any]:
    try:
        told = read_json(file)
    except (ValueError, RecursionError) as error:
        raise _unfit(file, f"is not JSON: {error}") from error
    if not isinstance(told, dict):
        raise _unfit(file, "is not an object")
    return told


def _unfit(file: Path, why: str) -> TrainingInputError:
    return TrainingInputError(f"{file.parent} cannot be resumed: {file.name}: {why}; {EARLIER}")


def hash_examples(examples: Sequence[Example]) -> str:
    """Hash of all that training reads of the examples, in their order."""
    digest = hashlib.blake2b(digest_size=16)
    for example in examples:
        lengths = (len(example.prompt), *map(len, example.texts))
        ids = (*example.prompt, *(token for text in example.texts for token in text))
        digest.update(np.array([*lengths, *ids], dtype=np.int64).tobytes())
        digest.update(np.array([example.desirable, example.weight, example.margin]).tobytes())
    return digest.hexdigest()


def _read(args: Any, names: Sequence[str]) -> dict[str, Any]:
    values = {name: getattr(args, name, None) for name in names}
    return {name: getattr(value, "value", value) for name, value in values.items()}  # of an enumeration, its word
