"""Log-probs from hidden states without the full logits: the head runs over chunks of positions.

    logits = cap·tanh(scale·(h Wᵀ + b) / cap)        log p(t) = logits[t] - logsumexp(logits)

A chunk's log-probs are kept for the backward pass while all of them together fit into a bound, and computed again where
they do not. Everything behind the matrix product is fp32, the gradient of the head's weight is summed up in fp32.
Shape suffixes: U positions, C positions of a chunk, D hidden width, V vocabulary.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch.utils.checkpoint import checkpoint

MIB = 2**20
CHUNK_BYTES = {"cpu": 32 * MIB, "cuda": 512 * MIB}
"""Size of one chunk's logits."""
KEPT_BYTES = {"cpu": 64 * MIB, "cuda": 2048 * MIB}
"""Up to here a micro-batch's log-probs of the whole vocabulary are kept for the backward pass."""


@dataclass(frozen=True)
class Head:
    """The map from hidden states to logits: weight [V, D], bias [V] or none, and what the model does to the product."""

    weight_VD: torch.Tensor
    bias_V: torch.Tensor | None = None
    scale: float = 1.0
    softcap: float | None = None

    def logits(self, hidden_CD: torch.Tensor) -> torch.Tensor:
        """[C, V] in fp32."""
        product_CV = _multiply(hidden_CD, self.weight_VD)
        if self.bias_V is not None:
            product_CV = product_CV + self.bias_V
        if self.scale != 1.0:
            product_CV = product_CV * self.scale
        return product_CV if self.softcap is None else self.softcap * torch.tanh(product_CV / self.softcap)


def _multiply(a: torch.Tensor, b_transposed: torch.Tensor) -> torch.Tensor:
    """a @ bᵀ with an fp32 (or wider) result; on CUDA the low-precision product is not rounded in between."""
    if a.dtype in (torch.float16, torch.bfloat16):
        if a.is_cuda and not torch.is_grad_enabled():
            return torch.mm(a, b_transposed.T, out_dtype=torch.float32)
        return (a @ b_transposed.T).float()
    return a @ b_transposed.T


