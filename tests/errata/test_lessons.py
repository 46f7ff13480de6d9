"""The teacher's lessons are true, its prompts render, and the shipped teacher repairs what the student gets wrong."""

from __future__ import annotations

import itertools
import random
import re
from pathlib import Path

import pytest

from errata.demo import lessons, world
from errata.demo.lessons import find_first_wrong, make_lesson
from pipeline.errors import ConfigError
from pipeline.prompts import Prompts
from pipeline.types import Problem

DEMO = Path(lessons.__file__).parent
TEACHER = DEMO / "teacher"
STORIES = list(itertools.islice(lessons.fresh_stories("lessons-test"), 300))
LESSONS = list(itertools.islice(lessons.lessons("lessons-test"), 2000))


def a_story(*kinds: str) -> world.Story:
    return next(story for story in STORIES if tuple(event.kind for event in story.events) == kinds)


def test_every_solution_in_the_lessons_is_the_worlds_own() -> None:
    taught = [lesson for lesson in LESSONS if "<solution>" in lesson.reply]
    assert len(taught) > 1000
    for lesson in taught:
        solution = lesson.reply.partition("<solution>\n")[2].removesuffix("\n</solution>")
        assert solution == world.solve(lesson.story)


def test_a_diagnosis_names_the_first_line_that_goes_wrong() -> None:
    for lesson in LESSONS:
        named = re.match(r"<diagnosis>line (\d+): ", lesson.reply)
        right = world.solve(lesson.story).split("\n")
        written = lesson.attempt.split("\n")
        if named is None:
            assert lesson.attempt == world.solve(lesson.story)
            continue
        before = int(named[1]) - 1
        values = [[int(re.findall(r"-?\d+$", line)[0]) for line in lines[:before]] for lines in (written, right)]
        assert values[0] == values[1]
        assert written[before] != right[before]
        if lesson.task == "continue_fix":
            assert lesson.reply.endswith(f"\n<first_wrong_step>{named[1]}</first_wrong_step>")


def test_a_misconceived_line_is_named_by_what_happens_there() -> None:
    for kind in world.MISCONCEPTIONS:
        story = next(story for story in STORIES if story.events[0].kind == kind and story.start > 50)
        attempt = world.solve(story, random.Random(0), wrong=1.0)
        assert find_first_wrong(story, attempt) == (1, lessons.TOLD[kind])


def test_what_misleads_a_line_but_not_its_value_is_named_where_the_values_part() -> None:
    event = world.Event("boxes", "", c=5, b=3)
    story = world.Story("", 10, (event, world.Event("gain", "", c=4)))
    assert world.solve(story) == "3 * 5 = 15\n10 + 15 = 25\n25 + 4 = 29\n#### 29"
    assert find_first_wrong(story, "10 + 5 = 15\n15 + 4 = 19\n#### 19") == (2, lessons.TOLD["boxes"])


def test_slips_wrong_ends_and_missing_or_needless_lines_are_told_apart() -> None:
    story = a_story("gain", "lose")
    first, second, last = world.solve(story).split("\n")
    slipped = f"{first}1"
    assert find_first_wrong(story, f"{first}\n{second}\n{last}") is None
    assert find_first_wrong(story, f"{slipped}\n{second}\n{last}") == (1, lessons.SLIP)
    assert find_first_wrong(story, f"{first}\n{second}\n{last}1") == (3, lessons.LAST)
    assert find_first_wrong(story, f"{first}\n{second}") == (3, lessons.LAST)
    assert find_first_wrong(story, f"{first}\n{second}\n1 + 1 = 2\n{last}") == (3, lessons.OVER)
    assert find_first_wrong(story, f"{first}\n{second}\n{last}\n{last}") == (4, lessons.OVER)
    assert find_first_wrong(story, f"{first}\n{last}") == (2, lessons.TOLD["lose"])
    assert find_first_wrong(story, "") == (1, lessons.TOLD["gain"])


def test_a_hostile_attempt_is_read_at_once() -> None:
    story = a_story("gain", "lose")
    for text in ("=" * 100_000, "1 = " * 25_000, "\n" * 100_000, "####" * 25_000):
        assert find_first_wrong(story, text) == (1, lessons.TOLD["gain"])


