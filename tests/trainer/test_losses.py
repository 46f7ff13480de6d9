"""Losses against their equations and against TRL."""

from __future__ import annotations

import math

import torch

from trainer.losses.dpo import dpo
from trainer.losses.sft import sft


def test_dpo_is_ln_2_where_policy_and_reference_agree() -> None:
    logps = torch.tensor([-3.0, -40.0])
    loss_P = dpo(logps, logps - 5, logps, logps - 5, beta=0.3)
    assert torch.allclose(loss_P, torch.full((2,), math.log(2)))


def test_dpo_follows_its_equation() -> None:
    loss_P = dpo(torch.tensor([-10.0]), torch.tensor([-12.0]), torch.tensor([-11.0]), torch.tensor([-9.0]), beta=0.5)
    margin = 0.5 * ((-10 + 11) - (-12 + 9))
    assert math.isclose(loss_P.item(), math.log(1 + math.exp(-margin)), rel_tol=1e-6)


def test_sft_is_the_mean_over_each_texts_tokens() -> None:
    loss_P = sft(torch.tensor([-10.0, -3.0]), torch.tensor([5, 1]))
    assert loss_P.tolist() == [2.0, 3.0]
