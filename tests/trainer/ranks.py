"""Trains as a JSON file says, in one process or as torchrun starts it (test_ranks.py, test_interrupted.py).

Weights are in double precision, so that what differs is the arithmetic of several processes and not its rounding. Rows
are uneven: prompts have one pair or eleven, and texts some lines or four times as many.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
from pathlib import Path
from typing import Any

import torch
from accelerate.utils import gather_object
from transformers import AutoModelForCausalLM, AutoTokenizer, TrainerCallback

from errata.demo import world
from trainer import DPOConfig, DPOTrainer

STEPS, SAVED = 20, 5
DEFAULTS: dict[str, Any] = {
    "global_batch_pairs": 4,
    "max_tokens_per_device": 400,
    "max_steps": STEPS,
    "save_steps": SAVED,
    "learning_rate": 1e-4,
    "warmup_steps": 3,
    "lr_scheduler_type": "cosine",
    "loss_type": ["dpo", "sft"],
    "loss_weights": [1.0, 0.2],
    "logging_steps": 1,
    "disable_tqdm": True,
    "use_cpu": True,
    "report_to": [],
}


def make_rows() -> list[dict[str, Any]]:
    """41 pairs of ten prompts; every third text tells its solution four times."""
    rng = random.Random(0)
    rows: list[dict[str, Any]] = []
    stories = (story for story in world.stories("ranks") if story.tricky)
    for pairs, story in zip((9, 1, 1, 8, 1, 11, 1, 2, 6, 1), stories, strict=False):
        for number in range(pairs):
            sides = [world.solve(story), f"{world.solve(story, rng, wrong=1.0)}{number}"]
            chosen, rejected = ("\n".join([text] * (4 if len(rows) % 3 == 0 else 1)) for text in sides)
            rows.append({"prompt": f"{story.question}\n", "chosen": chosen, "rejected": rejected})
    return rows


class Kill(TrainerCallback):
    """Ends a process as a failing machine would, at the end of a step, where torchrun has restarted it so often."""

    def __init__(self, rank: int, step: int, restarts: int) -> None:
        self.due = (rank, step, restarts)

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        if (args.process_index, state.global_step, int(os.environ["TORCHELASTIC_RESTART_COUNT"])) == self.due:
            os.kill(os.getpid(), signal.SIGKILL)


def make_trainer(run: dict[str, Any]) -> DPOTrainer:
    student = run["student"]
    dtype = getattr(torch, run.get("dtype", "float64"))
    peft = None
    if run.get("lora"):
        from peft import LoraConfig

        torch.manual_seed(0)
        peft = LoraConfig(r=4, target_modules="all-linear", task_type="CAUSAL_LM")
    args = DPOConfig(output_dir=run["out"], **{**DEFAULTS, **run.get("options", {})})
    trainer = DPOTrainer(
        AutoModelForCausalLM.from_pretrained(student, dtype=dtype),
        args=args,
        train_dataset=make_rows(),
        eval_dataset=make_rows()[:9] if "eval_strategy" in run.get("options", {}) else None,
        processing_class=AutoTokenizer.from_pretrained(student),
        peft_config=peft,
    )
    if "kill" in run:
        trainer.add_callback(Kill(*run["kill"]))
    return trainer


def train(run: dict[str, Any]) -> None:
    """Train, and write down weights, log, and how much work each process had in each step."""
    trainer = make_trainer(run)
    work = [sum(b.tokens for b in step["batches"] if not b.ghost) for step in trainer.get_train_dataloader()]
    work_of_all = gather_object([work])
    trainer.train(resume_from_checkpoint=run.get("resume"))
    trainer.save_model()
    if trainer.is_world_process_zero():
        out = Path(run["out"])
        (out / "log.json").write_text(json.dumps({"log": trainer.state.log_history, "work": work_of_all}))


def main(file: str) -> None:
    """Several trainings, one after the other."""
    for run in json.loads(Path(file).read_text()):
        os.environ.pop("ACCELERATE_USE_FSDP", None)  # which accelerate sets for good
        train(run)


if __name__ == "__main__":
    main(sys.argv[1])
    if torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()
    sys.stdout.flush()
    os._exit(0)  # a thread of gloo now and then aborts in the C++ destructors
