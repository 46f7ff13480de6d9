"""Train from the command line, on one device or on many.

    python -m trainer dpo --model M --dataset pairs.jsonl --output_dir out --loss_type dpo sft --loss_weights 1 0.2
    torchrun --nproc_per_node 8 --module trainer dpo ... --bf16 --fsdp full_shard --fsdp_config fsdp.json
    torchrun --nproc_per_node 8 --module trainer sft --model M --dataset texts.jsonl --output_dir out

Every field of DPOConfig (SFTConfig) is an option. LoRA: --lora_r 16 and its fellows; needs the package peft.
"""

from __future__ import annotations

import atexit
import logging
import os
import sys
from dataclasses import dataclass, field
from typing import Any

from transformers import HfArgumentParser

from trainer import DPOConfig, DPOTrainer, SFTConfig, SFTTrainer
from trainer.errors import TrainerError
from trainer.sources import read_rows


@dataclass
class ScriptArguments:
    """What is trained, and on what."""

    model: str = field(metadata={"help": "Folder or hub id of the model."})
    dataset: str = field(metadata={"help": "A .jsonl, .parquet or .csv file, or a data set's folder or hub id."})
    eval_dataset: str | None = field(default=None, metadata={"help": "The same, for evaluation."})
    split: str = field(default="train", metadata={"help": "Split of a data set with several."})
    eval_split: str = field(default="validation", metadata={"help": "Split for evaluation, of a set with several."})
    ref_model: str | None = field(default=None, metadata={"help": "Another reference than the model at the start."})
    resume: str | None = field(default=None, metadata={"help": "Checkpoint folder to go on from."})
    lora_r: int | None = field(default=None, metadata={"help": "Rank of LoRA adapters; none by default."})
    lora_alpha: int = field(default=32, metadata={"help": "LoRA's scale."})
    lora_target_modules: list[str] | None = field(default=None, metadata={"help": "Modules that get adapters."})


def main(arguments: list[str]) -> int:
    """Returns 0, or 2 for input that cannot be trained on."""
    if not arguments or arguments[0] not in ("dpo", "sft"):
        print(__doc__, file=sys.stderr)
        return 0 if arguments in (["-h"], ["--help"]) else 2
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    kind = arguments[0]
    parser = HfArgumentParser((ScriptArguments, DPOConfig if kind == "dpo" else SFTConfig))
    try:
        script, args = parser.parse_args_into_dataclasses(arguments[1:])
        rows: dict[str, Any] = {"train_dataset": read_rows(script.dataset, script.split), "peft_config": _lora(script)}
        if script.eval_dataset:
            rows["eval_dataset"] = read_rows(script.eval_dataset, script.eval_split)
        trainer: DPOTrainer | SFTTrainer
        if kind == "dpo":
            trainer = DPOTrainer(script.model, script.ref_model, args, **rows)
        else:
            trainer = SFTTrainer(script.model, args, **rows)
        trainer.train(resume_from_checkpoint=script.resume)
    except (TrainerError, ValueError) as error:
        print(f"trainer: {error}", file=sys.stderr)
        return 2
    trainer.save_model()
    return 0


def _lora(script: ScriptArguments) -> object:
    if script.lora_r is None:
        return None
    from peft import LoraConfig

    return LoraConfig(
        r=script.lora_r,
        lora_alpha=script.lora_alpha,
        target_modules=script.lora_target_modules or "all-linear",
        task_type="CAUSAL_LM",
    )


def leave(code: int) -> None:
    """End this process; under torchrun without the C++ destructors, in which a thread of gloo now and then aborts."""
    import torch.distributed as dist

    if dist.is_available() and dist.is_initialized():
        dist.destroy_process_group()
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    sys.exit(code)


if __name__ == "__main__":
    leave(main(sys.argv[1:]))
