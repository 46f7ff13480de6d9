"""What a training began with: the weights that stay as they were, those of its reference, and its adapters."""

from __future__ import annotations

import hashlib
from typing import Any

import torch

from trainer.sharding import plain_name

SAMPLES = 4096
"""Values of each weight that are looked at. Other training, or another model, changes nearly all of them."""
ADAPTER = (
    "peft_type",
    "r",
    "lora_alpha",
    "target_modules",
    "modules_to_save",
    "layers_to_transform",
    "rank_pattern",
    "alpha_pattern",
    "use_rslora",
    "use_dora",
    "bias",
)


def describe_weights(model: Any, *, frozen: bool = False) -> dict[str, str]:
    """A model's name, and a digest of its weights, or of the `frozen` ones alone. It must be whole, not in shards.

    Values are taken at the same places on every device, as fp32, so the digest is the same for any number of processes.
    """
    digest = hashlib.blake2b(digest_size=8)
    named = {plain_name(name): weight for name, weight in model.named_parameters()}
    for name, weight in sorted(named.items()):
        if frozen and weight.requires_grad:
            continue
        digest.update(f"{name} {tuple(weight.shape)}".encode())
        size = weight.numel()
        count = min(size, SAMPLES)
        places = torch.arange(count) * (size - 1) // max(1, count - 1)
        values = weight.detach().reshape(-1)[places.to(weight.device)]
        digest.update(values.float().cpu().numpy().tobytes())
    return {"name": str(getattr(model.config, "_name_or_path", "")), "digest": digest.hexdigest()}


def describe_adapters(model: Any) -> dict[str, Any]:
    """Settings of a model's adapters, as JSON has them; empty where it has none."""
    return {
        f"{name}.{key}": _plain(getattr(config, key, None))
        for name, config in getattr(model, "peft_config", {}).items()
        for key in ADAPTER
    }


def is_fresh(model: Any) -> bool:
    """Whether a model's adapters do nothing yet, so that it is what they lie on."""
    return not any(bool(weight.any()) for name, weight in model.named_parameters() if ".lora_B" in name)


def _plain(value: Any) -> Any:
    value = getattr(value, "value", value)  # of an enumeration, its word
    if isinstance(value, set | frozenset):
        return sorted(value)
    return list(value) if isinstance(value, tuple) else value


def find_changes(then: dict[str, Any], now: dict[str, Any]) -> list[str]:
    """What of two descriptions ({"base", "reference", "adapters"}) is another, in words."""
    told = []
    for kind, words in (("base", "the model under the adapters"), ("reference", "the reference")):
        old, new = then.get(kind), now.get(kind)
        if old and new and old["digest"] != new["digest"]:
            told.append(f"{words} was {old['name']} ({old['digest']}), now {new['name']} ({new['digest']})")
    adapters = [part.get("adapters") or {} for part in (then, now)]
    if bool(adapters[0]) != bool(adapters[1]):
        return [*told, "it is of adapters, and none are trained now" if adapters[0] else "it is not of adapters"]
    for key in sorted(adapters[0].keys() | adapters[1].keys()):
        old, new = (part.get(key) for part in adapters)
        if old != new:
            told.append(f"adapter {key} was {old}, now {new}")
    return told
