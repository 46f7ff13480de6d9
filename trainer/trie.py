"""Prompt tries: all completions of one prompt as one depth-first sequence in which every shared prefix stands once.

    prompt p0 p1, completions "a b" and "a c d"

    index        0   1   2   3   4   5        q may attend to k   iff   k <= q < subtree_end[k]
    token        p0  p1  a   b   c   d        position id         =     depth
    depth        0   1   2   3   3   4        log-prob of token i is read at the hidden state of parent[i]
    parent      -1   0   1   2   2   4
    subtree_end  6   6   6   4   6   6

Tries laid one behind the other in a row, with `subtree_end` shifted, exclude one another by the same rule: one int
vector is the whole mask, block packing included. Shape suffixes: T tokens of the trie.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Trie:
    """One prompt with its completions; all vectors are [T]."""

    tokens_T: Ints
    parent_T: Ints
    """Index of the token before; -1 for the first one."""
    depth_T: Ints
    """Distance from the first token: the position id."""
    subtree_end_T: Ints
    """Index behind the last token that has this one as an ancestor, or is it."""
    paths: tuple[Ints, ...]
    """For each completion, in the order given, the indices of its tokens; the prompt's are not among them."""

    def __len__(self) -> int:
        return len(self.tokens_T)

    def ancestor_mask(self) -> npt.NDArray[np.bool_]:
        """[T, T], true where the row's token may attend to the column's."""
        index_T = np.arange(len(self))
        query_T1, key_1T = index_T[:, None], index_T[None, :]
        allowed: npt.NDArray[np.bool_] = (key_1T <= query_T1) & (query_T1 < self.subtree_end_T[None, :])
        return allowed


def build_trie(prompt: Sequence[int], completions: Sequence[Sequence[int]]) -> Trie:
    """Lay out a prompt and its completions; equal completions share all their tokens.

    Raises ValueError for an empty prompt (a log-prob is read at the token before) or an empty completion.
    """
    if not prompt:
        raise ValueError("the prompt is empty: the first token of a completion has no token before it")
    if not all(completions) or not completions:
        raise ValueError("a completion is empty, or there is none")
    # Sorted completions come in depth-first order: each shares its longest prefix with the one before it.
    order = sorted(range(len(completions)), key=lambda i: list(completions[i]))
    tokens, parent = list(prompt), list(range(-1, len(prompt) - 1))
    depth = list(range(len(prompt)))
    paths: list[list[int]] = [[] for _ in completions]
    before: Sequence[int] = ()
    path: list[int] = []
    for i in order:
        completion = completions[i]
        shared = common_prefix(before, completion)
        path = path[:shared]
        for token in completion[shared:]:
            parent.append(path[-1] if path else len(prompt) - 1)
            depth.append(len(prompt) + len(path))
            path.append(len(tokens))
            tokens.append(token)
        paths[i], before = list(path), completion
    return Trie(
        np.array(tokens, dtype=np.int64),
        np.array(parent, dtype=np.int64),
        np.array(depth, dtype=np.int64),
        find_subtree_ends(parent),
        tuple(np.array(path, dtype=np.int64) for path in paths),
    )


def common_prefix(a: Sequence[Any], b: Sequence[Any]) -> int:
    """Number of leading items (tokens, letters, turns) that both have."""
    limit = min(len(a), len(b))
    return next((i for i in range(limit) if a[i] != b[i]), limit)


def find_subtree_ends(parent: Sequence[int]) -> Ints:
    """[T] ends of the subtrees of a depth-first layout: a token's end is the largest of its descendants'."""
    ends = list(range(1, len(parent) + 1))
    for i in range(len(parent) - 1, 0, -1):
        ends[parent[i]] = max(ends[parent[i]], ends[i])
    return np.array(ends, dtype=np.int64)
