"""Sums, a student that errs in them, a teacher that does not; and what a build leaves, to be compared."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pipeline.config import RunSettings
from pipeline.loading import load_settings
from pipeline.types import Message

SUM = re.compile(r"What is (\d+) \+ (\d+)\?")
COMPARED = ("control.jsonl", "selection.jsonl", "findings.jsonl", "unknown.jsonl", "objections.jsonl", "left_out.jsonl")
TIMED = ("usage", "seconds")
"""Parts of a summary that differ from call to call."""


def write_problems(path: Path, count: int) -> Path:
    """Sums; every seventh is asked for twice."""
    rows = [
        {"id": f"p{n}", "question": f"What is {n} + {n * 7 % 13}?", "answer": str(n + n * 7 % 13)} for n in range(count)
    ]
    doubled = [row for n, row in enumerate(rows) for row in [row] * (2 if n % 7 == 6 else 1)]
    path.write_text("".join(json.dumps(row) + "\n" for row in doubled))
    return path


def make_settings(runs: Path, problems: Path, **sections: Any) -> RunSettings:
    """A build that writes all four journals."""
    settings = {
        "name": "run",
        "runs_dir": str(runs),
        "problems": {"path": str(problems), "id": "id"},
        "student": {"engine": "scripted", "function": f"{__name__}:ask_student"},
        "teachers": {"teacher": {"engine": "scripted", "function": f"{__name__}:ask_teacher"}},
        "sample": {"n": 4},
        "correct": {"rungs": ["own_correct", {"rung": "gold_guided", "teacher": "teacher"}]},
        "pair": {"views": ["direct", "revise"], "revise": {"second_try": True}},
        "format": {"detect_from": 24},
        "audit": None,
        **sections,
    }
    runs.mkdir(parents=True, exist_ok=True)
    file = runs / "config.yaml"
    file.write_text(json.dumps(settings))  # JSON is YAML
    return load_settings(file)


def solve(text: str) -> tuple[str, int]:
    """The sum that a text asks for first, and its result."""
    found = SUM.search(text)
    assert found is not None
    return f"{found[1]} + {found[2]}", int(found[1]) + int(found[2])


def ask_student(messages: Sequence[Message], index: int) -> str:
    """Right in half of the answers, by question and index."""
    asked = "".join(message.content for message in messages)
    sum, result = solve(asked)
    draw = hashlib.sha256(f"{asked} {index}".encode()).digest()[0]
    told = result if draw % 2 else result + 1 + draw % 5
    return f"I add the two numbers, {sum}, one to the other.\n#### {told}" if draw % 16 else "I do not know."


def ask_poisoned(messages: Sequence[Message], index: int) -> str:
    """The same student, whose process ends at one of the questions."""
    if "What is 9 +" in messages[0].content:
        os._exit(9)
    return ask_student(messages, index)


def ask_teacher(messages: Sequence[Message], index: int) -> str:
    """The right answer."""
    sum, result = solve("".join(message.content for message in messages))
    text = f"Both numbers are counted up: {sum} = {result}.\n#### {result}"
    return f"<diagnosis>a slip</diagnosis>\n<solution>\n{text}\n</solution>"


def digest(run: Path) -> dict[str, str]:
    """Hashes of what a build leaves for its reader."""
    files = [run / name for name in COMPARED]
    files += sorted(file for file in (run / "dataset").rglob("*") if file.is_file())
    made = {str(file.relative_to(run)): hashlib.sha256(file.read_bytes()).hexdigest() for file in files}
    summary = json.loads((run / "summary.json").read_text())
    return made | {"summary.json": json.dumps({k: v for k, v in summary.items() if k not in TIMED}, sort_keys=True)}


def ids(run: Path) -> dict[str, int]:
    """How many different records each journal holds."""
    journals = ("attempts", "corrections", "pairs", "second_tries")
    lines = {name: (run / f"{name}.jsonl").read_text().splitlines() for name in journals}
    return {name: len({json.loads(line)["id"] for line in told}) for name, told in lines.items()}
