"""Real solutions in the format of real students, and long hostile ones."""

from __future__ import annotations

import asyncio
import itertools
import json
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from errata.demo.world import solve, stories
from pipeline.answer_format.detect import detect
from pipeline.answer_format.form import AnswerFormat
from pipeline.answer_format.render import mismatch, render
from pipeline.checkers.base import Checker
from pipeline.checkers.math import Settings as Math
from pipeline.checkers.numeric import Settings as Numeric
from pipeline.types import Problem, Verdict

Case = tuple[str, str]
"""(gold answer, text)"""
FEW = 200


def read_lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def read_gsm8k(shared_data: Path) -> tuple[list[Case], list[Case]]:
    """(rationales of the data set, answers of four models)."""
    rows = read_lines(shared_data / "gsm8k" / "example_model_solutions.jsonl")
    gold = read_lines(shared_data / "gsm8k" / "train.jsonl")
    rationales = [(row["answer"].rsplit("#### ", 1)[1], row["answer"]) for row in gold]
    answers = [
        (row["ground_truth"].rsplit("A: ", 1)[1], made["solution"])
        for row in rows
        for made in row.values()
        if isinstance(made, dict)
    ]
    return rationales, answers


def read_math(shared_data: Path) -> tuple[list[Case], list[Case]]:
    """(worked solutions of the data set, attempts of a model)."""
    rows = read_lines(shared_data / "math_attempts" / "attempts.jsonl")
    return [(row["answer"], row["solution"]) for row in rows], [
        (row["answer"], text) for row in rows for text in row["responses"]
    ]


def verdicts(checker: Checker, cases: Sequence[Case]) -> list[Verdict]:
    async def grade() -> list[Verdict]:
        async with checker:
            problems = [Problem(id="p", question="", answer=gold) for gold, _ in cases]
            return [(await checker.check(p, text)).verdict for p, (_, text) in zip(problems, cases, strict=True)]

    return asyncio.run(grade())


def check_rendering(cases: Sequence[Case], target: AnswerFormat, checker: Checker, followed: float = 0.99) -> None:
    """Enough rendered texts follow the format, rendering twice changes nothing, and no verdict is another."""
    rendered = [(gold, render(text, target)) for gold, text in cases]
    assert sum(not mismatch(text, target) for _, text in rendered) >= followed * len(cases)
    assert [render(text, target) for _, text in rendered] == [text for _, text in rendered]
    before, after = verdicts(checker, cases), verdicts(checker, rendered)
    assert [(a, b) for a, b in zip(before, after, strict=True) if a not in ("unknown", b)] == []


def test_gsm8k_in_the_format_of_its_students_and_back(shared_data: Path) -> None:
    rationales, answers = read_gsm8k(shared_data)
    students, authors = (detect([text for _, text in cases[:400]]).format for cases in (answers, rationales))
    assert students == AnswerFormat(final="A: {answer}", gap="\n", last=True, layout="lines")
    assert authors == students.model_copy(update={"final": "#### {answer}"})
    check_rendering(rationales[:FEW], students, Numeric().create())
    check_rendering(answers[:FEW], authors, Numeric().create())
    assert render(rationales[0][1], students) == rationales[0][1].replace("#### 72", "A: 72")


def test_math_in_the_format_of_gsm8k_and_of_its_model(shared_data: Path) -> None:
    solutions, attempts = read_math(shared_data)
    model = detect([text for _, text in attempts]).format
    assert model.inline
    hashes = AnswerFormat(final="#### {answer}", gap="\n", last=True, layout="lines")
    sentence = AnswerFormat(
        final="The final answer is $\\boxed{{answer}}$.", gap="\n\n", layout="paragraphs", last=True
    )
    for cases in (solutions, attempts[::4]):
        for target in (hashes, sentence, model):
            check_rendering(cases, target, Math(workers=1).create(), followed=0.985)


def test_gsm8k_in_the_format_of_the_math_model(shared_data: Path) -> None:
    rationales, _ = read_gsm8k(shared_data)
    model = detect([text for _, text in read_math(shared_data)[1]]).format
    check_rendering(rationales[:FEW], model, Numeric().create())
    check_rendering(rationales[:FEW], model, Math(workers=1).create())


@pytest.mark.parametrize(
    "final",
    ["答案：{answer}", "答案是{answer}。", "因此，答案为\\boxed{{answer}}。", "#### {answer}", "【答案】{answer}"],
)
def test_chinese_problems_in_the_formats_of_each_other(shared_data: Path, final: str) -> None:
    draw = random.Random(1)
    ways = ("答案：{}", "所以答案是{}。", "答：{}个", "因此，答案为$\\boxed{{{}}}$。", "【答案】{}", "最终答案：**{}**")
    cases = [
        (row["answer"], "第一步：看题目。\n第二步：算一算。\n" + draw.choice(ways).format(row["answer"]))
        for row in read_lines(shared_data / "cmath" / "test.jsonl")[:FEW]
    ]
    target = AnswerFormat(final=final, layout="numbered", numbering="第{一}步：")
    check_rendering(cases, target, Numeric().create(), followed=1.0)


def test_the_demos_solutions_in_every_format_of_the_others() -> None:
    told = [solve(story) for story in itertools.islice(stories(3), FEW)]
    wrong = [solve(story, random.Random(i), wrong=0.5) for i, story in enumerate(itertools.islice(stories(3), FEW))]
    cases = [(right.rsplit("#### ", 1)[1], text) for right, text in zip(told, wrong, strict=True)]
    own = detect(told).format
    assert own == AnswerFormat(final="#### {answer}", gap="\n", last=True, layout="lines")
    assert [render(text, own) for text in told] == told
    for target in (
        AnswerFormat(final="The answer is {answer}.", gap=" ", last=True, layout="sentences"),
        AnswerFormat(final="A: {answer}", layout="numbered", numbering="{n}. ", thinking=("<think>\n", "\n</think>\n")),
    ):
        check_rendering(cases, target, Numeric().create(), followed=1.0)


HOSTILE = (
    *("\\boxed{", "\\boxed{1}", "$", "\\[", "\n\\[\n", "\\begin{a}", "```\n", "<think>", "</think>", "*", "。"),
    *("#### 1\n", "A: 5\n", "The answer is 5. ", "the answer is ", "答案是", "Answer:\n", "1. a\n", "x. Y"),
    *(" ", "\n", "\t", "\u3000"),
)


@pytest.mark.parametrize("piece", HOSTILE)
def test_long_hostile_texts_end_and_rendering_them_twice_changes_nothing(piece: str) -> None:
    """A search that is not linear would take minutes on these."""
    text = "x\n" + piece * (100_000 // len(piece)) + "\n#### 5"
    target = AnswerFormat(final="A: {answer}", gap="\n", layout="lines", last=True)
    rendered = render(text, target)
    assert render(rendered, target) == rendered
    assert detect([text]).texts == 1
