"""The first wrong step: on the demo's mistakes, on planted slips, and on real attempts."""

from __future__ import annotations

import itertools
import json
import random
from pathlib import Path

import pytest

from errata.demo import world
from errata.demo.lessons import find_first_wrong
from pipeline.steps.locate import Located, first_wrong_step

RIGHT = "4 * 6 = 24\n24 + 10 = 34\n34 / 2 = 17\n#### 17"


def place(text: str, rationale: str | None = None) -> tuple[int, str] | None:
    located = first_wrong_step(text, rationale=rationale)
    return located and (located.index, located.method)


def test_demo_mistakes_are_located_where_they_were_planted() -> None:
    rng, agree, count = random.Random(0), 0, 2000
    mistakes = ((story, world.solve(story, rng, 0.6)) for story in world.stories("locate"))
    wrong = ((story, text) for story, text in mistakes if world.answer_of(text) != world.answer_of(world.solve(story)))
    for story, text in itertools.islice(wrong, count):
        planted = find_first_wrong(story, text)
        located = first_wrong_step(text, question=story.question, rationale=world.solve(story))
        agree += planted is not None and located is not None and located.index == planted[0] - 1
    assert agree >= 0.99 * count


def test_planted_slips_are_located_without_any_rationale() -> None:
    rng, agree, count = random.Random(1), 0, 2000
    for story in itertools.islice(world.stories("slips"), count):
        text, at = plant_slip(story, rng)
        located = first_wrong_step(text, question=story.question)
        agree += located is not None and (located.index, located.method) == (at, "arithmetic")
    assert agree >= 0.99 * count


def plant_slip(story: world.Story, rng: random.Random) -> tuple[str, int]:
    """A solution with a wrong result in one line, and the line; every second slip is carried on."""
    lines = world.solve(story).split("\n")
    at = rng.randrange(len(lines))
    head, _, value = lines[at].rpartition(" ")
    slipped = int(value) + rng.choice((-10, -3, -2, -1, 1, 2, 3, 10))
    lines[at] = f"{head} {slipped}"
    if rng.random() < 0.5:
        for later in range(at + 1, len(lines)):
            words = [str(slipped) if word == value else word for word in lines[later].split(" ")]
            lines[later] = " ".join(words)
            if words[0] != "####":
                a, sign, b = int(words[0]), words[1], int(words[2])
                value, slipped = words[4], {"+": a + b, "-": a - b, "*": a * b, "/": a // b}[sign]
                lines[later] = " ".join((*words[:4], str(slipped)))
    return "\n".join(lines), at


def test_nothing_is_found_in_what_is_right() -> None:
    for story in itertools.islice(world.stories("right"), 300):
        solution = world.solve(story)
        assert first_wrong_step(solution, question=story.question) is None
        assert first_wrong_step(solution, question=story.question, rationale=solution) is None


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("4 * 6 = 26\n26 + 10 = 36\n#### 36", (0, "arithmetic")),
        ("She has 4 * 6 = 24 eggs.\nThen 24 + 10 = 35 eggs.\nThe answer is 35.", (1, "arithmetic")),
        ("4 * 6 = 24\n24 + 10 = 34\n#### 35", (2, "arithmetic")),
        ("She has 4 * 6 = 24 eggs.\nThe answer is 25.", (1, "arithmetic")),
        ("She has 4 * 6 = 24 eggs.\nTwo of 24 are broken.\nThe answer is 22.", None),
        ("He earns 4 * 6 = $24 of his $100.\nThe answer is 100.", None),
        ("It takes 4 * 60 = 240 minutes.\nThe answer is 4.", None),
        ("7 / 2 = 3.5\n#### 4", None),
        ("I do not know.", None),
        ("", None),
    ],
)
def test_recomputing_needs_no_rationale(text: str, found: tuple[int, str] | None) -> None:
    assert place(text) == found


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (RIGHT, None),
        ("6 * 4 = 24\n10 + 24 = 34\n34 / 2 = 17\n#### 17", None),
        ("3 * 8 = 24\n24 + 10 = 34\n17 * 1 = 17\n#### 17", None),
        ("4 * 6 + 10 = 34\n34 / 2 = 17\n#### 17", None),
        ("(4 * 6 + 10) / 2 = 17\n#### 17", None),
        ("4 * 6 = <<4*6=24>>24\n24 + 10 = 34\n34 / 2 = 17.\n#### 17", None),
        ("4 * 6 = 24\n24 + 10 = 34\n34 - 2 = 32\n#### 32", (2, "reference")),
        ("4 + 6 = 10\n10 + 10 = 20\n20 / 2 = 10\n#### 10", (0, "reference")),
        ("4 * 6 = 24\n24 + 10 = 33\n33 - 2 = 31\n#### 31", (1, "arithmetic")),
        ("4 * 6 = 24\n24 + 10 = 34\n#### 34", (2, "reference")),
        (RIGHT.replace("#### 17", "17 + 1 = 18\n#### 18"), (3, "reference")),
        ("She has 4 + 6 = 10.\n#### 10", None),
    ],
)
def test_single_equations_are_held_against_a_right_solution(text: str, found: tuple[int, str] | None) -> None:
    assert place(text, RIGHT) == found


def test_the_reason_says_what_should_have_been_written() -> None:
    assert first_wrong_step("1 / 8 = 3\n#### 3") == Located(0, "1 / 8 = 3 is false: 1/8 is 0.125, not 3", "arithmetic")
    assert first_wrong_step("5 - 7 = -2\n#### 9") == Located(
        1, "the steps arrive at -2, the final line states 9", "arithmetic"
    )


def test_hardly_a_correct_attempt_is_blamed(shared_data: Path) -> None:
    rows = [json.loads(line) for line in (shared_data / "gsm8k" / "example_model_solutions.jsonl").open()]
    attempts = [(row, attempt) for row in rows for attempt in row.values() if isinstance(attempt, dict)]
    blamed = [
        first_wrong_step(attempt["solution"], question=row["question"], rationale=row["ground_truth"])
        for row, attempt in attempts
        if attempt["is_correct"]
    ]
    assert sum(located is not None for located in blamed) <= 6  # of 2,001; each states a false equation


@pytest.mark.parametrize("text", ["1+1=2\n", "#### 1\n", "a. B"])
def test_hostile_texts_are_located_as_fast_as_they_are_long(text: str) -> None:
    hostile = (text * 30_000)[:30_000]
    first_wrong_step(hostile, question=hostile, rationale=hostile)
