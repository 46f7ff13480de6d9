"""Whether a checkpoint is of this training: what must be the same to go on from it, and what may be another."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from trainer.data import Example
from trainer.errors import TrainingInputError

log = logging.getLogger(__name__)

FORMAT = 1
ORDER = ("global_batch_pairs", "train_sampling_strategy", "group_prompts", "dataloader_drop_last")
SCHEDULE = ("max_steps", "learning_rate", "lr_scheduler_type", "warmup_steps", "optim", "loss_type", "beta")


def describe_order(args: Any, examples: Sequence[Example]) -> dict[str, Any]:
    """What tells which examples a step holds; it must be the same."""
    seed = args.seed if args.data_seed is None else args.data_seed
    return {"examples": len(examples), "data": hash_examples(examples), "seed": seed} | _read(args, ORDER)


def describe_schedule(args: Any) -> dict[str, Any]:
    """What may be another, and is told."""
    return _read(args, SCHEDULE)


def check_same(folder: Path, kept: Mapping[str, Any], order: Mapping[str, Any], args: Any) -> None:
    """Raise TrainingInputError where the order of the data would be another one than a checkpoint's."""
    if kept["format"] != FORMAT:
        raise TrainingInputError(f"{folder} has format {kept['format']}; this version reads {FORMAT}")
    then = kept["order"]
    others = [f"{name} was {then.get(name)}, now {value}" for name, value in order.items() if then.get(name) != value]
    if others and not args.ignore_data_skip:
        raise TrainingInputError(
            f"{folder} cannot be resumed, because the order of the data would be another one: {'; '.join(others)}; "
            "set them as they were, or start anew from its weights"
        )
    for name, value in describe_schedule(args).items():
        if kept["schedule"].get(name) != value:
            log.warning("resumed with another %s: %s instead of %s", name, value, kept["schedule"].get(name))


@contextmanager
def told_as_unfit(folder: Path) -> Iterator[None]:
    """What is missing in a checkpoint's JSON, or of another kind, as TrainingInputError."""
    try:
        yield
    except TrainingInputError:
        raise
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        told = f"its JSON does not hold what it should ({type(error).__name__}: {error})"
        raise TrainingInputError(f"{folder} cannot be resumed: {told}") from error


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
