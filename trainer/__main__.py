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
import traceback
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from transformers import HfArgumentParser

from trainer import DPOConfig, DPOTrainer, SFTConfig, SFTTrainer
from trainer.checkpoints import newest_checkpoint
from trainer.disk import find_refusal
from trainer.errors import NotSaved, TrainerError, printable
from trainer.sources import read_rows

log = logging.getLogger(__name__)
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
        default=False, metadata={"help": "Run the Python code that --model and --ref_model bring."}
    )
    lora_r: int | None = field(default=None, metadata={"help": "Rank of LoRA adapters; none by default."})
    lora_alpha: int = field(default=32, metadata={"help": "LoRA's scale."})
    lora_target_modules: list[str] | None = field(default=None, metadata={"help": "Modules that get adapters."})


def main(arguments: list[str]) -> int:
    """Returns 0, 2 for input that cannot be trained on, or 3 where training stopped and can go on."""
    if not arguments or arguments[0] not in ("dpo", "sft"):
        print(__doc__, file=sys.stderr)
        return 0 if arguments in (["-h"], ["--help"]) else 2
    handler = logging.StreamHandler()
    handler.setFormatter(PrintableFormatter("%(message)s"))
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    output = None
    try:
        parser = HfArgumentParser((ScriptArguments, DPOConfig if arguments[0] == "dpo" else SFTConfig))
        script, args = parser.parse_args_into_dataclasses(arguments[1:])
        output = Path(args.output_dir)
        trainer = _make_trainer(arguments[0], script, args)
        trainer.train(resume_from_checkpoint=script.resume)
        step, steps = trainer.state.global_step, trainer.state.max_steps
        if step < steps:
            return _stop(f"stopped at step {step} of {steps} by the guard", output, GUARD)
        trainer.save_model()
    except NotSaved as error:
        _tell(str(error))
        return 3
    except (TrainerError, ValueError) as error:
        _tell(str(error))
        return 2
    except KeyboardInterrupt:
        return _stop("stopped by Ctrl-C", output)
    except OSError as error:
        refusal = find_refusal(error)
        if refusal is not None:
            return _stop(f"{error.filename or 'a file'} was not written: {refusal}", output)
        if error.filename is None:
            raise
        _tell(f"{error.filename}: {error.strerror}")
        return 2
    return 0


def _stop(what: str, output: Path | None, change: str = "") -> int:
    newest = None if output is None else newest_checkpoint(output)
    if newest is None:
        told = "there is no checkpoint, so the same command begins anew"
    else:
        told = f"{newest} is whole, and the same command with --resume last{change} goes on from there"
    _tell(f"{what}; {told}")
    return 3


def _tell(what: str) -> None:
    print(f"trainer: {printable(what)}", file=sys.stderr)


class PrintableFormatter(logging.Formatter):
    """Lines in which nothing acts on a terminal, whatever models, rows and files are called."""

    def format(self, record: logging.LogRecord) -> str:
        """As logging does it."""
        return printable(super().format(record))


def _make_trainer(kind: str, script: ScriptArguments, args: Any) -> DPOTrainer | SFTTrainer:
    rows: dict[str, Any] = {"train_dataset": read_rows(script.dataset, script.split), "peft_config": _lora(script)}
    if script.eval_dataset:
        rows["eval_dataset"] = read_rows(script.eval_dataset, script.eval_split)
        if args.eval_strategy == "no":
            log.warning("eval_dataset is never looked at: give --eval_strategy steps --eval_steps 100, or leave it out")
    rows["trust_remote_code"] = script.trust_remote_code
    if kind == "dpo":
        rows["trust_reference_code"] = script.trust_remote_code
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
    """End this process; under torchrun without the C++ destructors, in which a thread of gloo now and then aborts.

    One that failed waits for nobody: the others may be in a collective that never ends, until torchrun ends them.
    """
    import torch.distributed as dist

    if dist.is_available() and dist.is_initialized():
        if code == 0:
            dist.destroy_process_group()
            atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    sys.exit(code)


if __name__ == "__main__":
    try:
        status = main(sys.argv[1:])
    except Exception:
        traceback.print_exc()
        status = 1
    leave(status)
