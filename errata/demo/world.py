"""The demo world: one-page word problems whose answer can be computed, and the misconceptions a student may hold.

A problem is a start amount and two to four events. `solve` writes the solution line by line
(`4 * 6 = 24`, then `#### 94`); with misconceptions planted it makes exactly these mistakes:

    event                           right              misconceived
    the number doubles              x * 2              x + 2
    loses half of them              x / 2              x - 2
    b boxes of c                    b * c, then x + .  x + c        (one box)
    c to each of b friends          b * c, then x - .  x - c        (one friend)

Everything is a pure function of the random generator that is passed in.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass

NAMES = ("Tom", "Anna", "Ben", "Mia", "Sam", "Lily", "Omar", "Nina", "Leo", "Ruth", "Ivan", "Kate")
ITEMS = ("apples", "pears", "coins", "cards", "stamps", "shells", "books", "pens", "marbles", "nuts")
CONTAINERS = ("boxes", "bags", "packs")
KINDS = ("gain", "gain", "lose", "lose", "boxes", "friends", "double", "half")
"""What is drawn from: half of all events leave no room for a misconception."""
LARGEST = 199
"""No amount ever exceeds this."""


@dataclass(frozen=True)
class Event:
    """One event of a story: what is told, and the numbers in it (`b` is unused by the one-number kinds)."""

    kind: str
    text: str
    c: int = 0
    b: int = 0


@dataclass(frozen=True)
class Story:
    """A start amount and the events that change it."""

    question: str
    start: int
    events: tuple[Event, ...]

    @property
    def tricky(self) -> int:
        """How many events a misconception can spoil."""
        return sum(event.kind in MISCONCEPTIONS for event in self.events)


def _right_steps(event: Event, x: int) -> list[tuple[str, int]]:
    match event.kind:
        case "gain":
            return [(f"{x} + {event.c}", x + event.c)]
        case "lose":
            return [(f"{x} - {event.c}", x - event.c)]
        case "boxes":
            total = event.b * event.c
            return [(f"{event.b} * {event.c}", total), (f"{x} + {total}", x + total)]
        case "friends":
            total = event.b * event.c
            return [(f"{event.b} * {event.c}", total), (f"{x} - {total}", x - total)]
        case "double":
            return [(f"{x} * 2", x * 2)]
        case "half":
            return [(f"{x} / 2", x // 2)]
    raise ValueError(f"unknown kind of event: {event.kind}")


MISCONCEPTIONS = {
    "double": lambda event, x: (f"{x} + 2", x + 2),
    "half": lambda event, x: (f"{x} - 2", x - 2),
    "boxes": lambda event, x: (f"{x} + {event.c}", x + event.c),
    "friends": lambda event, x: (f"{x} - {event.c}", x - event.c),
}


def solve(story: Story, rng: random.Random | None = None, wrong: float = 0.0) -> str:
    """Write the solution; each step that has a misconception is misconceived with probability `wrong`."""
    x, lines = story.start, []
    for event in story.events:
        spoil = event.kind in MISCONCEPTIONS and rng is not None and rng.random() < wrong
        if spoil or (event.kind == "half" and x % 2):  # an odd amount arises from an earlier mistake only
            steps = [MISCONCEPTIONS[event.kind](event, x)]
        else:
            steps = _right_steps(event, x)
        for left, value in steps:
            lines.append(f"{left} = {value}")
        x = steps[-1][1]
    return "\n".join([*lines, f"#### {x}"])


def answer_of(solution: str) -> str:
    """The text behind `####`."""
    return solution.rsplit("#### ", 1)[1]


def _draw_event(rng: random.Random, name: str, item: str, x: int) -> Event | None:
    """One random event, or None where the draw does not fit the amount `x`."""
    kind = rng.choice(KINDS)
    c, b = rng.randint(2, 9), rng.randint(2, 6)
    match kind:
        case "gain":
            c = rng.randint(3, 20)
            text = rng.choice((f"{name} finds {c} {item}.", f"{name} buys {c} more {item}."))
        case "lose":
            c = rng.randint(3, 20)
            text = rng.choice((f"{name} loses {c} {item}.", f"{name} gives {c} {item} to a friend."))
        case "boxes":
            box = rng.choice(CONTAINERS)
            text = rng.choice((f"{name} finds {b} {box} of {c} {item}.", f"{name} buys {b} {box} of {c} {item}."))
        case "friends":
            text = f"{name} gives {c} {item} to each of {b} friends."
        case "double":
            text = "Then the number doubles."
        case _:
            text = f"Then {name} loses half of them."
    event = Event(kind, text, c, b)
    after = _right_steps(event, x)[-1][1]
    fits = 1 <= after <= LARGEST and not (kind == "half" and (x % 2 or x < 6))
    return event if fits else None


def draw_story(rng: random.Random) -> Story:
    """Draw one story with two to four events; all amounts stay within 1..LARGEST."""
    name, item = rng.choice(NAMES), rng.choice(ITEMS)
    start = x = rng.randint(5, 60)
    events: list[Event] = []
    wanted = rng.choice((2, 3, 3, 4))
    while len(events) < wanted:
        event = _draw_event(rng, name, item, x)
        if event is not None:
            events.append(event)
            x = _right_steps(event, x)[-1][1]
    told = " ".join(event.text for event in events)
    question = f"{name} has {start} {item}. {told} How many {item} does {name} have now?"
    return Story(question, start, tuple(events))


def stories(seed: int | str) -> Iterator[Story]:
    """An endless, seeded stream of distinct stories."""
    rng, seen = random.Random(f"errata-demo-{seed}"), set[str]()
    while True:
        story = draw_story(rng)
        if story.question not in seen:
            seen.add(story.question)
            yield story
