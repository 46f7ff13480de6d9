"""What the filters' tests share: one problem in two languages, and the real texts."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pipeline.filters.base import Texts

QUESTION = "Janet's ducks lay 16 eggs per day. She eats three and bakes with four. She sells the rest for $2. How much?"
CHINESE = "鸭子每天下16个蛋，吃掉三个，做松饼用四个，其余每个卖2元。每天卖多少元？"
RIGHT = "She has 16 - 3 - 4 = 9 eggs left.\nShe makes 9 * 2 = $18 a day.\n#### 18"
WRONG = "She has 16 - 3 = 13 eggs left.\nShe makes 13 * 2 = $26 a day.\n#### 26"
RIGHT_ZH = "剩下 16 - 3 - 4 = 9 个蛋。\n每天卖 9 * 2 = 18 元。\n答：18"
MODELS = ("6b_finetuning", "6b_verification", "175b_finetuning", "175b_verification")


def make_pair(
    chosen: str = RIGHT,
    rejected: str = WRONG,
    *,
    question: str = QUESTION,
    answer: str | None = "18",
    system: str = "",
) -> Texts:
    """A pair; the prompt is the system turn and the question."""
    prompt = f"{system}\n\n{question}" if system else question
    return Texts("p", prompt, question, chosen, rejected, answer)


def read_lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def read_rationales(shared_data: Path) -> list[Texts]:
    """GSM8K's test problems with the authors' rationales."""
    rows = read_lines(shared_data / "gsm8k" / "test.jsonl")
    return [make_pair(r["answer"], question=r["question"], answer=r["answer"].rsplit("#### ", 1)[1]) for r in rows]


def read_attempts(shared_data: Path, *, right: bool | None = True) -> Iterator[Texts]:
    """Four models' answers to GSM8K, those called right, wrong, or all."""
    for row in read_lines(shared_data / "gsm8k" / "example_model_solutions.jsonl"):
        answer = row["ground_truth"].rsplit("A: ", 1)[1]
        for model in MODELS:
            if right is None or row[model]["is_correct"] is right:
                yield make_pair(row[model]["solution"], question=row["question"], answer=answer)


def read_pairs(shared_data: Path) -> list[Texts]:
    """One model's right answer against another's wrong one to the same problem, wherever there are such."""
    rows = read_lines(shared_data / "gsm8k" / "example_model_solutions.jsonl")
    return [
        make_pair(
            row[better]["solution"],
            row[worse]["solution"],
            question=row["question"],
            answer=row["ground_truth"].rsplit("A: ", 1)[1],
        )
        for row in rows
        for better, worse in itertools.permutations(MODELS, 2)
        if row[better]["is_correct"] and not row[worse]["is_correct"]
    ]


def read_math(shared_data: Path) -> list[Texts]:
    """Worked solutions of MATH and a model's right answers."""
    rows = read_lines(shared_data / "math_attempts" / "attempts.jsonl")
    return [
        make_pair(text, question=row["question"], answer=row["answer"])
        for row in rows
        for text in [
            row["solution"],
            *(t for t, label in zip(row["responses"], row["labels"], strict=True) if label),
        ]
    ]


@pytest.fixture(scope="session")
def real_pairs(shared_data: Path) -> list[Texts]:
    """All real texts that are right, as chosen texts."""
    return [*read_rationales(shared_data), *read_attempts(shared_data), *read_math(shared_data)]
