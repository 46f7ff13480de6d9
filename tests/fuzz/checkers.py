"""Texts and gold answers -> one of three verdicts, the same each time; a text that says nothing is never `correct`."""

from __future__ import annotations

import asyncio
from functools import cache
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from pipeline.checkers.base import Checker
from pipeline.checkers.math import INTERNAL
from pipeline.engines.scripted import Scripted
from pipeline.errors import RequestFailed
from pipeline.prompts import Prompts
from pipeline.settings import load_component
from pipeline.types import Completion, Problem, content_id
from pipeline.unicode import is_unicode
from tests.fuzz.replies import SPOKEN
from tests.fuzz.tables import files, write
from tests.fuzz.target import Target, keep
from tests.fuzz.texts import KINDS, SOLUTIONS, expand, mostly, texts

OPTIONS: dict[str, dict[str, Any]] = {
    "math": {"workers": 1, "limit": 2.0},
    "math tolerant": {"workers": 1, "limit": 2.0, "tolerance": 0.01, "last_number": True},
    "numeric": {},
    "numeric tolerant": {"tolerance": 0.01},
    "exact": {},
    "exact whole": {"whole_text": True, "ignore_case": False, "ignore_punctuation": False},
    "choice": {},
    "choice letters": {"options": None},
}
GOLDS, NUMBERS, LATEX, STATED = (KINDS[kind] for kind in ("golds", "numbers", "latex", "stated"))
NOTHING = KINDS["nothing"]
"""Texts that state no answer."""
ANSWERS = st.one_of(
    st.lists(st.sampled_from((*NUMBERS, *LATEX)), min_size=1, max_size=6),
    st.sampled_from(GOLDS),
    texts(*NUMBERS, *LATEX),
)
STATING = st.tuples(st.sampled_from(("#### ", "\\boxed{", "The answer is ", "Answer: ", "答案是", "")), ANSWERS).map(
    lambda said: [said[0], said[1], "}" if said[0] == "\\boxed{" else ""]
)
OPTION_TEXTS = st.lists(st.one_of(st.sampled_from(GOLDS), texts(most=2).map(expand)), max_size=12)
INPUTS = st.fixed_dictionaries(
    {
        "checker": st.sampled_from(tuple(OPTIONS)),
        "gold": ANSWERS,
        "text": mostly(STATING, texts(*STATED, *NUMBERS), st.sampled_from(NOTHING)),
        "question": st.sampled_from(("What is it?", *SOLUTIONS)),
        "options": OPTION_TEXTS,
        "bare": st.booleans(),
    }
)


@cache
def checker_of(name: str) -> Checker:
    """One checker of a kind for all inputs; its worker lives on."""
    kind = name.partition(" ")[0]
    made: Checker = load_component("checkers", kind).Settings.model_validate(OPTIONS[name]).create()
    return made


def run(given: Any, folder: Path) -> str:
    checker, text, gold = checker_of(given["checker"]), expand(given["text"]), expand(given["gold"])
    extras = {"choices": tuple(option for option in given["options"] if is_unicode(option))}
    problem = Problem(id="p", question=given["question"], answer=gold, extras=extras)
    if not (is_unicode(gold) and gold.strip()) or not is_unicode(text):
        return "no text that reaches a checker"
    unread = checker.gold_error(problem)
    check = checker.check_answer if given["bare"] else checker.check
    grade, again = asyncio.run(check(problem, text)), asyncio.run(check(problem, text))
    keep(INTERNAL not in grade.reason, grade.reason)
    content_id(grade.model_dump())
    keep(grade == again or "too long" in f"{grade.reason}{again.reason}", f"{grade} and then {again}")
    said_nothing = text in NOTHING and gold.strip() not in text
    keep(not (said_nothing and grade.verdict == "correct"), f"{text!r} is called correct for {gold!r}")
    own = asyncio.run(checker.check_answer(problem, gold))
    keep(unread is not None or own.verdict != "wrong", f"the gold answer {gold!r} is called wrong: {own.reason}")
    return f"{given['checker']} {'gold unread ' if unread else ''}{grade.verdict} {own.verdict}"


JUDGED = st.fixed_dictionaries(
    {
        "checker": st.sampled_from(("judge", "rater")),
        "replies": st.lists(mostly(SPOKEN, st.none()), min_size=1, max_size=3),
        "gold": ANSWERS,
        "text": texts(),
    }
)


def run_judged(given: Any, folder: Path) -> str:
    """A model decides, and says anything at all, or nothing (None: its request failed)."""
    replies = [None if reply is None else expand(reply) for reply in given["replies"]]

    def script(messages: Any, index: int) -> Completion | Exception:
        reply = replies[index % len(replies)]
        return RequestFailed("no answer") if reply is None else Completion(text=reply)

    engine = Scripted(script)
    options = {"engine": {"engine": "scripted", "replies": ["x"]}, "votes": 3, "params": {"temperature": 1.0}}
    settings = load_component("checkers", given["checker"]).Settings.model_validate(options)
    problem = Problem(id="p", question="q", answer=expand(given["gold"]) or None)
    if problem.answer is None or not is_unicode(problem.answer):
        return "no gold answer"
    checker = settings.connect(lambda name: engine, Prompts())
    grade = asyncio.run(checker.check(problem, expand(given["text"])))
    keep(grade.verdict == "unknown" or given["checker"] == "judge", "a rater decides")
    if all(reply is None or is_unicode(reply) for reply in replies):
        content_id(grade.model_dump())
    return f"{given['checker']} {grade.verdict} {grade.score is None}"


RATED = st.fixed_dictionaries(
    {
        "file": files(
            ("question", "response", "score"), (".jsonl", ".csv", ".parquet"), score=st.integers(0, 9).map(str)
        ),
        "text": texts(),
    }
)


def run_ratings(given: Any, folder: Path) -> str:
    """People's ratings from a file: every text of it has one."""
    path = write(given["file"], folder, "ratings")
    checker = load_component("checkers", "ratings").Settings(path=str(path)).create()
    problem = Problem(id="p", question="q", answer=None)
    grade = asyncio.run(checker.check(problem, expand(given["text"]).encode(errors="ignore").decode()))
    keep(all(abs(mean) < float("inf") for mean, _ in checker.means.values()), "a rating without bounds")
    return f"read, {grade.reason}"


TARGET = Target("checkers", INPUTS, run, weight=3)
JUDGES = Target("judges", JUDGED, run_judged)
RATINGS = Target("ratings", RATED, run_ratings)
