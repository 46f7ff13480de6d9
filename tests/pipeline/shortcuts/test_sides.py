"""Data and control side by side: which prompts they share, and that parts and rewritten texts count as if fresh."""

from __future__ import annotations

import random
from dataclasses import replace

import numpy as np
import pytest

from pipeline.shortcuts.sides import FEWEST_SHARED, Side, Sides, match
from pipeline.shortcuts.table import Vocabulary
from tests.pipeline.shortcuts.test_markers import make_pairs, open_with

DATA = [pair for sample in (1, 2) for pair in make_pairs(80, sample=sample)]
CONTROL = make_pairs(70, start=15)
VOCABULARY = Vocabulary.learn([*DATA, *CONTROL])


def count() -> Sides:
    return Sides.count(DATA, CONTROL, VOCABULARY)


def assert_equal(side: Side, other: Side) -> None:
    assert list(side.contrasts) == list(other.contrasts)
    assert side.keys == other.keys
    np.testing.assert_array_equal(side.prompts, other.prompts)
    np.testing.assert_array_equal(side.difference.toarray(), other.difference.toarray())
    np.testing.assert_array_equal(side.votes.toarray(), other.votes.toarray())


def test_each_prompt_has_a_vote_however_its_pairs_are_scattered() -> None:
    side = count().data
    assert side.votes.shape == (80, len(VOCABULARY))
    assert [side.keys[number] for number in side.prompts] == [pair.prompt for pair in DATA]


def test_a_part_of_the_prompts_is_what_they_alone_would_be() -> None:
    side = count().data
    chosen = np.array([5, 70, 20])
    part = side.take(chosen)
    assert part.keys == [side.keys[5], side.keys[70], side.keys[20]]
    pairs = [pair for pair in DATA if pair.prompt in part.keys]
    assert list(part.contrasts) == pairs
    alone = Side.count(pairs, VOCABULARY)
    np.testing.assert_array_equal(part.difference.toarray(), alone.difference.toarray())
    order = [alone.keys.index(key) for key in part.keys]
    np.testing.assert_array_equal(part.votes.toarray(), alone.votes.toarray()[order])
    assert [part.keys[number] for number in part.prompts] == [pair.prompt for pair in pairs]


def test_rewritten_texts_count_as_if_they_had_always_been_so() -> None:
    some = random.Random(0).sample(range(len(DATA)), 30)
    changed = [replace(p, chosen=open_with(p.chosen)) if i in some else p for i, p in enumerate(DATA)]
    sides = count()
    again = sides.rewrite(changed, CONTROL)
    assert_equal(again.data, Side.count(changed, VOCABULARY))
    assert again.control is sides.control, "nothing changed there"
    assert_equal(again.rewrite(DATA, CONTROL).data, sides.data)


def test_shared_prompts_stand_in_one_order_on_both_sides() -> None:
    sides = count()
    data, control = sides.compared()
    assert control is not None
    assert data.keys == control.keys
    assert set(data.keys) == {p.prompt for p in DATA} & {p.prompt for p in CONTROL}
    assert len(data.contrasts) == 2 * len(control.contrasts) == 130


def test_without_enough_shared_prompts_both_are_compared_whole() -> None:
    sides = Sides.count(make_pairs(100), make_pairs(100, start=60), VOCABULARY)
    assert sides.shared is None
    data, control = sides.compared()
    assert control is not None
    assert (len(data.keys), len(control.keys)) == (100, 100)
    assert Sides.count(DATA, (), VOCABULARY).compared()[1] is None


@pytest.mark.parametrize(
    ("data", "control", "shared"),
    [
        (range(100), range(50, 150), 50),
        (range(100), range(51, 151), None),  # 49 are too few to rest on
        (range(1000), range(950, 1050), 50),  # half of the smaller side
        (range(1000), range(950, 1051), None),
        (range(60), range(60), 60),
        (range(60), range(0), None),
    ],
)
def test_prompts_are_compared_one_by_one_where_half_of_them_are_shared(
    data: range, control: range, shared: int | None
) -> None:
    found = match([str(n) for n in data], [str(n) for n in reversed(control)])
    assert (found and len(found[0])) == shared
    if found is not None:
        assert len(found[0]) >= FEWEST_SHARED
        assert [data[i] for i in found[0]] == [control[len(control) - 1 - i] for i in found[1]]


def test_a_sample_has_the_same_prompts_on_both_sides_and_does_not_depend_on_the_order_of_rows() -> None:
    sides = count()
    assert sides.sample(80, 0, shared_first=True) is sides
    some = sides.sample(60, 0, shared_first=True)
    assert some.control is not None
    assert (len(some.data.keys), len(some.control.keys)) == (60, 60)
    assert set(some.data.keys) == set(some.control.keys), "shared prompts are drawn before others"
    assert some.shared is not None
    assert len(some.shared[0]) == 60
    assert len(some.data.contrasts) == 120, "with all their pairs"
    shuffled = random.Random(0).sample(DATA, len(DATA))
    other = Sides.count(shuffled, CONTROL, VOCABULARY).sample(60, 0, shared_first=True)
    assert set(other.data.keys) == set(some.data.keys)
    assert set(sides.sample(60, 1, shared_first=True).data.keys) != set(some.data.keys)


def test_a_sample_without_a_control_is_one_of_the_data() -> None:
    some = Sides.count(DATA, (), VOCABULARY).sample(10, 0, shared_first=True)
    assert (len(some.data.keys), some.control, some.shared) == (10, None, None)
    assert [key for key in count().data.keys if key in some.data.keys] == some.data.keys, "in their order"
