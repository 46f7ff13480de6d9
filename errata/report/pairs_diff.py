"""What two texts do not share, word by word, as spans of characters."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Sequence

from pipeline.edits import WORDS

Span = tuple[int, int]
Block = tuple[int, int, int, int]
"""Tokens i1 to i2 of the one text stand where the other has j1 to j2; either may be none."""

LINES = re.compile(r"[^\n]*\n|[^\n]+")
MOST_CELLS = 400_000_000
"""Of the table of two texts' tokens, an eighth of a byte each; beyond it, lines are compared first."""


def diff_words(before: str, after: str) -> tuple[list[Span], list[Span]]:
    """What of `before` is gone and what of `after` is new. The longest common subsequence of words and spaces stays.

    Spaces alone between two changes count as changed. Texts of more than about 10,000 words are compared line by line,
    and within changed lines again word by word where these are few enough.
    """
    gone: list[Span] = []
    new: list[Span] = []
    for a, b, c, d in _changes(before, after, (WORDS, LINES)):
        if a < b:
            gone.append((a, b))
        if c < d:
            new.append((c, d))
    return gone, new


def _changes(before: str, after: str, patterns: Sequence[re.Pattern[str]]) -> Iterator[Block]:
    """The changed stretches in characters, by the first pattern whose tokens are few enough, else the whole."""
    for pattern in patterns:
        mine, theirs = pattern.findall(before), pattern.findall(after)
        start, end = _shared_ends(mine, theirs)
        cells = (len(mine) - start - end) * (len(theirs) - start - end)
        if cells > MOST_CELLS:
            continue
        ends, others = _ends(mine), _ends(theirs)
        for i, j, k, m in _blocks(mine, theirs):
            block = ends[i], ends[j], others[k], others[m]
            if pattern is LINES:
                yield from _within(before, after, block)
            else:
                yield block
        return
    yield 0, len(before), 0, len(after)


def _within(before: str, after: str, block: Block) -> Iterator[Block]:
    a, b, c, d = block
    for i, j, k, m in _changes(before[a:b], after[c:d], (WORDS,)):
        yield a + i, a + j, c + k, c + m


def _shared_ends(mine: Sequence[str], theirs: Sequence[str]) -> tuple[int, int]:
    """How many tokens two texts begin with, and end with, alike."""
    least = min(len(mine), len(theirs))
    start = next((at for at in range(least) if mine[at] != theirs[at]), least)
    least -= start
    end = next((at for at in range(least) if mine[-1 - at] != theirs[-1 - at]), least)
    return start, end


def _blocks(mine: Sequence[str], theirs: Sequence[str]) -> list[Block]:
    from rapidfuzz.distance import Indel

    blocks: list[Block] = []
    for step in Indel.opcodes(mine, theirs):
        if step.tag == "equal":
            continue
        block = (step.src_start, step.src_end, step.dest_start, step.dest_end)
        if blocks and not "".join(mine[blocks[-1][1] : block[0]]).strip():
            first = blocks.pop()
            block = (first[0], block[1], first[2], block[3])
        blocks.append(block)
    return blocks


def _ends(tokens: Sequence[str]) -> list[int]:
    return list(itertools.accumulate(map(len, tokens), initial=0))
