"""Near-duplicates among hundreds of thousands of texts, by MinHash and banding (Broder 1997; Leskovec et al., ch. 3).

A text is kept as a sketch: for each of PERMUTATIONS random orders of all 3-grams, the first one of the text, cut to
16 bits. The share of equal places in two sketches estimates the Jaccard similarity of the texts (standard error at
most 0.044). Texts are compared where they agree in a whole band of places. Bands are sorted, not put into hash tables,
which would hold some kilobytes a text.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from pipeline.select.candidates import Candidate
from pipeline.select.ngrams import hash_ngrams, words
from pipeline.types import Finding

PERMUTATIONS = 128
N = 3
"""Words in an n-gram; characters in Chinese."""
RECALL = 0.95
"""Share of the pairs of texts just at the threshold that bands let be compared; far more of those above it."""
_AT_ONCE = 1024
"""N-grams permuted at once, which bounds the memory for a long text."""

Sketch = npt.NDArray[np.uint16]

_FACTOR_P, _SHIFT_P = np.random.Philox(key=1).random_raw(2 * PERMUTATIONS).reshape(2, PERMUTATIONS)  # the same for good
_FACTOR_P |= np.uint64(1)


def sketch(text: str) -> Sketch:
    """The text as PERMUTATIONS numbers of 16 bits; a text without words is like itself alone."""
    ngram_G = hash_ngrams(words(text) or [text], N)
    first_P = np.full(PERMUTATIONS, 2**64 - 1, np.uint64)
    for start in range(0, len(ngram_G), _AT_ONCE):
        permuted_GP = ngram_G[start : start + _AT_ONCE, None] * _FACTOR_P + _SHIFT_P
        first_P = np.minimum(first_P, permuted_GP.min(axis=0))
    return (first_P >> np.uint64(32)).astype(np.uint16)


def drop_near_duplicates(
    candidates: Sequence[Candidate], sketches: npt.NDArray[np.uint16], threshold: float
) -> dict[str, Finding]:
    """Findings for every candidate that is as similar as `threshold` to a kept one before it, of another problem.

    sketches: one row a candidate, of which there is at least one.
    """
    codes: dict[str, int] = {}
    problem_C = np.array([codes.setdefault(c.problem_id, len(codes)) for c in candidates], np.int32)
    width = band_width(threshold)
    bands = [Band(sketches[:, at : at + width]) for at in range(0, PERMUTATIONS - width + 1, width)]
    kept_C = np.ones(len(candidates), bool)
    findings = {}
    for row in np.flatnonzero(np.logical_or.reduce([band.mixed(problem_C) for band in bands])).tolist():
        others = np.concatenate([band.before(row) for band in bands])
        others = others[kept_C[others] & (problem_C[others] != problem_C[row])]
        if not len(others):
            continue
        same = np.take(sketches, others, axis=0) == sketches[row]
        equal = same.view(np.uint8).sum(axis=1, dtype=np.uint8)  # four times as fast as count_nonzero
        most = int(equal.max())
        if most >= threshold * PERMUTATIONS:
            kept_C[row] = False
            other, score = candidates[int(others[equal == most].min())], round(most / PERMUTATIONS, 3)
            told = f"like pair {other.id} of problem {other.problem_id}: estimated Jaccard similarity {score:.2f}"
            findings[candidates[row].id] = Finding(rule="near_duplicate", action="drop", reason=told, score=score)
    return findings


class Band:
    """The rows by what their sketches say in one band: those that agree in all of its places are a group."""

    def __init__(self, band_CW: npt.NDArray[np.uint16]) -> None:
        key_C = np.zeros(len(band_CW), np.uint64)
        for column in band_CW.T:
            key_C = (key_C ^ column) * np.uint64(0x9E3779B97F4A7C15)
            key_C ^= key_C >> np.uint64(32)
        by_key = np.argsort(key_C, kind="stable")
        new = np.append(True, np.diff(key_C[by_key]) != 0)
        self.starts = np.flatnonzero(new)
        self.group = np.cumsum(new, dtype=np.int32) - np.int32(1)
        """Of each place in `rows`."""
        self.rows = by_key.astype(np.int32)
        """Group by group, in order."""
        self.place = np.empty(len(by_key), np.int32)
        """Of each row in `rows`."""
        self.place[by_key] = np.arange(len(by_key), dtype=np.int32)

    def before(self, row: int) -> npt.NDArray[np.int32]:
        """The rows of its group that come before this one."""
        place = self.place[row]
        return self.rows[self.starts[self.group[place]] : place]

    def mixed(self, problem_C: npt.NDArray[np.int32]) -> npt.NDArray[np.bool_]:
        """Of each row, whether its group has rows of several problems."""
        problems = problem_C[self.rows]
        mixed = np.minimum.reduceat(problems, self.starts) != np.maximum.reduceat(problems, self.starts)
        spread: npt.NDArray[np.bool_] = mixed[self.group[self.place]]
        return spread


def band_width(threshold: float) -> int:
    """Places in a band: as many as still let RECALL of the texts at the threshold agree in one of the bands."""
    width = PERMUTATIONS
    while width > 1 and 1 - (1 - threshold**width) ** (PERMUTATIONS // width) < RECALL:
        width -= 1
    return width
