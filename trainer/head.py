"""A wrapped forward that returns log-probs: the backbone, then the head in chunks, inside the model's own call.

Calling `model.model` and the head directly would bypass the hooks by which DDP and FSDP2 synchronise gradients and
gather weights. So the model's `forward` is replaced on the instance, before anything wraps it: with the keyword
`request` it returns log-probs, without it the call is the model's own. The head's `forward` is replaced alike, since
FSDP2 may hold its weight apart from the model's, and gathers it for the length of a call.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from types import MethodType
from typing import Any

import torch

from trainer.errors import TrainingInputError
from trainer.logprobs import Head, linear_kl, linear_logps


@dataclass
class Request:
    """What to compute at which positions of the rows. Shape suffixes: U positions, D hidden width."""

    parents_U: torch.Tensor
    targets_U: torch.Tensor
    confidence: bool = False
    hidden: bool = False
    """Also return the hidden states [U, D]."""
    against: tuple[torch.Tensor, Head | None] | None = None
    """The reference's hidden states at the same positions and its head, None for the model's own: also return
    KL(reference ‖ policy)."""
    whole_logits: bool = False
    """Use the model's own logits, all of them: for models that do to them what `find_head` does not know."""


def attach(model: Any) -> None:
    """Let `model(..., request=Request)` return a dict of log-probs. Once is enough; again changes nothing."""
    plain = inner_model(model)
    if hasattr(plain, "_errata_plain_forward"):
        return
    forward = plain.forward

    @functools.wraps(forward)
    def choose(*args: Any, request: Request | None = None, **options: Any) -> Any:
        if request is None:
            return forward(*args, **options)
        return _compute(plain, forward, request, *args, **options)

    plain._errata_plain_forward = forward
    plain.forward = choose
    linear = plain.get_output_embeddings()
    if linear is not None and not hasattr(linear, "_errata_plain_forward"):
        linear._errata_plain_forward = linear.forward
        linear.forward = MethodType(_choose_head, linear)  # a method, so that copies of the model have their own


def _choose_head(linear: Any, *args: Any, score: Any = None, **options: Any) -> Any:
    return linear._errata_plain_forward(*args, **options) if score is None else score(*args)


def inner_model(model: Any) -> Any:
    """The transformers model inside a peft model, or the model itself."""
    return model.get_base_model() if hasattr(model, "get_base_model") else model


def _compute(model: Any, forward: Any, request: Request, *args: Any, **options: Any) -> dict[str, torch.Tensor]:
    if request.whole_logits and (request.hidden or request.against is not None):
        raise TrainingInputError("losses over the whole vocabulary (tdpo1, tdpo2) need a head that is a plain matrix")
    if request.whole_logits:
        logits_UV = forward(*args, **options).logits.flatten(0, 1).index_select(0, request.parents_U).float()
        logps_UV = logits_UV.log_softmax(-1)
        made = {"logps_U": logps_UV.gather(-1, request.targets_U[:, None]).squeeze(-1)}
        return made | ({"confidence_U": (2 * logps_UV.detach()).logsumexp(-1)} if request.confidence else {})
    backbone = getattr(model, model.base_model_prefix)
    output = backbone(*args, **{name: value for name, value in options.items() if value is not None})
    hidden = output[0] if not isinstance(output, Mapping) else output["last_hidden_state"]
    # index_select, as in MicroBatch.spread
    hidden_UD = hidden.flatten(0, 1).index_select(0, request.parents_U)
    made = {"hidden_UD": hidden_UD} if request.hidden else {}
    scored: dict[str, torch.Tensor] = model.get_output_embeddings()(
        hidden_UD, score=functools.partial(_score, model, request)
    )
    return made | scored


def _score(model: Any, request: Request, hidden_UD: torch.Tensor) -> dict[str, torch.Tensor]:
    """What was asked for, from hidden states; called inside the head's own call."""
    own = find_head(model)
    device = hidden_UD.device.type
    if torch.is_autocast_enabled(device):
        hidden_UD = hidden_UD.to(torch.get_autocast_dtype(device))
    head = own
    if hidden_UD.dtype != own.weight_VD.dtype:
        head = Head(own.weight_VD.to(hidden_UD.dtype), own.bias_V, own.scale, own.softcap)
    with torch.autocast(device, enabled=False):
        logps_U, confidence_U = linear_logps(hidden_UD, head, request.targets_U, confidence=request.confidence)
        made = {"logps_U": logps_U}
        if confidence_U is not None:
            made["confidence_U"] = confidence_U
        if request.against is not None:
            reference_UD, reference_head = request.against
            reference_head = reference_head or own
            reference_UD = reference_UD.to(reference_head.weight_VD.dtype)  # wrappers return fp32
            made["kl_U"] = linear_kl(hidden_UD, head, reference_UD, reference_head)
    return made


def has_plain_head(model: Any) -> bool:
    """Whether the head is a matrix and nothing else: no adapter on it, no quantisation."""
    return type(inner_model(model).get_output_embeddings()) is torch.nn.Linear


def find_head(model: Any) -> Head:
    """Weight and bias of the output embeddings, and the scaling and soft-capping that the configuration names."""
    linear = inner_model(model).get_output_embeddings()
    config = inner_model(model).config.get_text_config()
    scale = float(getattr(config, "logit_scale", None) or 1.0)  # Cohere multiplies
    scale /= float(getattr(config, "logits_scaling", None) or 1.0)  # Granite divides
    return Head(linear.weight, getattr(linear, "bias", None), scale, getattr(config, "final_logit_softcapping", None))
