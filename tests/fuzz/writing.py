"""Texts rendered, split, masked, cleaned, filtered and stripped -> texts and findings that can be written down."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from pipeline.allusions import find_allusion
from pipeline.answer_format.detect import detect
from pipeline.answer_format.form import AnswerFormat
from pipeline.answer_format.instruct import instruct
from pipeline.answer_format.mismatch import mismatch
from pipeline.answer_format.render import render
from pipeline.cleanups.calculator_notes import Settings as CalculatorNotes
from pipeline.edits import edit_ratio
from pipeline.filters.base import Texts
from pipeline.languages import differs_in_language
from pipeline.settings import at_defaults
from pipeline.shortcuts.marker import Marker
from pipeline.shortcuts.mask import mask
from pipeline.shortcuts.safe import apply_strips
from pipeline.steps.arithmetic import find_equations
from pipeline.steps.locate import first_wrong_step
from pipeline.steps.mask import mask_numbers
from pipeline.steps.split import split_steps
from tests.fuzz.target import Target, keep
from tests.fuzz.texts import KINDS, SOLUTIONS, expand, texts

FORMATS = (
    AnswerFormat(final="#### {answer}", layout="lines", last=True, gap="\n"),
    AnswerFormat(final="The answer is {answer}.", layout="paragraphs", gap="\n\n"),
    AnswerFormat(final="The answer is \\boxed{{answer}}.", inline=True, layout="sentences"),
    AnswerFormat(final="答案：{answer}", layout="numbered", numbering="第{一}步："),
    AnswerFormat(final="Answer: {answer}", layout="numbered", numbering="Step {n}: "),
    AnswerFormat(thinking=("<think>\n", "\n</think>\n\n"), final="Answer: {answer}"),
    AnswerFormat(),
)
TEXT = texts(*SOLUTIONS, *KINDS["stated"], times=(2, 3, 10, 60, 300))
TWO = st.fixed_dictionaries({"text": TEXT, "other": st.one_of(TEXT, st.sampled_from(SOLUTIONS)), "answer": TEXT})
FORMATTED = st.fixed_dictionaries(
    {"text": TEXT, "format": st.integers(-1, len(FORMATS) - 1), "others": st.lists(TEXT, max_size=4), "answer": TEXT}
)


def whole(parts: Any) -> str:
    """The text, without half characters: those are refused before a text comes here."""
    return expand(parts).encode(errors="ignore").decode()


def run_formats(given: Any, folder: Path) -> str:
    text, answer = whole(given["text"]), whole(given["answer"])
    seen = detect([text, *map(whole, given["others"])]).format
    target = seen if given["format"] < 0 else FORMATS[given["format"]]
    instruct(target)
    rendered = render(text, target, answer or None)
    rendered.encode()
    keep(render(text, target, answer or None) == rendered, "rendered again, the text is another")
    keep(bool(mismatch(text, target)) or rendered == text, "a text that follows the format is changed")
    return f"{given['format']}: {', '.join(mismatch(text, target))} -> {', '.join(mismatch(rendered, target))}"


@cache
def filters() -> tuple[Any, ...]:
    """All filters."""
    return at_defaults("filters")


def run_filters(given: Any, folder: Path) -> str:
    chosen, rejected, answer = (whole(given[name]) for name in ("text", "other", "answer"))
    pair = Texts("i", "p", SOLUTIONS[0], chosen, rejected, answer or None, "p", answer or None)
    found = []
    for one in filters():
        for finding in (one.find(pair), one.prepare([pair])(pair)):
            if finding is not None:
                start, end = finding.span or (0, 0)
                keep(0 <= start <= end <= len(chosen), f"{finding.rule}: a span outside the text: {finding.span}")
                finding.model_dump_json()
                found.append(finding.rule)
    CalculatorNotes().apply(chosen).encode()
    find_allusion(chosen, rejected)
    keep(0 <= edit_ratio(chosen, rejected) <= 1, "a distance beyond 1")
    differs_in_language(chosen, rejected)
    return " ".join(dict.fromkeys(found))


def run_steps(given: Any, folder: Path) -> str:
    text, other, answer = (whole(given[name]) for name in ("text", "other", "answer"))
    steps = split_steps(text)
    keep("".join(text[step.start : step.end] for step in steps) == text, "the steps do not cover the text")
    equations = find_equations(text)
    found = first_wrong_step(text, question=other, rationale=other)
    keep(found is None or 0 <= found.index < len(steps), f"step {found} of {len(steps)}")
    mask_numbers(text, question=other, answer=answer).encode()
    return f"{min(len(steps), 4)} steps, {min(len(equations), 4)} equations, {type(found).__name__}"


@cache
def strips() -> tuple[Any, ...]:
    """All strips."""
    return at_defaults("shortcuts.strips")


@cache
def features() -> tuple[Any, ...]:
    """All kinds of features."""
    return at_defaults("shortcuts.features")


def run_strips(given: Any, folder: Path) -> str:
    """What a text has of each feature is taken out as if it gave the text away."""
    text, other, answer = (whole(given[name]) for name in ("text", "other", "answer"))
    masked = mask(text, (answer, None))
    changed = 0
    for kind in features():
        counted = kind.count(masked)
        keep(all(value >= 0 for value in counted.values()), "less than nothing of a feature")
        for name in list(counted)[:3]:
            marker = Marker(kind.name, name, "chosen", phrase=kind.words_of(name), shown=len(other) % 2 == 0)
            after, done = apply_strips(text, (marker,), strips())
            after.encode()
            keep(bool(done) or after == text, "a text is changed, and nothing is told")
            changed += bool(done)
    return f"{min(changed, 5)} taken out"


TARGETS = (
    Target("formats", FORMATTED, run_formats),
    Target("filters", TWO, run_filters),
    Target("steps", TWO, run_steps),
    Target("strips", TWO, run_strips, examples=10),
)
