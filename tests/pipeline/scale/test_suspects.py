"""A problem that ends its worker is found in three deaths; one whose worker was merely lost is not blamed."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from pipeline.scale.suspects import Suspects, together


def test_a_part_that_saw_a_death_is_tried_with_fewer_at_once() -> None:
    suspects = Suspects()
    deaths = [suspects.begin(7, turn) for turn in ("a/0", "b/0", "b/1", "c/0")]
    assert deaths == [0, 1, 2, 3]
    assert [together(n) for n in deaths] == [None, 8, 1, 1]
    suspects.end(7)
    assert suspects.begin(7, "d/0") == 0, "it came to its end"


def test_a_word_that_is_said_twice_counts_once() -> None:
    suspects = Suspects()
    assert [suspects.begin(1, "a/0"), suspects.begin(1, "a/0")] == [0, 0]
    assert suspects.turns == ["a/0"]


@given(st.sets(st.integers(0, 30), max_size=4), st.integers(1, 10))
def test_all_that_end_their_workers_are_found_and_nothing_else(bad: set[int], size: int) -> None:
    """A worker takes parts as a real one does, and dies when a bad problem is under way."""
    suspects, done, turns = Suspects(), set[int](), itertools.count()
    deaths = 0
    for part in range(0, 31, size):
        numbers = range(part, min(part + size, 31))
        while True:
            limit = together(suspects.begin(part, f"w/{next(turns)}"))
            left = [n for n in numbers if n not in suspects.guilty]
            if limit != 1:
                if bad.isdisjoint(left):
                    break
            else:
                fatal = next((n for n in left if n in bad), None)
                for number in left[: left.index(fatal) + 1] if fatal is not None else left:
                    suspects.alone(part, [number])
                if fatal is None:
                    suspects.alone(part, ())
                    break
            deaths += 1
        done.update(left)
        suspects.end(part)
    assert suspects.guilty == bad
    assert done == set(range(31)) - bad
    assert deaths <= 3 * len(bad)
