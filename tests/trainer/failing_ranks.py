"""What two processes make of an error in one of them, as torchrun starts it (test_interrupted.py).

Each process writes down what it saw. At last the second one leaves with an error while the first one waits for it.
"""

from __future__ import annotations

import errno
import json
import os
import sys
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from accelerate import PartialState
from transformers import AutoModelForCausalLM

from trainer.__main__ import leave
from trainer.data import Example
from trainer.disk import find_blind, on_main
from trainer.errors import TrainingInputError
from trainer.head import attach
from trainer.layouts import Tree, choose_layout
from trainer.reference import ReferenceCache, add_reference


def fail(error: Exception | None) -> Any:
    """The main process's part."""
    if error is not None:
        raise error
    return {"made": 3}


def main(student: str, root: Path) -> None:
    PartialState(cpu=True)
    rank, told = dist.get_rank(), []
    full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    missing = FileNotFoundError(errno.ENOENT, "no such file", "/nowhere")
    for error in (None, TrainingInputError("not this"), full, missing, KeyError("a bug")):
        try:
            told.append(on_main(rank == 0, lambda error=error: fail(error)))  # type: ignore[misc]
        except Exception as seen:
            told.append(f"{type(seen).__name__}: {seen}")
    told.append(find_blind(lambda: rank == 0, 0.5))
    model = AutoModelForCausalLM.from_pretrained(student).eval()
    attach(model)
    examples = [Example((5, 6, 7 + i), ((8, 9, 10), (8, 9, 11)), f"row {i}") for i in range(4)]
    model._supports_attention_backend = rank == 0
    told.append(type(choose_layout(model, examples, 0, "auto", 100)).__name__)
    try:
        shared: dict[str, Any] = {"pad": 0, "budget": 100, "rank": rank, "ranks": 2}
        add_reference(model, examples, Tree(), cache=ReferenceCache(root / "damaged.sqlite"), **shared)
    except TrainingInputError as error:
        told.append(str(error))
    (root / f"{rank}.json").write_text(json.dumps(told))
    dist.barrier()
    if rank == 1:
        leave(2)
    dist.all_reduce(torch.zeros(1))
    leave(0)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
