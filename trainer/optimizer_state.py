"""An optimizer's state by the names of the weights: what a checkpoint keeps, whoever holds which part of it.

Tensors of a weight's own shape are sharded as it is; others (step counts, factored moments) are the same everywhere.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch.distributed.tensor import DTensor
from torch.optim.lr_scheduler import LambdaLR

from trainer.checkpoints import list_tensors, read_tensors, write_tensors
from trainer.errors import TrainingInputError

log = logging.getLogger(__name__)

Weights = Mapping[str, torch.nn.Parameter]
ADVICE = "take another one, or save_strategy='no'"
GIVEN = ("weight_decay", "betas", "eps")
"""Settings of a group that are this training's own, and not what they were."""
SEPARATOR = "/"
"""Stands between the name of a state and that of its weight, in which it never occurs."""


def write_state(optimizer: Any, weights: Weights, folder: Path, *, together: bool) -> dict[str, Any]:
    """Write the tensors of all states; returns the other values and the groups' settings, which are JSON.

    Raises TrainingInputError for an optimizer that keeps anything else.
    """
    names = {id(weight): name for name, weight in weights.items()}
    tensors: dict[str, torch.Tensor] = {}
    values: dict[str, dict[str, Any]] = {}
    for weight, states in optimizer.state.items():
        for key, value in states.items():
            name = names[id(weight)]
            if isinstance(value, torch.Tensor):
                if isinstance(value, DTensor) and value.shape != weight.shape:
                    raise TrainingInputError(
                        f"the optimizer's state {key!r} is sharded, but not as its weights; {ADVICE}"
                    )
                tensors[f"{key}{SEPARATOR}{name}"] = value.detach()
            else:
                values.setdefault(name, {})[key] = plain(value, f"the optimizer's state {key!r}")
    write_tensors(folder, tensors, together=together)
    groups = []
    for group in optimizer.param_groups:
        settings = {
            key: plain(value, f"the optimizer's setting {key!r}") for key, value in group.items() if key != "params"
        }
        groups.append({"weights": [names[id(weight)] for weight in group["params"]], "settings": settings})
    return {"groups": groups, "values": values}


def read_state(optimizer: Any, weights: Weights, folder: Path, told: Mapping[str, Any], *, together: bool) -> None:
    """Give a fresh optimizer the state that was written; what training sets is as it is now set.

    Raises TrainingInputError where it has other weights.
    """
    names = {id(weight): name for name, weight in weights.items()}
    own = [[names[id(weight)] for weight in group["params"]] for group in optimizer.param_groups]
    if own != [group["weights"] for group in told["groups"]]:
        raise TrainingInputError(f"{folder}: the optimizer's groups of weights are not those of this training")
    tensors: dict[str, torch.Tensor] = {}
    mixed: dict[str, dict[str, Any]] = {name: dict(values) for name, values in told["values"].items()}
    for full_name, (shape, dtype) in list_tensors(folder).items():
        _, _, name = full_name.partition(SEPARATOR)
        if name not in weights:
            raise TrainingInputError(f"{folder}: holds a state of {name}, which this training does not train")
        weight = weights[name].detach()
        alike = shape == weight.shape
        tensors[full_name] = torch.empty_like(weight, dtype=dtype) if alike else torch.empty(shape, dtype=dtype)
    read_tensors(folder, tensors, together=together)
    for full_name, tensor in tensors.items():
        key, _, name = full_name.partition(SEPARATOR)
        mixed.setdefault(name, {})[key] = tensor
    numbers: dict[str, int] = {}
    groups = []
    for group, current in zip(told["groups"], optimizer.param_groups, strict=True):
        ids = [numbers.setdefault(name, len(numbers)) for name in group["weights"]]
        settings = {key: _as_it_was(value, current.get(key)) for key, value in group["settings"].items()}
        settings |= {key: current[key] for key in GIVEN if key in current}
        groups.append({**settings, "params": ids})
    states = {numbers[name]: state for name, state in mixed.items()}
    optimizer.load_state_dict({"state": states, "param_groups": groups})


def read_schedule(scheduler: Any, optimizer: Any, told: Mapping[str, Any]) -> None:
    """Let a fresh schedule go on at the step where it was, from the learning rate that this training is given.

    A schedule that makes its rate from the one before (reduce_lr_on_plateau) goes on from that one.
    """
    scheduler = getattr(scheduler, "scheduler", scheduler)
    bases = getattr(scheduler, "base_lrs", None)
    scheduler.load_state_dict(dict(told))
    if not isinstance(scheduler, LambdaLR) or bases is None:
        log.info("the learning rate goes on from %s", [float(group["lr"]) for group in optimizer.param_groups])
        return
    factors = (factor(scheduler.last_epoch) for factor in scheduler.lr_lambdas)
    scheduler.base_lrs = bases
    scheduler._last_lr = [base * factor for base, factor in zip(bases, factors, strict=True)]
    for group, base, rate in zip(optimizer.param_groups, bases, scheduler._last_lr, strict=True):
        group["initial_lr"] = base
        if isinstance(group["lr"], torch.Tensor):
            group["lr"].fill_(rate)
        else:
            group["lr"] = rate


def plain(value: Any, what: str) -> Any:
    """A value as JSON has it. Raises TrainingInputError for one that JSON has not."""
    if isinstance(value, torch.Tensor) and value.ndim == 0:
        return value.item()
    if isinstance(value, list | tuple):
        return [plain(one, what) for one in value]
    if isinstance(value, dict):
        return {key: plain(one, what) for key, one in value.items()}
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise TrainingInputError(f"{what} is a {type(value).__name__}, which a checkpoint cannot keep; {ADVICE}")


def _as_it_was(value: Any, current: Any) -> Any:
    """A setting of the kind that the fresh optimizer has."""
    if isinstance(current, tuple):
        return tuple(value)
    if isinstance(current, torch.Tensor):
        return torch.tensor(value, dtype=current.dtype, device=current.device)
    return value
