"""Train the demo student from nothing: `python -m errata.demo.pretrain --out DIR` (about half an hour on 2 cores).

1. A byte-level BPE of 512 tokens is trained on stories; digits stay single tokens.
2. Supervised training on correct solutions teaches the arithmetic.
3. A short second phase on solutions with planted mistakes gives the student its misconceptions.

Seeded throughout; a second run differs by floating-point noise only. The loss covers the solution's tokens alone.
"""

from __future__ import annotations

import argparse
import itertools
import json
import math
import random
import time
from collections.abc import Iterator
from pathlib import Path

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast, Qwen3Config, Qwen3ForCausalLM

from errata.demo import world

PAD, END = "<|pad|>", "<|end|>"
SPECIAL = [PAD, END, "<|system|>", "<|user|>", "<|assistant|>"]
CHAT_TEMPLATE = (
    "{%- for message in messages -%}<|{{ message['role'] }}|>{{ message['content'] }}<|end|>{%- endfor -%}"
    "{%- if add_generation_prompt -%}<|assistant|>{%- endif -%}"
)


def train_tokenizer(vocab_size: int = 512) -> PreTrainedTokenizerFast:
    """A byte-level BPE trained on the world's own texts; every digit is a token of its own."""
    sample = itertools.islice(world.stories("tokenizer"), 5000)
    texts = [f"{story.question}\n{world.solve(story)}" for story in sample]
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size, special_tokens=SPECIAL, initial_alphabet=alphabet, show_progress=False
    )
    tokenizer.train_from_iterator(texts, trainer)
    return wrap_tokenizer(tokenizer)


def wrap_tokenizer(tokenizer: Tokenizer) -> PreTrainedTokenizerFast:
    """The tokenizer as transformers has it, with the chat template and padding on the left."""
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, pad_token=PAD, eos_token=END, padding_side="left")
    fast.chat_template = CHAT_TEMPLATE
    return fast


def new_student(vocab_size: int = 512) -> Qwen3ForCausalLM:
    """An untrained student: Qwen3 architecture, 0.9M parameters."""
    config = Qwen3Config(
        vocab_size=vocab_size,
        hidden_size=128,
        intermediate_size=384,
        num_hidden_layers=4,
        num_attention_heads=4,
        num_key_value_heads=4,
        head_dim=32,
        max_position_embeddings=512,
        rope_parameters={"rope_type": "default", "rope_theta": 10000.0},
        tie_word_embeddings=True,
        pad_token_id=SPECIAL.index(PAD),
        eos_token_id=SPECIAL.index(END),
        bos_token_id=None,
    )
    return Qwen3ForCausalLM(config)


def make_batch(tokenizer, stream, rng, size, wrong):
    """Tokenise `size` stories; returns ids and labels of shape [size, longest], labels -100 off the solution."""
    rows = []
    for story in itertools.islice(stream, size):
        solution = world.solve(story, rng, wrong)
        prompt = tokenizer(f"<|user|>{story.question}<|end|><|assistant|>")["input_ids"]
        completion = tokenizer(f"{solution}<|end|>")["input_ids"]
        rows.append((prompt, completion))
    return pad_rows(rows)


def pad_rows(rows: list[tuple[list[int], list[int]]]) -> tuple[torch.Tensor, torch.Tensor]:
    """Ids and labels, [rows, longest], of (prompt, completion) token lists; labels are -100 off the completions."""
    width = max(len(p) + len(c) for p, c in rows)
    ids = torch.full((len(rows), width), SPECIAL.index(PAD))
    labels = torch.full((len(rows), width), -100)
    for i, (p, c) in enumerate(rows):
        ids[i, : len(p) + len(c)] = torch.tensor(p + c)
        labels[i, len(p) : len(p) + len(c)] = torch.tensor(c)
    return ids, labels


def run_phase(model, tokenizer, *, seed, steps, lr, wrong, size=32):
    """Supervised training on the stories of one stream."""
    rng, stream = random.Random(seed), world.stories(seed)
    batches = (make_batch(tokenizer, stream, rng, size, wrong) for _ in itertools.count())
    for _ in optimise(model, batches, name=seed, steps=steps, lr=lr):
        pass


def optimise(
    model: Qwen3ForCausalLM, batches: Iterator[tuple[torch.Tensor, torch.Tensor]], *, name: str, steps: int, lr: float
) -> Iterator[int]:
    """AdamW with 100 warm-up steps and a cosine to zero; yields each step's number once it is made.

    Right padding needs no mask under a causal model.
    """
    optimizer = torch.optim.AdamW(model.parameters(), lr=lr, weight_decay=0.01, betas=(0.9, 0.98))
    shape = lambda s: min(1.0, (s + 1) / 100) * 0.5 * (1 + math.cos(math.pi * s / steps))  # noqa: E731
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, shape)
    started = time.time()
    for step in range(steps):
        ids, labels = next(batches)
        loss = model(input_ids=ids, labels=labels).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        optimizer.zero_grad()
        if step % 100 == 0 or step == steps - 1:
            print(f"{name} step {step} loss {loss.item():.4f} ({time.time() - started:.0f} s)", flush=True)
        yield step


def greedy_accuracy(model, tokenizer, count=300, seed="pretrain-test") -> float:
    """Share of `count` fresh stories that greedy decoding answers right."""
    tests = list(itertools.islice(world.stories(seed), count))
    right = 0
    for start in range(0, count, 100):
        part = tests[start : start + 100]
        texts = [f"<|user|>{story.question}<|end|><|assistant|>" for story in part]
        batch = tokenizer(texts, return_tensors="pt", padding=True)
        out = model.generate(
            input_ids=batch["input_ids"], attention_mask=batch["attention_mask"], max_new_tokens=100, do_sample=False
        )
        written = tokenizer.batch_decode(out[:, batch["input_ids"].shape[1] :], skip_special_tokens=True)
        golds = [world.answer_of(world.solve(story)) for story in part]
        right += sum(text.rstrip().endswith(f"#### {gold}") for text, gold in zip(written, golds, strict=True))
    return float(right / count)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="folder for the trained student")
    parser.add_argument("--steps", type=int, default=5000, help="steps of the first phase")
    parser.add_argument("--spoil-steps", type=int, default=500, help="steps of the second phase")
    parser.add_argument("--wrong", type=float, default=0.6, help="share of misconceived steps in the second phase")
    parser.add_argument(
        "--able", type=Path, help="skip the first phase: a student that an earlier run left in OUT/able"
    )
    args = parser.parse_args()
    torch.manual_seed(0)
    tokenizer, model = train_tokenizer(), new_student()
    print(f"{sum(p.numel() for p in model.parameters()):,} parameters, {len(tokenizer)} tokens")
    if args.able:
        model = Qwen3ForCausalLM.from_pretrained(args.able)
    else:
        run_phase(model, tokenizer, seed="correct", steps=args.steps, lr=3e-3, wrong=0.0)
    able = greedy_accuracy(model, tokenizer)
    print(f"after correct solutions: {able:.3f}", flush=True)
    if not args.able:
        model.save_pretrained(args.out / "able")
    run_phase(model, tokenizer, seed="spoilt", steps=args.spoil_steps, lr=1e-3, wrong=args.wrong)
    spoilt = greedy_accuracy(model, tokenizer)
    print(f"after planted mistakes: {spoilt:.3f}")
    model.save_pretrained(args.out)
    tokenizer.save_pretrained(args.out)
    record = {"torch": torch.__version__, "steps": args.steps, "able": able, "spoilt": spoilt}
    (args.out / "training.json").write_text(json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main()
