"""Equal work for all processes: nothing lost, nothing twice, and tries are cut where a few of them are heavy."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.trainer.test_packing import EXAMPLE
from trainer.balance import balance
from trainer.data import Example
from trainer.layouts import Layout, Padded, Tree
from trainer.packing import Plan, share_prompts, split_unit
from trainer.steps import StepMaker


def work(plans: Sequence[Plan]) -> int:
    return sum(len(block) for plan in plans if not plan.ghost for row in plan.rows for block in row)


@settings(max_examples=150, deadline=None)
@given(st.lists(EXAMPLE, min_size=1, max_size=12), st.integers(1, 5), st.booleans(), st.booleans())
def test_all_is_computed_once_and_no_process_is_without_a_batch(
    examples: list[Example], ranks: int, tree: bool, lockstep: bool
) -> None:
    layout: Layout = Tree() if tree else Padded()
    plans = StepMaker(layout, 0, 90, ranks=ranks, lockstep=lockstep).plan(examples)
    assert len(plans) == ranks
    assert all(own for own in plans)
    counts = [len(own) for own in plans]
    ghosts = [sum(plan.ghost for plan in own) for own in plans]
    if lockstep:
        assert len(set(counts)) == 1
    else:
        assert all(not ghost or (count, ghost) == (1, 1) for count, ghost in zip(counts, ghosts, strict=True))
    real = [plan for own in plans for plan in own if not plan.ghost]
    seen = Counter(owner for plan in real for row in plan.rows for block in row for owner in block.owners)
    assert seen == Counter((i, k) for i, example in enumerate(examples) for k in range(len(example.texts)))


def make_prompts(*pairs: int) -> list[Example]:
    """Prompts of 20 tokens with so many pairs each, of 2 x 10 tokens."""
    return [
        Example((*range(5, 24), 30 + prompt), tuple((100 + i, side, *range(7), 1) for side in (2, 3)), f"{prompt}.{i}")
        for prompt, count in enumerate(pairs)
        for i in range(count)
    ]


def test_a_prompt_with_most_of_the_work_is_cut_and_all_have_about_as_much() -> None:
    examples = make_prompts(16, 1, 1, 1)
    units = share_prompts(examples, 1000)
    whole = [sum(len(block) for unit in part for block in unit) for part in balance(units, 4, len)]
    assert max(whole) > 5 * min(whole)
    plans = StepMaker(Tree(), 0, 1000, ranks=4).plan(examples)
    loads = [work(own) for own in plans]
    assert max(loads) < 1.5 * min(loads)
    assert max(loads) < max(whole) / 2


def test_what_is_even_is_left_whole() -> None:
    examples = make_prompts(2, 2, 2, 2, 2, 2, 2, 2)
    plans = StepMaker(Tree(), 0, 1000, ranks=4).plan(examples)
    assert sum(map(work, plans)) == sum(len(block) for unit in share_prompts(examples, 1000) for block in unit)


def test_halves_of_a_trie_hold_its_examples_and_a_single_one_is_not_cut() -> None:
    examples = make_prompts(5)
    (unit,) = share_prompts(examples, 1000)
    halves = split_unit(unit, examples)
    owners = [sorted({i for block in half for i, _ in block.owners}) for half in halves]
    assert sorted(i for own in owners for i in own) == list(range(5))
    assert abs(len(owners[0]) - len(owners[1])) == 1
    single = share_prompts(examples[:1], 1000)
    assert split_unit(single[0], examples) == single