def test_right_attempts_are_called_right_and_another_answer_beside_them_wrong() -> None:
    story = STORIES[0]
    solution = world.solve(story)
    gold = world.answer_of(solution)
    accepted = "<attempt_right>every line holds</attempt_right>"
    assert [make_lesson(task, story, solution).reply for task in lessons.TASKS] == [accepted] * 3
    doubted = make_lesson("gold_guided", story, solution, shown=gold + "1")
    assert doubted.reply == f"<gold_wrong>the lines lead to {gold}</gold_wrong>"
    assert f"Answer: {gold}1" in doubted.prompt


def test_lessons_mix_all_replies_and_are_seeded() -> None:
    again = list(itertools.islice(lessons.lessons("lessons-test"), 200))
    assert again == LESSONS[:200]
    for task in lessons.TASKS:
        replies = [lesson.reply for lesson in LESSONS if lesson.task == task]
        right = sum("<attempt_right>" in reply for reply in replies)
        assert 0.03 * len(replies) < right < 0.15 * len(replies)
    guided = [lesson.reply for lesson in LESSONS if lesson.task == "gold_guided"]
    assert 0.02 * len(guided) < sum("<gold_wrong>" in reply for reply in guided) < 0.07 * len(guided)


def test_no_lesson_asks_what_the_demo_asks() -> None:
    apart = {story.question for story in itertools.islice(world.stories("problems"), lessons.KEPT_APART)}
    assert len(apart) == 3300
    assert not apart & {lesson.story.question for lesson in LESSONS}
    assert not apart & {story.question for story in itertools.islice(lessons.fresh_stories("problems"), 500)}


def test_a_students_attempts_are_mixed_in_by_their_sort() -> None:
    story = STORIES[0]
    sampled = [(story, world.solve(story)), (story, "1 + 1 = 3\n#### 3")]
    mixed = [lesson for lesson in itertools.islice(lessons.lessons("mixed", sampled), 500) if lesson.story == story]
    assert 150 < len(mixed) < 350
    assert {lesson.attempt for lesson in mixed} == {attempt for _, attempt in sampled}
    for lesson in mixed:
        assert ("<diagnosis>line 1: " in lesson.reply) == (lesson.attempt == sampled[1][1])


def test_the_prompts_hide_the_answer_where_it_is_not_to_be_seen() -> None:
    prompts = Prompts(DEMO / "prompts")
    problem = Problem(id="p", question="Tom has 7 nuts.", answer="94")
    guided = prompts.load("gold_guided")
    assert guided.fill(problem, gold=True, attempt="#### 2").endswith("Answer: 94\nRevise.")
    with pytest.raises(ConfigError, match="answer"):
        guided.fill(problem, attempt="#### 2")
    assert prompts.load("revise").fill(problem, attempt="#### 2") == "Tom has 7 nuts.\nAttempt:\n#### 2\nRevise."
    steps = prompts.load("continue_fix").fill(problem, steps=["7 - 5 = 2", "#### 2"])
    assert steps == "Tom has 7 nuts.\nSteps:\n1: 7 - 5 = 2\n2: #### 2\nFirst wrong?"


def test_the_shipped_teacher_is_small() -> None:
    assert sum(path.stat().st_size for path in TEACHER.iterdir()) <= 4_000_000


def test_the_shipped_teacher_repairs_misconceived_attempts() -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    from errata.demo.teach import write

    tricky = [story for story in STORIES if story.tricky][:10]
    attempts = [world.solve(story, random.Random(0), wrong=1.0) for story in tricky]
    model = AutoModelForCausalLM.from_pretrained(TEACHER)
    tokenizer = AutoTokenizer.from_pretrained(TEACHER)
    for task, ending in (("revise", "#### {gold}\n</solution>"), ("continue_fix", "{number}</first_wrong_step>")):
        asked = [make_lesson(task, story, attempt) for story, attempt in zip(tricky, attempts, strict=True)]
        replies = write(model, tokenizer, [lesson.prompt for lesson in asked], max_new_tokens=112)
        done = 0
        for lesson, reply in zip(asked, replies, strict=True):
            found = find_first_wrong(lesson.story, lesson.attempt)
            assert found is not None
            gold = world.answer_of(world.solve(lesson.story))
            done += reply.endswith(ending.format(gold=gold, number=found[0]))
        assert done >= 7, replies
