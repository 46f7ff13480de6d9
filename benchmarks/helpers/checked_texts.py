"""Texts whose verdict is known, for `checker_accuracy.py`: what a text answers, and whether that is the gold answer."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT.parent / "shared" / "data"
TESTS = ROOT / "tests" / "pipeline" / "checkers"
SAMPLES = ("6b_finetuning", "6b_verification", "175b_finetuning", "175b_verification")


class Case(NamedTuple):
    """One text to check."""

    question: str
    gold: str
    text: str
    equal: bool


def read_hard_set() -> list[Case]:
    """Pairs written for this project, 30 kinds of answers, half of them equal."""
    return [Case("", row["answer"], row["response"], row["equal"]) for row in _rows(TESTS / "hard_set.jsonl")]


def read_published_cases() -> list[Case]:
    """The pairs of math-verify 0.9's own tests, long texts shortened, without those whose `fault` says why not."""
    rows = _rows(TESTS / "math_verify_cases.jsonl")
    return [Case("", row["answer"], row["response"], row["equal"]) for row in rows if "fault" not in row]


def read_math_attempts() -> list[Case]:
    """Answers of a strong model to MATH problems; the labels are another grader's and not all right."""
    rows = _rows(DATA / "math_attempts" / "attempts.jsonl")
    return [
        Case(row["question"], row["answer"], text, bool(label))
        for row in rows
        for text, label in zip(row["responses"], row["labels"], strict=True)
    ]


def read_gsm8k() -> list[Case]:
    """Answers of four models to the GSM8K test problems, labelled by the data set."""
    rows = _rows(DATA / "gsm8k" / "example_model_solutions.jsonl")
    return [
        Case(row["question"], row["ground_truth"].rpartition("A: ")[2], row[name]["solution"], row[name]["is_correct"])
        for row in rows
        for name in SAMPLES
    ]


def read_mix(count: int) -> list[Case]:
    """An ordinary mix: real attempts at GSM8K and MATH as they come, shuffled with a fixed seed."""
    cases = read_gsm8k() + read_math_attempts()
    random.Random(0).shuffle(cases)
    return cases[:count]


def read_varied_mix(count: int) -> list[Case]:
    """The ordinary mix with the hard set in it."""
    hard = read_hard_set()
    cases = read_mix(count - len(hard)) + hard
    random.Random(2).shuffle(cases)
    return cases


def has_data() -> bool:
    return (DATA / "gsm8k").is_dir() and (DATA / "math_attempts").is_dir()


def _rows(file: Path) -> Iterator[dict[str, Any]]:
    with file.open(encoding="utf-8") as lines:
        yield from map(json.loads, lines)
