"""How long the processes of a training wait for one another, with real answers of uneven length.

    python benchmarks/balance.py [--quick] [--json FILE]

Nothing is trained: the trainer's own plans are made for every step of an epoch, and what each process has to compute is
counted in floating point operations of a Qwen3-4B. `idle` is the share of the processes' time in which they wait: under
DDP at the end of each step, under FSDP2 after each micro-batch of 4,096 tokens. `uncut` is the same with DDP where no
trie is cut. `time` is how long a step takes, of the time that it would take if the uncut work could be shared out
evenly; cut tries compute their prompt twice, which is in it. Pairs of one prompt come into one step, as by default.

The data are GSM8K problems with the wrong answers of four models, one a problem or up to four, and MATH problems with
up to 16 pairs of one model's right and wrong answers, in tokens of a vocabulary learnt from them.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Sequence
from typing import Any

from report import ROOT, make_parser, make_target, report

DATA = ROOT.parent / "shared" / "data"
MODELS = ("6b_finetuning", "6b_verification", "175b_finetuning", "175b_verification")
BUDGET = 4096
CASES = ((2, 64), (8, 64), (8, 128), (32, 128), (32, 512))
"""Processes, and pairs of a step."""
PARAMETERS, HEAD, LAYERS, HEADS_WIDTH = 3.6e9, 0.39e9, 36, 4096
"""Of a Qwen3-4B: in the layers, in the head; layers, and width of their heads together."""

Pair = tuple[str, str, str]


def main() -> None:
    args = make_parser(__doc__ or "").parse_args()
    if not DATA.is_dir():
        raise SystemExit(f"the data is not there: {DATA}")
    sets = {"GSM8K 1:1": list(read_gsm8k(1)), "GSM8K 1:4": list(read_gsm8k(4)), "MATH 1:16": list(read_math(16))}
    encode = learn_tokens([text for pairs in sets.values() for pair in pairs for text in pair])
    rows, targets = [], []
    for name, pairs in sets.items():
        examples = make_examples(pairs, encode)
        for ranks, size in CASES:
            if len(examples) < size or (args.quick and ranks > 8):
                continue
            row = {"data": name, "processes": ranks, "pairs": size, **measure(examples, ranks, size)}
            rows.append(row)
            if "GSM8K" in name and ranks <= 8:
                told = f"{name}, {ranks} processes, {size} pairs: idle under DDP"
                targets.append(make_target(told, row["idle DDP"], 0.05, at_most=True))
    report(rows, targets, args.json)


def measure(examples: Sequence[Any], ranks: int, size: int) -> dict[str, Any]:
    """Work and waiting over an epoch, whole steps only."""
    from trainer.balance import balance
    from trainer.layouts import Tree
    from trainer.steps import StepMaker, StepSampler

    layout = Tree()
    ddp_steps, fsdp_steps = (
        StepMaker(layout, 0, BUDGET, ranks=ranks, weigh=weigh, lockstep=lockstep) for lockstep in (False, True)
    )
    busy = lowest = ddp = fsdp = uncut = 0.0
    tries = steps = 0
    for numbers in StepSampler(examples, size, seed=0, shuffle=True, group=True, drop_last=True):
        group = [examples[i] for i in numbers]
        units = layout.units(group, BUDGET)
        whole = [sum(weigh(block) for unit in part for block in unit) for part in balance(units, ranks, weigh)]
        lowest += sum(whole)
        uncut += ranks * max(whole)
        loads = [sum(weigh_plan(plan) for plan in own if not plan.ghost) for own in ddp_steps.plan(group)]
        busy += sum(loads)
        ddp += ranks * max(loads)
        together = zip(*fsdp_steps.plan(group), strict=True)
        fsdp += ranks * sum(max(map(weigh_plan, plans)) for plans in together)
        tries += len(units)
        steps += 1
    return {
        "steps": steps,
        "tries a step": tries / steps,
        "idle DDP": 1 - busy / ddp,
        "idle FSDP2": 1 - busy / fsdp,
        "idle uncut": 1 - lowest / uncut,
        "time DDP": ddp / lowest,
        "time uncut": uncut / lowest,
    }


def weigh(block: Any) -> float:
    """Operations of a trie, forward and backward (PaLM, arXiv 2204.02311, appendix B)."""
    from trainer.speed import count_flops

    return count_flops(block, 6 * PARAMETERS, 6 * HEAD, 12 * LAYERS * HEADS_WIDTH)


def weigh_plan(plan: Any) -> float:
    """Of a micro-batch."""
    return sum(weigh(block) for row in plan.rows for block in row)


def read_gsm8k(most: int) -> Iterator[Pair]:
    """Question, solution, wrong answer."""
    file = DATA / "gsm8k" / "example_model_solutions.jsonl"
    for line in file.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        wrong = dict.fromkeys(row[name]["solution"] for name in MODELS if not row[name]["is_correct"])
        yield from ((row["question"], row["ground_truth"], text) for text in list(wrong)[:most])


def read_math(most: int) -> Iterator[Pair]:
    """Question, right answer, wrong answer; the data's own solution where no answer is right."""
    file = DATA / "math_attempts" / "attempts.jsonl"
    for line in file.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        sides: tuple[list[str], list[str]] = ([], [])
        for text, right in zip(row["responses"], row["labels"], strict=True):
            sides[not right].append(text)
        pairs = itertools.product(dict.fromkeys(sides[0] or [row["solution"]]), dict.fromkeys(sides[1]))
        yield from ((row["question"], *pair) for pair in itertools.islice(pairs, most))


def learn_tokens(texts: Sequence[str]) -> Any:
    """Learn a byte-level vocabulary of 16,384 pieces; returns what turns a text into ids."""
    from tokenizers import Tokenizer, models, pre_tokenizers, trainers

    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=16384, initial_alphabet=alphabet, show_progress=False)
    bpe.train_from_iterator(texts, trainer)
    return lambda text: tuple(bpe.encode(text).ids)


def make_examples(pairs: Sequence[Pair], encode: Any) -> list[Any]:
    from trainer.data import Example

    return [Example(encode(p), (encode(a), encode(b)), f"row {i}") for i, (p, a, b) in enumerate(pairs) if a != b]


if __name__ == "__main__":
    main()
