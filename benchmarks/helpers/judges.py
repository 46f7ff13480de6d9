"""The two sides of `checker_accuracy.py`: the `math` checker, and math-verify as its documentation shows it."""

from __future__ import annotations

import asyncio
import logging
import multiprocessing
import re
import time
from collections.abc import Sequence
from typing import NamedTuple

from helpers.checked_texts import Case, read_hard_set

CORES = 2
NUMBER = re.compile(r"-?[\d., ]+")
ENVIRONMENT = re.compile(r"\$|\\boxed|\\\(|\\\[")
COMMANDS = re.compile(r"\\(?:text\w*|mbox|mathrm)\{[^}]*\}|\\[A-Za-z]+")
SENTENCE = re.compile(r"[A-Za-z]{3,}|[\u4e00-\u9fff]|\n|####")


class Judged(NamedTuple):
    """What a side made of the cases."""

    verdicts: list[str]
    """correct, wrong or unknown; math-verify knows the first two only."""
    unread: int
    """Texts or gold answers in which math-verify found nothing to compare."""
    seconds: float


def judge_by_errata(cases: Sequence[Case], **options: float) -> Judged:
    """All at once, as a run does. Imports and starts of the workers are not timed: 40 other answers come first."""
    return asyncio.run(_check_all(cases, options))


async def _check_all(cases: Sequence[Case], options: dict[str, float]) -> Judged:
    from pipeline.checkers.math import Settings
    from pipeline.types import Problem

    async with Settings(workers=CORES, **options).create() as checker:

        async def check_all(these: Sequence[Case]) -> list[str]:
            problems = [Problem(id=str(i), question=case.question, answer=case.gold) for i, case in enumerate(these)]
            checks = (checker.check(problem, case.text) for problem, case in zip(problems, these, strict=True))
            return [grade.verdict for grade in await asyncio.gather(*checks)]

        await check_all(read_hard_set()[::12])
        started = time.perf_counter()
        verdicts = await check_all(cases)
        return Judged(verdicts, 0, time.perf_counter() - started)


def judge_by_math_verify(cases: Sequence[Case], processes: int = CORES) -> Judged:
    """A plain loop, or a pool. Imports and starts are not timed here either. Raises what math-verify raises."""
    pairs = [(case.gold, case.text) for case in cases]
    warm_up = [(case.gold, case.text) for case in read_hard_set()[::12]]
    if processes == 1:
        list(map(verify, warm_up))
        started = time.perf_counter()
        told = list(map(verify, pairs))
        seconds = time.perf_counter() - started
    else:
        with multiprocessing.get_context("spawn").Pool(processes) as pool:
            pool.map(verify, warm_up, chunksize=1)
            started = time.perf_counter()
            told = pool.map(verify, pairs, chunksize=8)
            seconds = time.perf_counter() - started
    verdicts = ["correct" if same else "wrong" for same, _ in told]
    return Judged(verdicts, sum(not read for _, read in told), seconds)


def verify(pair: tuple[str, str]) -> tuple[bool, bool]:
    """(its verdict, whether it found mathematics on both sides); options as they are, time limits of 5 s included."""
    logging.getLogger("math_verify").setLevel(logging.CRITICAL)
    import math_verify

    gold, text = (math_verify.parse(side) for side in put_in_dollars(*pair))
    return math_verify.verify(gold, text), _is_read(gold) and _is_read(text)


def put_in_dollars(gold: str, text: str) -> tuple[str, str]:
    """LaTeX must stand in an environment to be seen: gold answers, and texts that are a bare answer, get one."""
    is_bare = not SENTENCE.search(COMMANDS.sub("", text))
    return _wrap(gold), _wrap(text) if is_bare else text


def _wrap(side: str) -> str:
    return side if ENVIRONMENT.search(side) or NUMBER.fullmatch(side) else f"${side}$"


def _is_read(parsed: list[object]) -> bool:
    return any(not isinstance(part, str) for part in parsed)
