"""Pairs a second, tokens a pair and peak memory of training, beside TRL on the same pairs and the same model.

    python benchmarks/train_vs_trl.py [--quick] [--json FILE]      a 12M-parameter Qwen3, on the CPU
    python benchmarks/train_vs_trl.py --cuda [--json FILE]         Qwen3 shapes of 0.5B, 1.7B and 4B, bf16, on a GPU

The pairs are real: GSM8K problems, the data set's solution as chosen, wrong answers of four models as rejected; one for
each problem (1:1), or all that there are (up to 1:4). Both sides take the same pairs in the same order, 32 a step, with
the same learning rate, and start from the same random weights. TRL runs at its best: precomputed reference, no
checkpointing, and the micro-batch size that is fastest for it, which the sweep in the JSON file shows. Every run is a
process of its own; memory is its largest resident size. The reference pass is timed on neither side.
The 12M model has the proportions of Qwen3-4B: its vocabulary is 64 times its width (59 times there).
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from report import ROOT, make_parser, make_target, report

DATA = ROOT.parent / "shared" / "data" / "gsm8k" / "example_model_solutions.jsonl"
STUDENTS = ("6b_finetuning", "6b_verification", "175b_finetuning", "175b_verification")
STEP_PAIRS = 32
CASES = {"1:1": 1, "up to 1:4": 4}
SHAPES = {
    "12M": {"hidden_size": 256, "intermediate_size": 768, "num_hidden_layers": 10, "num_attention_heads": 4,
            "num_key_value_heads": 2, "head_dim": 64, "vocab_size": 16384},
    "0.5B": {"hidden_size": 1024, "intermediate_size": 3072, "num_hidden_layers": 28, "num_attention_heads": 16,
             "num_key_value_heads": 8, "head_dim": 128, "vocab_size": 151936},
    "1.7B": {"hidden_size": 2048, "intermediate_size": 6144, "num_hidden_layers": 28, "num_attention_heads": 16,
             "num_key_value_heads": 8, "head_dim": 128, "vocab_size": 151936},
    "4B": {"hidden_size": 2560, "intermediate_size": 9728, "num_hidden_layers": 36, "num_attention_heads": 32,
           "num_key_value_heads": 8, "head_dim": 128, "vocab_size": 151936},
}  # fmt: skip


def main() -> None:
    parser = make_parser(__doc__ or "")
    parser.add_argument("--data", type=Path, default=DATA, help="example_model_solutions.jsonl of GSM8K")
    parser.add_argument("--cuda", action="store_true", help="on a GPU, with larger models")
    parser.add_argument("--side", choices=("errata", "trl"), help=argparse.SUPPRESS)
    parser.add_argument("--work", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--steps", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--batch", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--tokens", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--attention", default="sdpa", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.side:
        run_side(args)
    elif args.cuda:
        compare_on_gpu(args)
    else:
        compare_on_cpu(args)


def compare_on_cpu(args: argparse.Namespace) -> None:
    steps, sweep_steps = (2, 1) if args.quick else (10, 2)
    batches = (8,) if args.quick else (2, 4, 8, 16)
    rows, targets, curves = [], [], {}
    for case, rejected in CASES.items():
        with tempfile.TemporaryDirectory() as folder:
            work = Path(folder)
            prepare(work, args.data, rejected, "12M", pairs=steps * STEP_PAIRS)
            sweep = {b: start(work, "trl", sweep_steps, batch=b)["pairs_per_second"] for b in batches}
            best = max(sweep, key=lambda b: sweep[b])
            # TRL, ours, TRL, ours: what else the machine does meets both
            made = {"trl": [], "errata": []}
            for _ in range(1 if args.quick else 2):
                made["trl"].append(start(work, "trl", steps, batch=best))
                made["errata"].append(start(work, "errata", steps))
        both = {side: merge(runs) for side, runs in made.items()}
        speed = both["errata"]["pairs_per_second"] / both["trl"]["pairs_per_second"]
        memory = both["errata"]["peak_gb"] / both["trl"]["peak_gb"]
        off = max(abs(a - b) for a, b in zip(both["errata"]["losses"], both["trl"]["losses"], strict=True))
        for side, run in both.items():
            shown = {name: run[name] for name in ("pairs_per_second", "tokens_per_pair", "peak_gb")}
            more = {"trl_batch": best if side == "trl" else None}
            rows.append({"case": case, "side": side, **shown, **more})
        curves[case] = {"trl_sweep_pairs_per_second": sweep, **{f"losses_{s}": r["losses"] for s, r in both.items()}}
        fast, small = (4, 0.35) if rejected == 1 else (6, 0.25)
        targets += [
            make_target(f"{case}: pairs/s, times TRL's", speed, fast),
            make_target(f"{case}: peak memory, times TRL's", memory, small, at_most=True),
            make_target(f"{case}: largest difference of the first {steps} losses", off, 1e-3, at_most=True),
        ]
        print(f"first losses, {case}:  errata", *(f"{x:.4f}" for x in both["errata"]["losses"]))
        print(f"first losses, {case}:  trl   ", *(f"{x:.4f}" for x in both["trl"]["losses"]))
    report(rows, targets, args.json)
    if args.json:
        content = json.loads(args.json.read_text())
        args.json.write_text(json.dumps({**content, "details": curves}, indent=1) + "\n")


def compare_on_gpu(args: argparse.Namespace) -> None:
    rows, targets = [], []
    for shape, tokens in (("0.5B", 16384), ("1.7B", 16384), ("4B", 8192)):
        for case, rejected in CASES.items():
            with tempfile.TemporaryDirectory() as folder:
                work = Path(folder)
                prepare(work, args.data, rejected, shape, pairs=6 * STEP_PAIRS)
                ours = start(work, "errata", 6, tokens=tokens)
                rows.append({"model": shape, "case": case, "side": "errata", "attention": "flex", **pick(ours)})
                peers = []
                for attention in ("sdpa", "flash_attention_2"):
                    peer = start(work, "trl", 4, batch=8, attention=attention, may_fail=True)
                    if peer:
                        peers.append(peer)
                        rows.append({"model": shape, "case": case, "side": "trl", "attention": attention, **pick(peer)})
                best = max((peer["pairs_per_second"] for peer in peers), default=None)
                times = None if best is None else ours["pairs_per_second"] / best
                targets.append(make_target(f"{shape} {case}: pairs/s, times TRL's", times, 2 if rejected == 1 else 4))
                targets.append(make_target(f"{shape} {case}: MFU over distinct tokens", ours.get("mfu"), 0.45))
    report(rows, targets, args.json)


def pick(run: dict[str, Any]) -> dict[str, Any]:
    return {name: run.get(name) for name in ("pairs_per_second", "tokens_per_pair", "peak_gb", "mfu")}


def merge(runs: list[dict[str, Any]]) -> dict[str, Any]:
    """Medians of the numbers; the losses are those of the first run."""
    numbers = [name for name, value in runs[0].items() if isinstance(value, float)]
    return {**runs[0], **{name: statistics.median(run[name] for run in runs) for name in numbers}}


def prepare(work: Path, data: Path, rejected: int, shape: str, pairs: int) -> None:
    """Write pairs, tokenizer and the model that both sides start from."""
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import AutoModelForCausalLM, PreTrainedTokenizerFast, Qwen3Config

    rows = []
    for line in data.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        wrong = [row[name]["solution"] for name in STUDENTS if not row[name]["is_correct"]]
        for text in dict.fromkeys(wrong[:rejected]):
            rows.append({"prompt": f"{row['question']}\n", "chosen": row["ground_truth"], "rejected": text})
    rows = [row for row in rows if row["chosen"] != row["rejected"]][:pairs]
    (work / "pairs.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    texts = (text for line in data.read_text(encoding="utf-8").splitlines() for text in _texts(json.loads(line)))
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    bpe.train_from_iterator(
        texts, trainers.BpeTrainer(vocab_size=16384, special_tokens=["<pad>", "<end>"], initial_alphabet=alphabet)
    )
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=bpe, eos_token="<end>", pad_token="<pad>")
    tokenizer.save_pretrained(work / "model")
    torch.manual_seed(0)
    config = Qwen3Config(
        **SHAPES[shape], tie_word_embeddings=True, max_position_embeddings=4096, eos_token_id=1, pad_token_id=0
    )
    model = AutoModelForCausalLM.from_config(config, dtype=torch.float32 if shape == "12M" else torch.bfloat16)
    model.save_pretrained(work / "model")


def _texts(row: dict[str, Any]) -> list[str]:
    return [row["question"], row["ground_truth"], *(row[name]["solution"] for name in STUDENTS)]


def start(work: Path, side: str, steps: int, *, may_fail: bool = False, **options: Any) -> dict[str, Any]:
    """Run one side in a process of its own."""
    command = [sys.executable, __file__, "--side", side, "--work", work, "--steps", steps]
    command += [part for name, value in options.items() for part in (f"--{name}", value)]
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True)
    if done.returncode and may_fail:
        print(f"{side} {options} could not run: {done.stderr.strip().splitlines()[-1]}", file=sys.stderr)
        return {}
    if done.returncode:
        raise SystemExit(done.stderr)
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    print(f"{side:6} {options} {result['pairs_per_second']:.2f} pairs/s, {result['peak_gb']:.2f} GB", file=sys.stderr)
    return result


def run_side(args: argparse.Namespace) -> None:
    """Train for some steps and print what it took, as JSON."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, TrainerCallback

    cuda = torch.cuda.is_available()
    rows = [json.loads(line) for line in (args.work / "pairs.jsonl").read_text().splitlines()]
    rows = rows[: args.steps * STEP_PAIRS]
    model = AutoModelForCausalLM.from_pretrained(
        args.work / "model", dtype="auto", attn_implementation=args.attention, device_map="cuda" if cuda else None
    )
    tokenizer = AutoTokenizer.from_pretrained(args.work / "model")
    stamps: list[float] = []

    class Clock(TrainerCallback):
        def on_step_begin(self, *_: Any, **__: Any) -> None:
            if not stamps:
                stamps.append(time.perf_counter())

        def on_step_end(self, *_: Any, **__: Any) -> None:
            if cuda:
                torch.cuda.synchronize()
            stamps.append(time.perf_counter())

    same: dict[str, Any] = {
        "output_dir": str(args.work / "out"),
        "max_steps": args.steps,
        "learning_rate": 1e-4,
        "lr_scheduler_type": "constant",
        "train_sampling_strategy": "sequential",
        "logging_steps": 1,
        "report_to": "none",
        "save_strategy": "no",
        "disable_tqdm": True,
        "gradient_checkpointing": False,
        "beta": 0.1,
    }
    if args.side == "errata":
        from trainer import DPOConfig, DPOTrainer

        config = DPOConfig(**same, global_batch_pairs=STEP_PAIRS, max_tokens_per_device=args.tokens)
        trainer: Any = DPOTrainer(
            model, args=config, train_dataset=rows, processing_class=tokenizer, callbacks=[Clock()]
        )
        batches = [batch for step in trainer.get_train_dataloader() for batch in step["batches"]]
        tokens = sum(int(batch.filled_BT.sum()) for batch in batches)
    else:
        from datasets import Dataset
        from trl import DPOConfig as PeerConfig
        from trl import DPOTrainer as PeerTrainer

        micro = {"per_device_train_batch_size": args.batch, "gradient_accumulation_steps": STEP_PAIRS // args.batch}
        whole = {"max_length": None, "bf16": cuda, "precompute_ref_log_probs": True, "dataloader_pin_memory": cuda}
        config = PeerConfig(**same, **micro, **whole)
        trainer = PeerTrainer(
            model, args=config, train_dataset=Dataset.from_list(rows), processing_class=tokenizer, callbacks=[Clock()]
        )
        lengths = [
            2 * len(r["prompt_ids"]) + len(r["chosen_ids"]) + len(r["rejected_ids"]) for r in trainer.train_dataset
        ]
        tokens = sum(lengths)
    trainer.train()
    log = trainer.state.log_history
    peak = torch.cuda.max_memory_allocated() if cuda else resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    kept = stamps[1:] if len(stamps) > 2 else stamps  # the first step compiles and warms up
    result = {
        "pairs_per_second": (len(kept) - 1) * STEP_PAIRS / (kept[-1] - kept[0]),
        "tokens_per_pair": tokens / len(rows),
        "peak_gb": peak / 1e9,
        "losses": [line["loss"] for line in log if "loss" in line],
    }
    mfu = [line["mfu"] for line in log if "mfu" in line]
    print(json.dumps(result | ({"mfu": statistics.median(mfu)} if mfu else {})))


if __name__ == "__main__":
    main()
