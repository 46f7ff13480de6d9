"""What the demo's teacher learns from: prompts as the pipeline sends them, and replies that are true.

    prompt         attempt                   reply
    revise         wrong                     <diagnosis>line 2: the number doubles</diagnosis>, then <solution>
    gold_guided    wrong, any answer shown   the same; the solution is the true one
    continue_fix   wrong                     <diagnosis>, then <first_wrong_step>2</first_wrong_step>
    any            right                     <attempt_right>every line holds</attempt_right>
    gold_guided    right, another shown      <gold_wrong>the lines lead to 94</gold_wrong>

A lesson is a pure function of the random generator, of stories, and of attempts sampled from a student.
"""

from __future__ import annotations

import functools
import itertools
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from errata.demo import world
from pipeline.prompts import Prompts
from pipeline.types import Problem

PROMPTS = Path(__file__).parent / "prompts"
TAGS = ("diagnosis", "solution", "attempt_right", "gold_wrong", "first_wrong_step")
TASKS = ("revise", "gold_guided", "continue_fix")
KEPT_APART = 3300
"""So many of `stories("problems")` are the demo's and the benchmarks' own; no lesson asks one of them."""
RIGHT_SHARE = 0.1
"""How many attempts are right."""
WRONG_GOLD = 0.4
"""How many of the right attempts are shown with another answer, where one is shown."""
MISLED = 0.02
"""How many of the wrong attempts are shown with an answer that is not the true one."""
TOLD = {
    "gain": "finds more",
    "lose": "loses some",
    "boxes": "finds boxes of them",
    "friends": "gives to each of the friends",
    "double": "the number doubles",
    "half": "loses half of them",
}
SLIP, LAST, OVER = "a slip", "the last number", "nothing more happens"


@dataclass(frozen=True)
class Lesson:
    """One prompt and the reply to it, with what they were made from."""

    task: str
    story: world.Story
    attempt: str
    prompt: str
    reply: str


def value_of(line: str) -> str:
    """What a line arrives at: the text behind the last `=`; of a final line, all of it."""
    return line.strip() if line.startswith("####") else line.rpartition("=")[2].strip()


def find_first_wrong(story: world.Story, attempt: str) -> tuple[int, str] | None:
    """The first line, counted from 1, whose value is not that of the right solution's line; and what happens there.

    None where every line holds. An attempt that ends early is wrong in the line that is missing.
    """
    right = world.solve(story).split("\n")
    told = [TOLD[event.kind] for event in story.events for _ in range(2 if event.kind in ("boxes", "friends") else 1)]
    for number, (written, line) in enumerate(itertools.zip_longest(attempt.split("\n"), right), start=1):
        if written is not None and line is not None and value_of(written) == value_of(line):
            continue
        if line is None:
            return number, OVER
        if number == len(right):
            return number, LAST if written is None or written.startswith("####") else OVER
        same_sum = written is not None and written.partition(" = ")[0] == line.partition(" = ")[0]
        return number, SLIP if same_sum else told[number - 1]
    return None


def write_attempt(story: world.Story, rng: random.Random) -> str:
    """A student's attempt: misconceptions of any density; now and then a slip that is carried on, or a wrong end."""
    wrong = rng.choice((0.0, 0.3, 0.6, 1.0))
    if rng.random() < 0.15:
        done = rng.randint(1, len(story.events))
        before = world.solve(world.Story("", story.start, story.events[:done]), rng, wrong).split("\n")[:-1]
        sum_, _, value = before[-1].partition(" = ")
        slipped = _slip(int(value), rng)
        after = world.solve(world.Story("", slipped, story.events[done:]), rng, wrong)
        return "\n".join([*before[:-1], f"{sum_} = {slipped}", after])
    attempt = world.solve(story, rng, wrong)
    if rng.random() < 0.04:
        body, _, last = attempt.rpartition("#### ")
        attempt = f"{body}#### {_slip(int(last), rng)}"
    return attempt


def _slip(value: int, rng: random.Random) -> int:
    return rng.choice((value + 1, value - 1, value + 10, value - 10, -value, value + rng.randint(2, 9)))


def make_lesson(task: str, story: world.Story, attempt: str, shown: str | None = None) -> Lesson:
    """The prompt of this task and the true reply; `gold_guided` shows `shown`, or else the true answer."""
    solution = world.solve(story)
    gold = world.answer_of(solution)
    found = find_first_wrong(story, attempt)
    shown = gold if shown is None else shown
    if found is None and task == "gold_guided" and shown != gold:
        reply = f"<gold_wrong>the lines lead to {gold}</gold_wrong>"
    elif found is None:
        reply = "<attempt_right>every line holds</attempt_right>"
    else:
        number, told = found
        reply = f"<diagnosis>line {number}: {told}</diagnosis>\n"
        if task == "continue_fix":
            reply += f"<first_wrong_step>{number}</first_wrong_step>"
        else:
            reply += f"<solution>\n{solution}\n</solution>"
    return Lesson(task, story, attempt, render(task, story.question, attempt, shown), reply)


def _other(value: int, rng: random.Random) -> int:
    drawn = rng.choice((value + rng.randint(1, 12), value - rng.randint(1, 12), rng.randint(1, world.LARGEST)))
    return drawn if drawn not in (value, 0) else value + 1


def render(task: str, question: str, attempt: str, answer: str) -> str:
    """The user message, by the demo's template for this task; `continue_fix` sees the attempt's lines as steps."""
    problem = Problem(id="", question=question, answer=answer)
    steps = attempt.split("\n")
    return _prompts().load(task).fill(problem, gold=task == "gold_guided", attempt=attempt, steps=steps)


@functools.cache
def _prompts() -> Prompts:
    return Prompts(PROMPTS)


def fresh_stories(seed: str) -> Iterator[world.Story]:
    """Stories of a stream of this name, without those that are kept apart."""
    apart = {story.question for story in itertools.islice(world.stories("problems"), KEPT_APART)}
    return (story for story in world.stories(seed) if story.question not in apart)


def lessons(seed: str, sampled: Sequence[tuple[world.Story, str]] = ()) -> Iterator[Lesson]:
    """An endless, seeded stream of lessons; every other attempt is one of `sampled`, where there are any of its sort.

    Two of five lessons are to revise, as many with the answer shown, one is to find the first wrong step.
    """
    rng, stream = random.Random(f"errata-teacher-{seed}"), fresh_stories(f"teacher-{seed}")
    pools: dict[bool, list[tuple[world.Story, str]]] = {True: [], False: []}
    for story, attempt in sampled:
        pools[find_first_wrong(story, attempt) is None].append((story, attempt))
    while True:
        task = rng.choice(("revise", "revise", "gold_guided", "gold_guided", "continue_fix"))
        right = rng.random() < RIGHT_SHARE
        if pools[right] and rng.random() < 0.5:
            story, attempt = rng.choice(pools[right])
        else:
            story = next(stream)
            attempt = world.solve(story) if right else write_attempt(story, rng)
            while not right and find_first_wrong(story, attempt) is None:
                story = next(stream)
                attempt = write_attempt(story, rng)
        misled = rng.random() < (WRONG_GOLD if right else MISLED)
        gold = int(world.answer_of(world.solve(story)))
        yield make_lesson(task, story, attempt, str(_other(gold, rng)) if misled else None)