def linear_logps(
    hidden_UD: torch.Tensor,
    head: Head,
    targets_U: torch.Tensor,
    *,
    confidence: bool = False,
    chunk: int | None = None,
    kept: int | None = None,
) -> tuple[torch.Tensor, torch.Tensor | None]:
    """Log-probs of the targets in nats, and where `confidence` asks log Σ_v p(v)² without gradient; both [U], ≥ fp32.

    Gradients flow to the hidden states, the head's weight and its bias. `chunk` is in positions, `kept` in bytes; by
    default both follow from the device.
    """
    device = hidden_UD.device.type
    size = head.weight_VD.shape[0] * 4
    chunk = chunk or max(1, CHUNK_BYTES.get(device, 64 * MIB) // size)
    kept = KEPT_BYTES.get(device, 0) if kept is None else kept
    keep = len(targets_U) * size <= kept
    options = (head.scale, head.softcap, chunk, keep, confidence)
    apply: Any = _LinearLogps.apply
    logps_U, confidence_U = apply(hidden_UD, head.weight_VD, head.bias_V, targets_U, *options)
    return logps_U, confidence_U if confidence else None


class _LinearLogps(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        hidden_UD: torch.Tensor,
        weight_VD: torch.Tensor,
        bias_V: torch.Tensor | None,
        targets_U: torch.Tensor,
        scale: float,
        softcap: float | None,
        chunk: int,
        keep: bool,
        confidence: bool,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        head = Head(weight_VD, bias_V, scale, softcap)
        wide = torch.promote_types(hidden_UD.dtype, torch.float32)
        logps_U = hidden_UD.new_empty(len(targets_U), dtype=wide)
        normaliser_U = torch.empty_like(logps_U)
        confidence_U = torch.empty_like(logps_U) if confidence else logps_U.new_empty(0)
        keep = keep and any(ctx.needs_input_grad)
        ctx.kept = {}
        for start in range(0, len(targets_U), chunk):
            part = slice(start, start + chunk)
            logits_CV = head.logits(hidden_UD[part])
            own_C1 = targets_U[part, None]
            logps_CV = logits_CV.log_softmax(-1)
            logps_U[part] = logps_CV.gather(-1, own_C1).squeeze(-1)
            normaliser_U[part] = logits_CV.gather(-1, own_C1).squeeze(-1) - logps_U[part]
            if confidence:
                confidence_U[part] = (2 * logps_CV).logsumexp(-1)
            if keep:
                ctx.kept[start] = logps_CV
        ctx.save_for_backward(hidden_UD, weight_VD, bias_V, targets_U, normaliser_U)
        ctx.options = (scale, softcap, chunk)
        ctx.mark_non_differentiable(confidence_U)
        return logps_U, confidence_U

    @staticmethod
    def backward(ctx: Any, gradient_U: torch.Tensor, _: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        hidden_UD, weight_VD, bias_V, targets_U, normaliser_U = ctx.saved_tensors
        scale, softcap, chunk = ctx.options
        needs_hidden, needs_weight, needs_bias = ctx.needs_input_grad[:3]
        head = Head(weight_VD, bias_V, scale, softcap)
        wide = normaliser_U.dtype
        hidden_grad_UD = torch.empty_like(hidden_UD) if needs_hidden else None
        weight_grad_VD = torch.zeros_like(weight_VD, dtype=wide) if needs_weight else None
        bias_grad_V = torch.zeros_like(bias_V, dtype=wide) if needs_bias else None
        for start in range(0, len(targets_U), chunk):
            part = slice(start, start + chunk)
            logps_CV = ctx.kept.pop(start, None)  # its memory is free for the next chunk
            if logps_CV is None:
                logps_CV = head.logits(hidden_UD[part]).log_softmax(-1)
            slope = 1.0 if softcap is None else 1 - ((logps_CV + normaliser_U[part, None]) / softcap) ** 2
            grad_CV = logps_CV.exp_().mul_(-gradient_U[part, None])
            grad_CV.scatter_add_(1, targets_U[part, None], gradient_U[part, None].to(wide))
            if softcap is not None or scale != 1.0:
                grad_CV.mul_(slope * scale)
            if bias_grad_V is not None:
                bias_grad_V += grad_CV.sum(0)
            grad_CV = grad_CV.to(hidden_UD.dtype)
            if hidden_grad_UD is not None:
                torch.mm(grad_CV, weight_VD, out=hidden_grad_UD[part])
            if weight_grad_VD is not None:
                if weight_grad_VD.dtype == grad_CV.dtype:
                    weight_grad_VD.addmm_(grad_CV.T, hidden_UD[part])
                else:
                    weight_grad_VD += grad_CV.T @ hidden_UD[part]
        weight_grad = None if weight_grad_VD is None else weight_grad_VD.to(weight_VD.dtype)
        bias_grad = None if bias_grad_V is None else bias_grad_V.to(bias_V.dtype)
        return hidden_grad_UD, weight_grad, bias_grad, None, None, None, None, None, None


def linear_kl(
    hidden_UD: torch.Tensor, head: Head, reference_UD: torch.Tensor, reference_head: Head, *, chunk: int | None = None
) -> torch.Tensor:
    """KL(reference ‖ policy) over the whole vocabulary at each position, [U], with gradients to the policy.

    A chunk's distributions are computed again in the backward pass.
    """
    size = CHUNK_BYTES.get(hidden_UD.device.type, 64 * MIB)
    chunk = chunk or max(1, size // (4 * head.weight_VD.shape[0]))

    def kl(hidden_CD: torch.Tensor, reference_CD: torch.Tensor) -> torch.Tensor:
        policy_CV = F.log_softmax(head.logits(hidden_CD), -1)
        with torch.no_grad():
            reference_CV = F.log_softmax(reference_head.logits(reference_CD), -1)
        return (reference_CV.exp() * (reference_CV - policy_CV)).sum(-1)

    parts = zip(torch.split(hidden_UD, chunk), torch.split(reference_UD, chunk), strict=True)
    return torch.cat([checkpoint(kl, *part, use_reentrant=False) for part in parts])
