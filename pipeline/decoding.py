"""Seeded sampling inside `transformers`' generate: every row of a batch draws from its own random stream.

Shape suffixes: B rows of the batch, V vocabulary, T steps.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence

import numpy as np
import torch
from transformers import (
    LogitsProcessor,
    LogitsProcessorList,
    StoppingCriteria,
    TemperatureLogitsWarper,
    TopPLogitsWarper,
)

from pipeline.types import SamplingParams


class SeededChoice(LogitsProcessor):
    """Leaves one token finite in each row: the one its stream draws, by inverting the cumulative distribution."""

    def __init__(self, seeds: Sequence[str], max_tokens: int, device: torch.device) -> None:
        streams = [np.random.Generator(np.random.Philox(key=int(seed, 16))) for seed in seeds]
        uniform_BT = np.stack([stream.random(max_tokens) for stream in streams])
        self.uniform_BT = torch.from_numpy(uniform_BT).to(device)
        self.step = 0

    def __call__(self, input_ids: torch.LongTensor, scores: torch.FloatTensor) -> torch.FloatTensor:
        cumulative_BV = scores.double().softmax(-1).cumsum(-1)
        target_B1 = self.uniform_BT[:, self.step, None] * cumulative_BV[:, -1:]
        self.step += 1
        chosen_B1 = torch.searchsorted(cumulative_BV, target_B1, right=True)
        chosen_B1.clamp_(max=scores.shape[-1] - 1)
        forced: torch.FloatTensor = torch.full_like(scores, -torch.inf).scatter(1, chosen_B1, 0.0)  # type: ignore[assignment]
        return forced


class Interrupt(StoppingCriteria):
    """Ends decoding at the next token once the event is set."""

    def __init__(self, event: threading.Event) -> None:
        self.event = event

    def __call__(self, input_ids: torch.LongTensor, scores: torch.FloatTensor, **_: object) -> torch.BoolTensor:
        stop: torch.BoolTensor = torch.full((len(input_ids),), self.event.is_set(), device=input_ids.device)  # type: ignore[assignment]
        return stop


def make_processors(params: SamplingParams, seeds: Sequence[str], device: torch.device) -> LogitsProcessorList:
    """Temperature, nucleus and the seeded draw; nothing for greedy decoding (temperature 0)."""
    chain = LogitsProcessorList()
    if params.temperature == 0:
        return chain
    if params.temperature != 1:
        chain.append(TemperatureLogitsWarper(params.temperature))
    if params.top_p < 1:
        chain.append(TopPLogitsWarper(params.top_p))
    chain.append(SeededChoice(seeds, params.max_tokens, device))
    return chain
