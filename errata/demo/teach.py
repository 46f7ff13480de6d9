"""Train the demo's teacher from its student: `python -m errata.demo.teach --out DIR` (about forty minutes on one core).

The student knows the arithmetic; lessons (see lessons.py) teach it to find an attempt's first wrong line and to write
the right solution. Half of the attempts are the student's own, sampled beforehand. The teacher speaks in tags, which
are ordinary tokens added to the student's tokenizer.

Seeded throughout; a second run differs by floating-point noise only. The loss covers the replies alone.
"""

from __future__ import annotations

import argparse
import itertools
import json
import random
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from tokenizers import AddedToken
from transformers import AutoModelForCausalLM, AutoTokenizer

from errata.demo import world
from errata.demo.lessons import TAGS, TASKS, fresh_stories, lessons, make_lesson
from errata.demo.pretrain import optimise, pad_rows, wrap_tokenizer

ACCEPTED = "</attempt_right>"
STUDENT = Path(__file__).parent / "student"
Attempted = tuple[world.Story, str]
BATCH, BATCHES = 32, 4
"""Lessons a batch; and how many batches are cut from lessons drawn together, sorted by length."""


def add_tags(tokenizer: Any) -> Any:
    """The student's tokenizer with each opening and closing tag as one token, which decoding keeps."""
    tags = [f"<{slash}{tag}>" for tag in TAGS for slash in ("", "/")]
    backend = tokenizer.backend_tokenizer
    backend.add_tokens([AddedToken(tag, special=False, normalized=False) for tag in tags])
    return wrap_tokenizer(backend)


def write(model: Any, tokenizer: Any, messages: Sequence[str], **options: Any) -> list[str]:
    """The model's reply to each user message; `options` are generate's. Greedy unless they say otherwise."""
    written: list[str] = []
    for start in range(0, len(messages), 128):
        texts = [f"<|user|>{message}<|end|><|assistant|>" for message in messages[start : start + 128]]
        batch = tokenizer(texts, return_tensors="pt", padding=True)
        with torch.no_grad():
            out = model.generate(
                input_ids=batch["input_ids"], attention_mask=batch["attention_mask"], **{"do_sample": False, **options}
            )
        written += tokenizer.batch_decode(out[:, batch["input_ids"].shape[1] :], skip_special_tokens=True)
    return written


def sample_attempts(model: Any, tokenizer: Any, stories: Sequence[world.Story]) -> list[Attempted]:
    """One attempt of the student's at each story, at temperature 1."""
    options = {"do_sample": True, "temperature": 1.0, "top_k": 0, "max_new_tokens": 96}
    return list(zip(stories, write(model, tokenizer, [story.question for story in stories], **options), strict=True))


def make_batches(tokenizer: Any, sampled: Sequence[Attempted]) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Ids and labels of endless lessons, those of like length together."""
    rng, stream = random.Random("errata-teacher-batches"), lessons("lessons", sampled)
    while True:
        drawn = list(itertools.islice(stream, BATCH * BATCHES))
        prompts = tokenizer([f"<|user|>{lesson.prompt}<|end|><|assistant|>" for lesson in drawn])["input_ids"]
        replies = tokenizer([f"{lesson.reply}<|end|>" for lesson in drawn])["input_ids"]
        rows = sorted(zip(prompts, replies, strict=True), key=lambda row: len(row[0]) + len(row[1]))
        starts = list(range(0, len(rows), BATCH))
        rng.shuffle(starts)
        for start in starts:
            yield pad_rows(rows[start : start + BATCH])


def measure(model: Any, tokenizer: Any, attempts: Sequence[Attempted]) -> dict[str, dict[str, float]]:
    """What the greedy teacher replies to these attempts. By task, shares

    `done`: of the wrong answers, that it turns into the right one (`continue_fix`: whose first wrong line it names)
    `word_for_word`: of the wrong answers, where diagnosis and every line are as in the lessons
    `diagnosed`: of the wrong answers, whose diagnosis is word for word the true one
    `accepted`: of the right answers, that it says are right; some of them hold wrong lines that cancel out
    `accepted_rightly`: of the attempts without a wrong line, that it says are right
    """
    found = {}
    for task in TASKS:
        truths = [make_lesson(task, story, text) for story, text in attempts]
        replies = write(model, tokenizer, [truth.prompt for truth in truths], max_new_tokens=112)
        rows = list(zip(truths, replies, strict=True))
        wrong = [row for row in rows if not is_right(row[0].story, row[0].attempt)]
        right = [row for row in rows if is_right(row[0].story, row[0].attempt)]
        clean = [row for row in right if ACCEPTED in row[0].reply]
        found[task] = {
            "done": _share(_ending(task, reply) == _ending(task, truth.reply) for truth, reply in wrong),
            "word_for_word": _share(reply == truth.reply for truth, reply in wrong),
            "diagnosed": _share(reply.split("\n")[0] == truth.reply.split("\n")[0] for truth, reply in wrong),
            "accepted": _share(ACCEPTED in reply for _, reply in right),
            "accepted_rightly": _share(ACCEPTED in reply for _, reply in clean),
        }
    return found


def _ending(task: str, reply: str) -> list[str]:
    return reply.split("\n")[-1 if task == "continue_fix" else -2 :]


def is_right(story: world.Story, attempt: str) -> bool:
    """Whether the attempt's final answer is the true one."""
    return attempt.rstrip().endswith(f"#### {world.answer_of(world.solve(story))}")


def _share(held: Iterable[bool]) -> float:
    counted = list(held)
    return round(sum(counted) / len(counted), 4) if counted else float("nan")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="folder for the trained teacher")
    parser.add_argument("--student", type=Path, default=STUDENT, help="the student that it is trained from")
    parser.add_argument("--steps", type=int, default=5000)
    parser.add_argument("--sampled", type=int, default=6000, help="attempts sampled from the student for the lessons")
    parser.add_argument("--save-every", type=int, default=500, help="steps between checkpoints in OUT")
    args = parser.parse_args()
    started = time.time()
    torch.manual_seed(0)
    tokenizer = AutoTokenizer.from_pretrained(args.student)
    model = AutoModelForCausalLM.from_pretrained(args.student, dtype=torch.float32)
    problems = [story for story in itertools.islice(world.stories("problems"), 400) for _ in range(4)]
    tested = sample_attempts(model, tokenizer, problems)
    sampled = sample_attempts(model, tokenizer, list(itertools.islice(fresh_stories("teacher-student"), args.sampled)))
    print(f"{len(sampled)} attempts sampled ({time.time() - started:.0f} s)", flush=True)
    tokenizer = add_tags(tokenizer)
    model.resize_token_embeddings(len(tokenizer))
    tokenizer.save_pretrained(args.out)
    for step in optimise(model, make_batches(tokenizer, sampled), name="teacher", steps=args.steps, lr=1e-3):
        if (step + 1) % args.save_every == 0 and step + 1 < args.steps:
            model.save_pretrained(args.out)
            print(json.dumps(measure(model, tokenizer, tested[:160])), flush=True)
    model.save_pretrained(args.out)
    measured = measure(model, tokenizer, tested)
    record = {"torch": torch.__version__, "steps": args.steps, "attempts": len(tested), **measured}
    (args.out / "training.json").write_text(json.dumps(record, indent=1) + "\n")
    print(json.dumps(record, indent=1))


if __name__ == "__main__":
    main()
