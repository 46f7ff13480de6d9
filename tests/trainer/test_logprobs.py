"""Log-probs in chunks against the plain computation, for values, gradients and memory."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from trainer.logprobs import Head, linear_kl, linear_logps

HEADS: dict[str, dict[str, Any]] = {
    "plain": {},
    "with a bias": {"bias": True},
    "soft-capped": {"softcap": 2.0},
    "scaled": {"scale": 0.25},
    "all of it": {"bias": True, "softcap": 1.5, "scale": 3.0},
}


def make_parts(kind: str, dtype: torch.dtype = torch.double) -> tuple[torch.Tensor, Head, torch.Tensor]:
    torch.manual_seed(0)
    options = dict(HEADS[kind])
    hidden_UD = torch.randn(23, 8, dtype=dtype, requires_grad=True)
    weight_VD = torch.randn(50, 8, dtype=dtype, requires_grad=True)
    bias_V = torch.randn(50, dtype=dtype, requires_grad=True) if options.pop("bias", False) else None
    return hidden_UD, Head(weight_VD, bias_V, **options), torch.randint(50, (23,))


def plain_logps(hidden_UD: torch.Tensor, head: Head, targets_U: torch.Tensor) -> torch.Tensor:
    logits = hidden_UD @ head.weight_VD.T
    logits = (logits if head.bias_V is None else logits + head.bias_V) * head.scale
    if head.softcap is not None:
        logits = head.softcap * torch.tanh(logits / head.softcap)
    return logits.log_softmax(-1).gather(-1, targets_U[:, None]).squeeze(-1)


def gradients(values_U: torch.Tensor, hidden_UD: torch.Tensor, head: Head) -> list[torch.Tensor]:
    leaves = [hidden_UD, head.weight_VD, *([head.bias_V] if head.bias_V is not None else [])]
    weights = torch.linspace(-1, 1, len(values_U), dtype=values_U.dtype)
    return list(torch.autograd.grad((values_U * weights).sum(), leaves))


@pytest.mark.parametrize("kind", HEADS)
@pytest.mark.parametrize(("chunk", "kept"), [(5, 0), (5, 10**9), (100, 0), (1, 10**9)])
def test_values_and_gradients_equal_the_plain_ones(kind: str, chunk: int, kept: int) -> None:
    hidden_UD, head, targets_U = make_parts(kind)
    values, confidence = linear_logps(hidden_UD, head, targets_U, chunk=chunk, kept=kept)
    wanted = plain_logps(hidden_UD, head, targets_U)
    assert confidence is None
    assert torch.allclose(values, wanted, rtol=1e-12)
    made, plain = gradients(values, hidden_UD, head), gradients(wanted, hidden_UD, head)
    for a, b in zip(made, plain, strict=True):
        assert (a - b).norm() <= 1e-12 * b.norm() + 1e-14


def test_only_what_needs_gradients_gets_them() -> None:
    hidden_UD, head, targets_U = make_parts("plain")
    head.weight_VD.requires_grad_(False)
    values, _ = linear_logps(hidden_UD, head, targets_U)
    values.sum().backward()
    assert hidden_UD.grad is not None
    assert head.weight_VD.grad is None


def test_confidence_is_the_log_of_the_sum_of_squares() -> None:
    hidden_UD, head, targets_U = make_parts("all of it")
    _, confidence = linear_logps(hidden_UD, head, targets_U, confidence=True, chunk=4)
    probabilities = head.logits(hidden_UD).softmax(-1)
    assert confidence is not None
    assert torch.allclose(confidence, (probabilities**2).sum(-1).log())
    assert not confidence.requires_grad


def test_low_precision_sums_up_in_fp32() -> None:
    hidden_UD, head, targets_U = make_parts("plain")
    low = Head(head.weight_VD.detach().bfloat16().requires_grad_())
    hidden = hidden_UD.detach().bfloat16().requires_grad_()
    values, _ = linear_logps(hidden, low, targets_U, chunk=3)
    assert values.dtype == torch.float32
    exact = plain_logps(hidden.float(), Head(low.weight_VD.float()), targets_U)
    assert torch.allclose(values, exact, atol=0.05)
    made = gradients(values, hidden, low)
    assert [g.dtype for g in made] == [torch.bfloat16, torch.bfloat16]
    assert torch.allclose(made[1].float(), gradients(exact, hidden, low)[1].float(), atol=0.1)


def test_a_kl_over_the_vocabulary_and_its_gradient() -> None:
    hidden_UD, head, _ = make_parts("soft-capped")
    reference_UD, reference_head = torch.randn(23, 6, dtype=torch.double), Head(torch.randn(50, 6, dtype=torch.double))
    values = linear_kl(hidden_UD, head, reference_UD, reference_head, chunk=4)
    policy, reference = head.logits(hidden_UD).log_softmax(-1), reference_head.logits(reference_UD).log_softmax(-1)
    wanted = (reference.exp() * (reference - policy)).sum(-1)
    assert torch.allclose(values, wanted)
    for a, b in zip(gradients(values, hidden_UD, head), gradients(wanted, hidden_UD, head), strict=True):
        assert torch.allclose(a, b)


def test_the_logits_of_all_positions_are_never_in_memory_together() -> None:
    sizes: list[int] = []

    hidden_UD, head, targets_U = make_parts("plain")
    whole = Head.logits

    def watch(self: Head, hidden_CD: torch.Tensor) -> torch.Tensor:
        sizes.append(len(hidden_CD))
        return whole(self, hidden_CD)

    Head.logits = watch  # type: ignore[method-assign]
    try:
        values, _ = linear_logps(hidden_UD, head, targets_U, chunk=4, kept=0)
        values.sum().backward()
    finally:
        Head.logits = whole  # type: ignore[method-assign]
    assert max(sizes) == 4
    assert sum(sizes) == 2 * len(targets_U)  # once forward, once again for the gradient
