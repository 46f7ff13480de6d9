"""Train from the command line, on one device or on many.

    python -m trainer dpo --model M --dataset pairs.jsonl --output_dir out --loss_type dpo sft --loss_weights 1 0.2
    torchrun --nproc_per_node 8 --module trainer dpo ... --bf16 --fsdp --fsdp_config fsdp.json
    torchrun --nproc_per_node 8 --module trainer sft --model M --dataset texts.jsonl --output_dir out --resume last

Every field of DPOConfig (SFTConfig) is an option. LoRA: --lora_r 16 and its fellows; needs the package peft.
Exit codes: 0 done, 2 bad input, 3 stopped and resumable, 1 a bug; torchrun makes 1 of all but 0.
"""

from __future__ import annotations

import atexit
import logging
import os
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from transformers import HfArgumentParser

from trainer import DPOConfig, DPOTrainer, SFTConfig, SFTTrainer
from trainer.checkpoints import newest_checkpoint
from trainer.disk import find_refusal
from trainer.errors import NotSaved, TrainerError
from trainer.sources import read_rows

GUARD = " and another --guard_chosen_drop, --learning_rate or --beta"


@dataclass
class ScriptArguments:
    """What is trained, and on what."""

    model: str = field(metadata={"help": "Folder or hub id of the model."})
    dataset: str = field(metadata={"help": "A .jsonl, .parquet or .csv file, or a data set's folder or hub id."})
    eval_dataset: str | None = field(default=None, metadata={"help": "The same, for evaluation."})
    split: str = field(default="train", metadata={"help": "Split of a data set with several."})
    eval_split: str = field(default="validation", metadata={"help": "Split for evaluation, of a set with several."})
    ref_model: str | None = field(default=None, metadata={"help": "Another reference than the model at the start."})
    resume: str | None = field(
        default=None,
        metadata={"help": "Checkpoint folder to go on from; `last`: the newest whole one of output_dir, if any."},
    )
    trust_remote_code: bool = field(
        default=False, metadata={"help": "Run the Python code that the model's folder or repository brings."}
    )
    lora_r: int | None = field(default=None, metadata={"help": "Rank of LoRA adapters; none by default."})
    lora_alpha: int = field(default=32, metadata={"help": "LoRA's scale."})
    lora_target_modules: list[str] | None = field(default=None, metadata={"help": "Modules that get adapters."})


def main(arguments: list[str]) -> int:
    """Returns 0, 2 for input that cannot be trained on, or 3 where training stopped and can go on."""
    if not arguments or arguments[0] not in ("dpo", "sft"):
        print(__doc__, file=sys.stderr)
        return 0 if arguments in (["-h"], ["--help"]) else 2
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    output = None
    try:
        parser = HfArgumentParser((ScriptArguments, DPOConfig if arguments[0] == "dpo" else SFTConfig))
        script, args = parser.parse_args_into_dataclasses(arguments[1:])
        output = Path(args.output_dir)
        trainer = _make_trainer(arguments[0], script, args)
        trainer.train(resume_from_checkpoint=_find_checkpoint(script.resume, output))
        step, steps = trainer.state.global_step, trainer.state.max_steps
        if step < steps:
            return _stop(f"stopped at step {step} of {steps} by the guard", output, GUARD)
        trainer.save_model()
    except NotSaved as error:
        print(f"trainer: {error}", file=sys.stderr)
        return 3
    except (TrainerError, ValueError) as error:
        print(f"trainer: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return _stop("stopped by Ctrl-C", output)
    except OSError as error:
        refusal = find_refusal(error)
        if refusal is not None:
            return _stop(f"{error.filename or 'a file'} was not written: {refusal}", output)
        if error.filename is None:
            raise
        print(f"trainer: {error.filename}: {error.strerror}", file=sys.stderr)
        return 2
    return 0


def _stop(what: str, output: Path | None, change: str = "") -> int:
    newest = None if output is None else newest_checkpoint(output)
    if newest is None:
        told = "there is no checkpoint, so the same command begins anew"
    else:
        told = f"{newest} is whole, and the same command with --resume last{change} goes on from there"
    print(f"trainer: {what}; {told}", file=sys.stderr)
    return 3


def _find_checkpoint(resume: str | None, output: Path) -> str | None:
    if resume != "last":
        return resume
    newest = newest_checkpoint(output)
    return None if newest is None else str(newest)


def _make_trainer(kind: str, script: ScriptArguments, args: Any) -> DPOTrainer | SFTTrainer:
    rows: dict[str, Any] = {"train_dataset": read_rows(script.dataset, script.split), "peft_config": _lora(script)}
    if script.eval_dataset:
        rows["eval_dataset"] = read_rows(script.eval_dataset, script.eval_split)
    rows["trust_remote_code"] = script.trust_remote_code
    if kind == "dpo":
        return DPOTrainer(script.model, script.ref_model, args, **rows)
    return SFTTrainer(script.model, args, **rows)


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
