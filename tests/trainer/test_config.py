"""Settings of the trainer that cannot be."""

from __future__ import annotations

from pathlib import Path

import pytest

from trainer import DPOConfig


def test_settings_that_make_no_sense_are_refused(tmp_path: Path) -> None:
    for wrong, told in (
        ({"beta": 0.0}, "beta"),
        ({"overlong": "cut"}, "overlong"),
        ({"layout": "flat"}, "layout"),
        ({"loss_type": "dppo"}, "did you mean 'dpo"),
        ({"loss_type": ["dpo", "sft"], "loss_weights": [1.0]}, "loss_weights"),
        ({"loss_options": {"simpo": {}}}, "not among the losses"),
        ({"loss_options": {"dpo": {"gamma": 1}}}, "unknown option 'gamma'"),
        ({"loss_type": "sft", "beta": 0.1}, "none of the losses"),
        ({"guard_action": "panic"}, "guard_action"),
        ({"guard_chosen_drop": 1.0, "loss_type": "simpo"}, "guard_chosen_drop"),
        ({"sync_ref_model": True, "loss_type": "simpo"}, "sync_ref_model"),
        ({"max_tokens_per_device": 0}, "max_tokens_per_device"),
    ):
        with pytest.raises(ValueError, match=told):
            DPOConfig(output_dir=str(tmp_path), **wrong)
