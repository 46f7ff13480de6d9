"""Texts that are nearly the same as one of a few, found among millions that stream by.

Only the few are kept. A text that shares s of G n-grams with one of them shares at least one of any G - s + 1, so the
rarest of those alone are looked up (prefix filtering; Chaudhuri et al. 2006), and what they find is counted in full.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from math import ceil

import numpy as np

from pipeline.measures.folding import normalise
from pipeline.select.ngrams import Hashes, hash_ngrams, words

SHORT = 13
"""A text of fewer words, signs counted, is like no other: one word more or less makes it another text. `quoted` finds
those that stand in longer ones."""
_BOILERPLATE = 10
"""An n-gram that stands in more than half of the texts, and in more than this many, tells nothing."""
_SIGNS = str.maketrans(
    {"+": " plus ", "*": " times ", "/": " over ", "^": " power ", "=": " equals ", "<": " less ", ">": " more "}
    | {"-": " minus "}
)
"""`words` drops signs, without which `3 + 4` is `3 - 4`."""


class NearCopies:
    """The texts by their n-grams.

    n: words in an n-gram (in Chinese, characters).
    min_share: smallest share of a text's n-grams that must stand in another text, wherever they stand there.
    """

    def __init__(self, texts: Sequence[str], n: int, min_share: float) -> None:
        self.n = n
        grams = [np.unique(self._hash(text)) for text in texts]
        known, times = np.unique(np.concatenate([*grams, np.empty(0, np.uint64)]), return_counts=True)
        common = times > max(_BOILERPLATE, len(texts) / 2)
        self._grams: list[Hashes] = []
        self._needed: list[int] = []
        keys: list[Hashes] = []
        for of_text in grams:
            at = np.searchsorted(known, of_text)
            telling, frequency = of_text[~common[at]], times[at][~common[at]]
            needed = max(1, ceil(min_share * len(telling) - 1e-9))  # 0.7 · 10 is a little more than 7
            keys.append(telling[np.argsort(frequency, kind="stable")][: len(telling) - needed + 1])
            self._grams.append(telling)
            self._needed.append(needed)
        self._owners: defaultdict[int, list[int]] = defaultdict(list)
        for owner, part in enumerate(keys):
            for key in part.tolist():
                self._owners[key].append(owner)

    def find(self, text: str) -> Iterator[tuple[int, float]]:
        """(which of the texts, share of its n-grams that stand in this one), for those with enough."""
        hashes = set(self._hash(text).tolist())
        for owner in sorted({owner for key in hashes & self._owners.keys() for owner in self._owners[key]}):
            of_text = self._grams[owner]
            shared = sum(key in hashes for key in of_text.tolist())
            if shared >= self._needed[owner]:
                yield owner, shared / len(of_text)

    def _hash(self, text: str) -> Hashes:
        cut = words(normalise(text).translate(_SIGNS))
        return hash_ngrams(cut if len(cut) >= max(SHORT, self.n) else (), self.n)
