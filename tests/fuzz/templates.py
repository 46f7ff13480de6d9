"""Prompt files -> prompts, or ConfigError; a template runs nothing, and gives the same text every time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from pipeline.prompts import Prompt
from pipeline.types import Problem
from tests.fuzz.edits import apply, edits
from tests.fuzz.target import Target, keep
from tests.fuzz.texts import KINDS, SOLUTIONS, expand, mostly, texts, to_bytes

SECRET = "the-gold-answer-3141"
JINJA = KINDS["jinja"]
MARKS = KINDS["marks"]
INPUTS = st.fixed_dictionaries(
    {
        "parts": st.lists(mostly(st.sampled_from(JINJA), texts(*MARKS, most=2)), max_size=4),
        "edits": mostly(st.just([]), edits(*JINJA, most=2)),
        "question": texts(*JINJA, *MARKS, most=3),
        "gold": st.booleans(),
    }
)


def run(given: Any, folder: Path) -> str:
    file = folder / "p.jinja"
    file.write_bytes(apply(to_bytes(expand(given["parts"])), given["edits"]))
    problem = Problem(id="p", question=expand(given["question"]), answer=SECRET, extras={"level": 3, "answer": SECRET})
    prompt = Prompt(file)
    filled = prompt.fill(problem, gold=given["gold"], attempt=SOLUTIONS[0])
    keep(given["gold"] or SECRET not in filled, "the gold answer is shown where it is hidden")
    keep(
        "object at 0x" not in filled or "{{" in expand(given["question"]), f"an object of ours is shown: {filled[:200]}"
    )
    keep(prompt.fill(problem, gold=given["gold"], attempt=SOLUTIONS[0]) == filled, "filled again, it is another")
    return f"filled with {len(prompt.variables)}"


TARGET = Target("templates", INPUTS, run)
