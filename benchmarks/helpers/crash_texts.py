"""Problems for the builds that are killed, and a student and a teacher whose texts follow from what they are asked.

Sample `i` of a request is a function of its messages and its seed alone, so a build that is killed and resumed asks
for the same texts as one that is not.
"""

from __future__ import annotations

import itertools
import json
import random
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from errata.demo import world

Row = dict[str, str]
OPENERS = ("Step by step.", "Let us see.", "First things first.", "We reckon.", "From the start.", "In order.")
ABLE = (0.0, 0.3, 0.7)
"""Shares of right answers; each problem has one of them, so that some are left to the teacher."""
NOTE = re.compile(r"<<[^>]*>>")


def read_gsm8k(path: Path, count: int) -> list[Row]:
    """The first questions of GSM8K's file, without its calculator notes."""
    rows = []
    with path.open(encoding="utf-8") as lines:
        for line in itertools.islice(lines, count):
            told = json.loads(line)
            solution, _, answer = NOTE.sub("", told["answer"]).rpartition("\n#### ")
            rows.append({"question": told["question"], "answer": answer, "solution": solution})
    return rows


def make_stories(count: int) -> list[Row]:
    """Word problems of the demo world, for a clone without GSM8K."""
    rows = []
    for story in itertools.islice(world.stories("crash"), count):
        solution = world.solve(story)
        answer = world.answer_of(solution)
        rows.append({"question": story.question, "answer": answer, "solution": solution.rpartition("\n")[0]})
    return rows


def make_products(count: int) -> list[Row]:
    """Products to multiply out: answers that hold a letter are read a second time, in worker processes."""
    rows = []
    for number in range(count):
        a, b = 2 + number % 9, 2 + number // 9
        solution = f"x * x = x^2\n{a}x + {b}x = {a + b}x\n{a} * {b} = {a * b}"
        answer = f"x^2 + {a + b}x + {a * b}"
        rows.append({"question": f"Multiply out: (x + {a})(x + {b})", "answer": answer, "solution": solution})
    return rows


def write_rows(path: Path, rows: Iterable[Row]) -> Path:
    """Rows as JSON lines."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


class Script:
    """Answers a chat request's body as the model that it names, `student` or `teacher`."""

    def __init__(self, rows: Sequence[Row]) -> None:
        self.rows = {row["question"]: row for row in rows}

    def problem_of(self, body: Mapping[str, Any]) -> str:
        """The question that a request is about."""
        asked: str = body["messages"][0]["content"]
        if body["model"] == "student":
            return asked
        return asked.partition("Problem:\n")[2].partition("\n\nThe final answer is known")[0]

    def answer(self, body: Mapping[str, Any], index: int) -> str:
        """The text of one sample."""
        row = self.rows[self.problem_of(body)]
        shown = [message["content"] for message in body["messages"]]
        draw = random.Random(json.dumps([shown, index]))
        if body["model"] == "teacher":
            return teach(row, draw)
        able = random.Random(row["question"]).choice(ABLE)
        return solve(row, draw, able if len(shown) == 1 else (1 + able) / 2)


def solve(row: Row, draw: random.Random, able: float) -> str:
    """A solution that is right in a share `able` of draws; one in twenty states no answer."""
    opener, sure = draw.choice(OPENERS), draw.random()
    if sure < 0.05:
        return f"{opener}\n{row['solution']}"
    answer = row["answer"] if draw.random() < able else err(row["answer"], draw)
    solution = row["solution"].replace(row["answer"], answer)
    return f"{opener}\n{solution}\n#### {answer}"


def teach(row: Row, draw: random.Random) -> str:
    """The solution in the form that the prompt asks for; one in ten has a slip."""
    answer = row["answer"] if draw.random() < 0.9 else err(row["answer"], draw)
    return f"<diagnosis>A slip.</diagnosis>\n<solution>\n{row['solution']}\n#### {answer}\n</solution>"


def err(answer: str, draw: random.Random) -> str:
    """The answer with its last number changed."""
    head, number, tail = re.fullmatch(r"(.*?)(\d+)(\D*)", answer, re.DOTALL).groups()  # type: ignore[union-attr]
    return f"{head}{int(number) + draw.randint(1, 9)}{tail}"
