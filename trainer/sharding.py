"""FSDP2 as accelerate applies it, and what the rest of the trainer has to know of a model's shards.

accelerate's own policy for bf16 rounds all that passes between layers, what the model returns, log-probs among it, and
the sums of gradients; then a text in another packing has another reward. Here the weights alone are rounded, for their
transport. What is added up over the layers stays as precise as it is without shards (autocast), and passes before the
model is sharded round the same weights.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from accelerate import PartialState
from accelerate.utils import DistributedType, FullyShardedDataParallelPlugin
from torch.distributed.checkpoint.state_dict import StateDictOptions, get_model_state_dict
from torch.distributed.fsdp import FSDPModule, MixedPrecisionPolicy

from trainer.errors import TrainingInputError

WRAPPERS = ("_checkpoint_wrapped_module.", "_orig_mod.")
"""What activation checkpointing and compilation put into the names of weights."""


def set_up(accelerator: Any, plugin_args: dict[str, Any] | None, dtype: torch.dtype | None) -> bool:
    """Make an accelerator shard as this trainer wants it; returns whether it shards at all.

    accelerate shards on accelerators alone and would train replicas on CPUs without a word. Raises TrainingInputError
    for FSDP 1.
    """
    state = accelerator.state
    plugin = getattr(state, "fsdp_plugin", None)
    if plugin is None and plugin_args is not None and state.distributed_type == DistributedType.MULTI_CPU:
        plugin = FullyShardedDataParallelPlugin(**plugin_args)
        state.fsdp_plugin = plugin
        state.distributed_type = PartialState._shared_state["distributed_type"] = DistributedType.FSDP
    if plugin is None:
        return False
    if plugin.fsdp_version != 2:
        raise TrainingInputError("FSDP 1 is not supported; set version to 2 in fsdp_config (accelerate: fsdp_version)")
    if plugin.cpu_ram_efficient_loading:
        raise TrainingInputError(
            "cpu_ram_efficient_loading must be off: every process scores texts with the whole model first"
        )
    if dtype is not None:
        plugin.mixed_precision_policy = MixedPrecisionPolicy(
            param_dtype=dtype, reduce_dtype=torch.float32, cast_forward_inputs=False
        )
    return True


def keep_sum_exact(model: Any) -> None:
    """Let what is added up over the layers have the precision of the stored embeddings, rounded though they are."""
    table = model.get_input_embeddings()
    stored = table.weight.dtype
    table.register_forward_hook(lambda module, given, made: made.to(stored))


def is_sharded(model: Any) -> bool:
    """Whether FSDP2 holds the weights of this model."""
    return isinstance(model, FSDPModule)


@contextmanager
def rounded_weights(model: Any, dtype: torch.dtype) -> Iterator[None]:
    """Inside this, a whole model has the weights that its shards compute with: in `dtype`, buffers as they are.

    The exact ones wait in the machine's memory, so a GPU holds two bytes a weight.
    """
    kept = [] if is_sharded(model) else [p for p in model.parameters() if p.is_floating_point() and p.dtype != dtype]
    exact = [parameter.data.cpu() for parameter in kept]
    try:
        for parameter in kept:
            parameter.data = parameter.data.to(dtype)
        yield
    finally:
        for parameter, values in zip(kept, exact, strict=True):
            parameter.data = values.to(parameter.device)


def round_weights(model: Any, dtype: torch.dtype) -> None:
    """Store the weights of a whole model in `dtype` for good, and leave its buffers as they are."""
    for parameter in model.parameters():
        if parameter.is_floating_point():
            parameter.data = parameter.data.to(dtype)


def name_parameters(model: Any) -> dict[str, torch.nn.Parameter]:
    """All parameters by the names that they have in an unwrapped model; tied ones stand once."""
    for module in model.modules():
        if isinstance(module, FSDPModule):
            module.reshard()  # a forward pass without a backward one leaves some of them whole
    return {plain_name(name): parameter for name, parameter in model.named_parameters()}


def name_weights(model: Any, *, trained_only: bool) -> dict[str, torch.Tensor]:
    """This process's parts of all parameters and lasting buffers, by the same names.

    `trained_only`: without what is frozen, and without buffers.
    """
    named: dict[str, torch.Tensor] = {}
    for name, parameter in name_parameters(model).items():
        if parameter.requires_grad or not trained_only:
            named[name] = parameter.detach()
    if trained_only:
        return named
    for prefix, module in model.named_modules():
        for name, buffer in module.named_buffers(recurse=False):
            if name not in module._non_persistent_buffers_set:
                named[plain_name(f"{prefix}.{name}" if prefix else name)] = buffer
    return named


def gather_weights(model: Any, *, trained_only: bool) -> dict[str, torch.Tensor]:
    """The same of a sharded model, whole, on the CPU of the main process; empty on the others."""
    options = StateDictOptions(full_state_dict=True, cpu_offload=True, ignore_frozen_params=trained_only)
    gathered: dict[str, Any] = get_model_state_dict(model, options=options)
    return {name: gathered[name] for name in name_weights(model, trained_only=trained_only) if name in gathered}


def plain_name(name: str) -> str:
    """A weight's name without what wrappers put into it."""
    for part in WRAPPERS:
        name = name.replace(part, "")
    return name
