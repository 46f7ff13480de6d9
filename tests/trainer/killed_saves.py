"""Kills trainings with SIGKILL at every third file that they write, and resumes each of them (test_interrupted.py).

One training is made, and forked for every moment: a process dies before the n-th file of its second checkpoint, or of
its model, is synced. Prints, as JSON, which checkpoint was taken up after each death and how far the weights are off.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file

from tests.trainer.ranks import make_trainer
from trainer.checkpoints import newest_checkpoint


def die_at(write: int, folder: Path) -> None:
    """End this process at that fsync once a first checkpoint is there."""
    sync, count = os.fsync, 0

    def kill(handle: Any) -> None:
        nonlocal count
        if (folder / "checkpoint-2").is_dir():
            count += 1
            if count == write:
                os.kill(os.getpid(), signal.SIGKILL)
        sync(handle)

    os.fsync = kill


def forked(trainer: Any, folder: Path, *, write: int | None = None, resume: bool = False) -> int:
    """Train in a process of its own; returns its wait status."""
    child = os.fork()
    if child:
        return os.waitpid(child, 0)[1]
    trainer.args.output_dir = str(folder)
    if write is not None:
        die_at(write, folder)
    trainer.train(resume_from_checkpoint=resume or None)
    trainer.save_model()
    os._exit(0)


def main(student: str, root: Path) -> None:
    torch.set_num_threads(1)
    options = {"max_steps": 4, "save_steps": 2}
    trainer = make_trainer({"student": student, "out": str(root / "whole"), "dtype": "float32", "options": options})
    assert forked(trainer, root / "whole") == 0
    whole, told = load_file(root / "whole" / "model.safetensors"), []
    for write in range(1, 60, 3):
        folder = root / str(write)
        status = forked(trainer, folder, write=write)
        if status == 0:
            break
        assert os.WTERMSIG(status) == signal.SIGKILL
        taken = newest_checkpoint(folder)
        assert taken is not None
        assert forked(trainer, folder, resume=True) == 0
        resumed = load_file(folder / "model.safetensors")
        off = max(float((whole[name] - resumed[name]).abs().max()) for name in whole)
        told.append({"write": write, "taken": taken.name, "off": off})
        shutil.rmtree(folder)
    print(json.dumps(told))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
