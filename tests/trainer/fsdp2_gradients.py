"""Run by torchrun on two ranks (test_entry_points.py): gradients under FSDP2 against those of one whole model.

accelerate shards on GPUs alone, so `fully_shard` is called here as it calls it: on each layer, then on the root.
"""

from __future__ import annotations

import os
import sys

import torch
import torch.distributed as dist
from torch.distributed.fsdp import fully_shard
from transformers import AutoModelForCausalLM

from trainer.data import Example
from trainer.head import attach
from trainer.layouts import Layout, Padded, Tree, request_for
from trainer.losses import Objective
from trainer.scores import make_scores
from trainer.steps import StepMaker


def make_examples() -> list[Example]:
    """Seven pairs of three prompts: uneven shares, so that one rank gets a ghost."""
    return [Example((5 + i % 3, 9, 8), ((20 + i, 30, 1), (21 + i, 31, 32, 1)), f"row {i}") for i in range(7)]


def learn(model: torch.nn.Module, layout: Layout, rank: int, ranks: int) -> None:
    """Forward and backward of a step, as the trainer does it."""
    step = StepMaker(layout, 0, 24, rank, ranks)(make_examples())
    for batch in step["batches"]:
        with layout.prepare(model):
            scores = make_scores(batch, layout.forward(model, batch, request_for(batch)))
            losses_P, _ = Objective(["simpo", "sft"])(scores)
            (losses_P.sum() * (0.0 if batch.ghost else ranks / step["pairs"])).backward()


def main(student: str) -> None:
    """Raises where a gradient differs."""
    dist.init_process_group("gloo")
    for layout in (Tree(), Padded()):
        whole, sharded = (AutoModelForCausalLM.from_pretrained(student).eval() for _ in range(2))
        for model in (whole, sharded):
            attach(model)
        learn(whole, layout, 0, 1)
        for layer in sharded.model.layers:
            fully_shard(layer)
        fully_shard(sharded)
        learn(sharded, layout, dist.get_rank(), dist.get_world_size())
        for (name, a), b in zip(whole.named_parameters(), sharded.parameters(), strict=True):
            assert type(b).__name__ == "DTensor", name
            assert a.grad is not None
            assert b.grad is not None, name
            full = b.grad.full_tensor()
            assert (full - a.grad).norm() <= 1e-4 * a.grad.norm() + 1e-7, name
    dist.destroy_process_group()


if __name__ == "__main__":
    main(sys.argv[1])
    sys.stdout.flush()
    os._exit(0)  # a thread of gloo now and then aborts in the C++ destructors
