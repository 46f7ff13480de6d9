"""Watchers of training: the guard against displacement, and the reference that follows the policy."""

from __future__ import annotations

import logging
from typing import Any

import torch
from transformers import TrainerCallback

log = logging.getLogger(__name__)


class Guard(TrainerCallback):
    """Warns, or stops training, when the chosen texts fall too far below the reference.

    Preference losses can lower both sides' probabilities (Razin et al. 2024, arXiv 2410.08847); an NLL term helps.
    """

    def __init__(self, bound: float, action: str) -> None:
        self.bound, self.action = bound, action
        self.stopped = False

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, float] | None = None, **_: Any) -> Any:
        """Look at each line of the log."""
        change = (logs or {}).get("logps/chosen_change")
        if change is not None and change < -self.bound:
            log.warning(
                "step %d: the chosen texts' log-prob fell by %.2f nats, more than guard_chosen_drop %.2f; "
                "lower the learning rate, raise beta, or add the loss 'sft'%s",
                state.global_step, -change, self.bound, "; training stops" if self.action == "stop" else "",
            )  # fmt: skip
            if self.action == "stop":
                self.stopped = True
                control.should_training_stop = True
                control.should_save = True
        return control


class FollowPolicy(TrainerCallback):
    """TR-DPO, soft update (Gorbatovski et al. 2024, arXiv 2404.09656): π_ref <- α π + (1 - α) π_ref, every so often."""

    def __init__(self, reference: torch.nn.Module, alpha: float, every: int) -> None:
        self.reference, self.alpha, self.every = reference, alpha, every

    @torch.no_grad()
    def on_step_end(self, args: Any, state: Any, control: Any, model: Any = None, **_: Any) -> None:
        """Mix where a step is due."""
        if state.global_step % self.every == 0:
            for old, new in zip(self.reference.parameters(), model.parameters(), strict=True):
                old.lerp_(new.to(old.dtype), self.alpha)
