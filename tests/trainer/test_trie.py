"""Prompt tries against brute force."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainer.trie import build_trie

texts = st.lists(st.integers(0, 2), min_size=1, max_size=6)
groups = st.lists(texts, min_size=1, max_size=8)


@given(texts, groups)
def test_every_path_spells_its_completion_and_every_prefix_stands_once(
    prompt: list[int], completions: list[list[int]]
) -> None:
    trie = build_trie(prompt, completions)
    for path, completion in zip(trie.paths, completions, strict=True):
        assert trie.tokens_T[path].tolist() == completion
    prefixes = {tuple(completion[: k + 1]) for completion in completions for k in range(len(completion))}
    assert len(trie) == len(prompt) + len(prefixes)
    assert trie.tokens_T[: len(prompt)].tolist() == prompt


@given(texts, groups)
def test_the_mask_is_the_ancestors_and_depth_is_the_position(prompt: list[int], completions: list[list[int]]) -> None:
    trie = build_trie(prompt, completions)
    mask = trie.ancestor_mask()
    for i in range(len(trie)):
        ancestors, node = [], i
        while node >= 0:
            ancestors.append(node)
            node = int(trie.parent_T[node])
        assert np.flatnonzero(mask[i]).tolist() == ancestors[::-1]
        assert trie.depth_T[i] == len(ancestors) - 1


def test_the_example_of_the_module() -> None:
    trie = build_trie([7, 8], [[1, 2], [1, 3, 4]])
    assert trie.parent_T.tolist() == [-1, 0, 1, 2, 2, 4]
    assert trie.depth_T.tolist() == [0, 1, 2, 3, 3, 4]
    assert trie.subtree_end_T.tolist() == [6, 6, 6, 4, 6, 6]


@pytest.mark.parametrize(("prompt", "completions"), [([], [[1]]), ([1], [[]]), ([1], [])])
def test_empty_parts_are_refused(prompt: list[int], completions: list[list[int]]) -> None:
    with pytest.raises(ValueError, match="empty"):
        build_trie(prompt, completions)
