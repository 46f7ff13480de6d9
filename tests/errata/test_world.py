"""The demo world: exact answers, planted mistakes, and a stream that never repeats."""

from __future__ import annotations

import itertools
import random
import re

from errata.demo import world

STORIES = list(itertools.islice(world.stories("world-test"), 500))


def test_every_line_of_a_solution_is_true_and_the_answer_is_the_last_one() -> None:
    for story in STORIES:
        *lines, last = world.solve(story).splitlines()
        for line in lines:
            left, _, right = line.partition(" = ")
            assert re.fullmatch(r"\d+ [-+*/] \d+", left)
            assert eval(left) == int(right), line
            assert 1 <= int(right) <= world.LARGEST
        assert last == f"#### {lines[-1].rpartition(' = ')[2]}"


def test_misconceptions_change_the_answer_of_tricky_stories_only() -> None:
    changed = 0
    for story in STORIES:
        right, spoilt = world.solve(story), world.solve(story, random.Random(0), wrong=1.0)
        assert (right == spoilt) == (story.tricky == 0)
        changed += world.answer_of(right) != world.answer_of(spoilt)
    assert changed > 0.7 * len(STORIES)


def test_a_stream_is_seeded_and_never_repeats_a_question() -> None:
    again = list(itertools.islice(world.stories("world-test"), 500))
    assert again == STORIES
    assert len({story.question for story in STORIES}) == 500
    assert next(world.stories("another")) not in STORIES
