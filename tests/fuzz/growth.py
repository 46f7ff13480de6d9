"""Long texts: what takes four times the text must not take much more than four times as long, ratios of CPU time alone.

A text is a fragment over and over, between two others; whoever reads it with a pattern that tries every beginning with
every end takes sixteen times as long, or for ever.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from pipeline.allusions import find_allusion
from pipeline.answer_format.detect import detect
from pipeline.answer_format.mismatch import mismatch
from pipeline.answer_format.render import render
from pipeline.checkers.math import Math, Settings
from pipeline.checkers.rater import read_rating
from pipeline.cleanups.calculator_notes import Settings as CalculatorNotes
from pipeline.edits import edit_ratio
from pipeline.filters.base import Texts
from pipeline.jsontext import double_backslashes, find_objects
from pipeline.languages import differs_in_language
from pipeline.replies import read_reply
from pipeline.sandbox.source import find_code
from pipeline.serving.replies import split_thought
from pipeline.shortcuts.mask import mask
from pipeline.shortcuts.safe import read_reasoning, same_reasoning
from pipeline.steps.arithmetic import find_equations
from pipeline.steps.locate import first_wrong_step
from pipeline.steps.mask import mask_numbers
from pipeline.steps.split import split_steps
from pipeline.types import Completion, Problem
from pipeline.votes import read_vote
from tests.fuzz.checkers import checker_of
from tests.fuzz.target import Target, keep
from tests.fuzz.texts import FRAGMENTS
from tests.fuzz.writing import FORMATS, features, filters, whole

SIZES = (2_000, 8_000, 32_000, 128_000)
"""Characters."""
SMALL = 0.4
"""Seconds that need no explanation."""
WORST = 8.0
"""How many times as long a text of four times the length may take; sixteen is quadratic."""
PROBLEM = Problem(id="p", question="What is it?", answer="7", extras={"choices": ("5", "7")})
Reader = Callable[[str], Any]


class Unpooled(Math):
    """The math checker without its second reading, whose worker has a time limit of its own."""

    async def _read_again(self, gold: str, first: Any) -> Any:
        return first


@cache
def readers() -> dict[str, Reader]:
    """Everything that reads a text of a model's."""
    named: dict[str, Reader] = {
        "checker math": lambda text: asyncio.run(Unpooled(Settings(last_number=True)).check(PROBLEM, text)),
        "answer math": lambda text: asyncio.run(Unpooled(Settings()).check_answer(PROBLEM, text)),
        "detect": lambda text: detect([text, text[: len(text) // 2]]),
        "allusions": find_allusion,
        "edit_ratio": lambda text: edit_ratio(text[:30_000], text[1:30_000][::-1]),
        "languages": lambda text: differs_in_language("How many?", text),
        "calculator_notes": CalculatorNotes().apply,
        "split_steps": split_steps,
        "find_equations": find_equations,
        "first_wrong_step": lambda text: first_wrong_step(text, question=text[:2000], rationale=text[:2000]),
        "mask_numbers": lambda text: mask_numbers(text, question="q 7", answer="7"),
        "mask": lambda text: mask(text, ("7",)),
        "reasoning": lambda text: (read_reasoning(text), same_reasoning(text, text + " 7")),
        "find_objects": lambda text: list(find_objects(double_backslashes(text))),
        "vote": lambda text: (read_vote(Completion(text=text)), read_rating(Completion(text=text), 1, 10)),
        "thought": split_thought,
        "find_code": lambda text: find_code(text, frozenset({"f"})),
    }
    for name in ("numeric", "exact", "choice"):
        named[f"checker {name}"] = lambda text, name=name: asyncio.run(checker_of(name).check(PROBLEM, text))
        named[f"answer {name}"] = lambda text, name=name: asyncio.run(checker_of(name).check_answer(PROBLEM, text))
    for form in ("json", "tagged", "plain"):
        named[f"reply {form}"] = lambda text, form=form: read_reply(Completion(text=text), form, "solution")
    for number, target in enumerate(FORMATS):
        named[f"render {number}"] = lambda text, target=target: (render(text, target, "7"), mismatch(text, target))
    for one in filters():
        named[f"filter {one.name}"] = lambda text, one=one: one.find(
            Texts("i", "p", "q", text, text[::2], "7", "p", "8")
        )
    for kind in features():
        named[f"feature {kind.name}"] = lambda text, kind=kind: kind.count(mask(text, ("7",)))
    return named


def measure(read: Reader, text: str) -> float:
    """Seconds of CPU time."""
    started = time.process_time()
    read(text)
    return time.process_time() - started


def run(given: Any, folder: Path) -> str:
    unit, read = whole(given["of"]), readers()[given["reader"]]
    if not unit:
        return "nothing to repeat"
    before, after = whole(given["before"]), whole(given["after"])
    texts = [before + unit * (size // len(unit)) + after for size in given.get("sizes", SIZES)]
    slow = grow(given["reader"], read, texts) > 1
    return f"{given['reader']}: {'slow' if slow else 'fast'}"


def grow(name: str, read: Reader, texts: list[str], small: float = SMALL) -> float:
    """Seconds for the last of the texts, each four times as long as the one before.

    Raises Broken, once it has been measured again, where a text takes far more than four times as long.
    """
    last = 0.0
    for number, text in enumerate(texts):
        spent = measure(read, text)
        if spent > small and last > 0.001 and spent > WORST * last:
            again = measure(read, text) / max(measure(read, texts[number - 1]), 1e-9)
            told = f"{len(text):,} characters take {spent:.1f} s, {again:.0f} times a quarter of them"
            keep(again <= WORST, f"{name}: {told}")
        last = spent
    return last


UNITS = st.lists(st.sampled_from((*FRAGMENTS, " ", "1", "a", "-", ".")), min_size=1, max_size=3)
ENDS = st.lists(st.sampled_from(FRAGMENTS), max_size=2)
INPUTS = st.fixed_dictionaries(
    {"reader": st.sampled_from(sorted(readers())), "of": UNITS, "before": ENDS, "after": ENDS}
)
TARGET = Target("growth", INPUTS, run, examples=10, weight=3)
