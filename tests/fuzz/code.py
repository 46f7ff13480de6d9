"""Hostile code in the sandbox -> a verdict; it is never `correct` for code that raises."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from pipeline.checkers.code import Settings
from pipeline.types import Grade, Problem, content_id
from pipeline.unicode import is_unicode
from tests.fuzz.target import Target, keep
from tests.fuzz.texts import KINDS, SOLUTIONS, expand, mostly, texts

LINES = KINDS["code"]
CODE = st.lists(mostly(st.sampled_from(LINES), texts(*KINDS["marks"], *SOLUTIONS, most=2)), max_size=3)
TESTS = (
    "assert add(1, 2) == 3",
    "assert add(1, 2) == 3\nassert add(2, 2) == 4",
    "def test_x(): assert add(1, 2) == 3",
    "",
)
INPUTS = st.fixed_dictionaries({"code": CODE, "tests": st.sampled_from(TESTS) | CODE, "fenced": st.booleans()})


def run(given: Any, folder: Path) -> str:
    code, tests = expand(given["code"]), expand(given["tests"])
    if not (is_unicode(code) and is_unicode(tests)):
        return "no text that reaches a checker"
    problem = Problem(id="p", question="Write add(a, b).", answer="x", extras={"tests": tests})

    async def check() -> Grade:
        async with Settings(limit=1, wall=5.0, workers=1).create() as checker:
            return await checker.check(problem, f"```python\n{code}\n```" if given["fenced"] else code)

    grade = asyncio.run(check())
    content_id(grade.model_dump())
    keep(
        grade.verdict != "correct" or "def add" in code or given["tests"] not in TESTS[:3],
        f"{code!r} is called correct: {grade}",
    )
    return f"{grade.verdict}: {grade.reason[:20]}"


TARGET = Target("code", INPUTS, run, examples=0, sandboxed=True)
