"""From examples to micro-batches: nothing lost, nothing twice, no budget exceeded, the same plan on all ranks."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trainer.batch import make_batch
from trainer.data import Example
from trainer.errors import TrainingInputError
from trainer.layouts import Layout, Padded, Tree
from trainer.packing import share_prompts
from trainer.steps import StepMaker, StepSampler

TEXT = st.lists(st.integers(2, 5), min_size=1, max_size=8).map(tuple)
EXAMPLE = st.builds(
    lambda prompt, texts: Example(prompt, tuple(texts)),
    st.lists(st.integers(2, 4), min_size=1, max_size=3).map(tuple),
    st.lists(TEXT, min_size=1, max_size=4, unique=True),
)


@settings(max_examples=150, deadline=None)
@given(st.lists(EXAMPLE, min_size=1, max_size=9), st.integers(50, 90), st.integers(1, 3), st.booleans())
def test_every_text_stands_where_its_example_says(examples: list[Example], budget: int, ranks: int, tree: bool) -> None:
    layout: Layout = Tree() if tree else Padded()
    numbered = [Example(**{**vars(e), "where": str(i), "weight": float(i)}) for i, e in enumerate(examples)]
    steps = [StepMaker(layout, 0, budget, rank, ranks)(numbered) for rank in range(ranks)]
    assert len({len(step["batches"]) for step in steps}) == 1
    seen: Counter[str] = Counter()
    for step in steps:
        assert step["pairs"] == len(examples)
        for batch in step["batches"]:
            assert batch.tokens_BT.numel() <= budget
            if batch.ghost:
                continue
            seen.update(batch.wheres)
            tokens = batch.targets_U[batch.steps_N]
            for p, where in enumerate(batch.wheres):
                example = numbered[int(where)]
                assert float(batch.weight_P[p]) == example.weight
                texts = [t for t in batch.texts_PK[p].tolist() if t >= 0]
                assert tuple(tuple(tokens[batch.text_N == t].tolist()) for t in texts) == example.completions
                assert [int(batch.length_S[t]) for t in texts] == [len(text) for text in example.completions]
                for t, text in zip(texts, example.completions, strict=True):
                    path = batch.nodes_U[batch.steps_N][batch.text_N == t]
                    before = batch.parents_U[batch.steps_N][batch.text_N == t]
                    assert path[:-1].tolist() == before[1:].tolist()
                    assert int(batch.depth_BT.flatten()[before[0]]) == len(example.prompt) - 1
                    assert batch.depth_BT.flatten()[path].tolist() == [
                        len(example.prompt) + i for i in range(len(text))
                    ]
    assert seen == Counter(str(i) for i in range(len(examples)))


def test_a_row_without_padding_and_its_segments() -> None:
    examples = [Example((2, 3), ((4, 1), (5, 1))), Example((6,), ((7, 1),)), Example((2, 3), ((4, 4, 1), (5, 1)))]
    step = StepMaker(Tree(), 0, 100)(examples)
    (batch,) = step["batches"]
    assert batch.tokens_BT.shape == (1, 11)
    assert batch.segments == (8, 3)
    assert bool(batch.filled_BT.all())
    assert batch.sequence_tokens == 4 + 4 + 3 + 5 + 4
    (padded,) = StepMaker(Tree(flex=True), 0, 200)(examples)["batches"]
    assert padded.tokens_BT.shape == (1, 128)
    assert padded.segments == (8, 3, 117)


def test_a_prompt_with_too_many_completions_gets_several_tries() -> None:
    examples = [Example((2, 2, 2), ((3, i, i, 1), (4, i, i, 1))) for i in range(5, 11)]
    units = share_prompts(examples, 20)
    assert all(sum(map(len, unit)) <= 20 for unit in units)
    owners = [owner for unit in units for block in unit for owner in block.owners]
    assert sorted(owners) == [(i, k) for i in range(6) for k in (0, 1)]
    assert len(share_prompts(examples, 100)) == 1


@pytest.mark.parametrize("layout", [Tree(), Padded()])
def test_an_example_that_does_not_fit_is_named(layout: Layout) -> None:
    examples = [Example((2,), ((3, 1), (4, 1)), "row 0"), Example((2,), ((3,) * 30, (4,) * 30), "row 1 (id x)")]
    with pytest.raises(TrainingInputError, match=r"row 1 \(id x\): \d+ tokens, more than max_tokens_per_device 20"):
        layout.units(examples, 20)


def test_shared_starts_are_left_out_on_request() -> None:
    example = Example((2, 3), ((4, 5, 6, 1), (4, 5, 7, 7, 1)), reference=(np.arange(4.0), np.arange(10.0, 15.0)))
    (unit,) = Tree().units([example], 100)
    (plan,) = Tree().fill([unit], 100)
    batch = make_batch(plan, [example], 0, skip_shared=True)
    assert batch.targets_U[batch.steps_N].tolist() == [6, 1, 7, 7, 1]
    assert batch.reference_N is not None
    assert batch.reference_N.tolist() == [2.0, 3.0, 12.0, 13.0, 14.0]
    assert batch.length_S.tolist() == [4, 5]


def test_pairs_of_a_prompt_come_together_and_every_epoch_has_all() -> None:
    examples = [Example((2 + i % 5,), ((3, i, 1), (4, i, 1))) for i in range(20)]
    sampler = StepSampler(examples, 4, seed=0, shuffle=True, group=True)
    first = list(sampler)
    assert sorted(i for step in first for i in step) == list(range(20))
    assert all(len({examples[i].prompt for i in step}) == 1 for step in first)
    sampler.set_epoch(1)
    assert list(sampler) != first
    apart = StepSampler(examples, 4, seed=0, shuffle=False, group=False)
    assert [i for step in apart for i in step] == list(range(20))
    assert len(StepSampler(examples, 3, seed=0, shuffle=True, group=True, drop_last=True)) == 6
