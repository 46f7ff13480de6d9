"""Short questions that stand whole in a longer text, as sentences of their own."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence

from pipeline.measures.folding import UNSPACED, fold

_WORDS = range(4, 13)
"""Fewer words are no question that means the same anywhere; from 13 on, `near_copies` finds it."""
_CHARACTERS = 3
"""So many characters of a script without spaces are as good as a word."""
_SENTENCES = 16
"""No question is looked for in more of them, so that a text of full stops takes no longer than another."""
_UNSPACED = re.compile(f"[{UNSPACED}]")


class Quoted:
    """The questions by their sentences.

    One is found at the beginning or the end of a text, on lines or between sentences of it, never inside a sentence:
    `What is 3 + 4` is not in `What is 3 + 4 + 5`.
    """

    def __init__(self, questions: Sequence[str]) -> None:
        self._owners: defaultdict[str, list[int]] = defaultdict(list)
        for owner, question in enumerate(questions):
            key = " ".join(fold(question).sentences)
            if _WORDS.start * _CHARACTERS <= _weigh(key) < _WORDS.stop * _CHARACTERS:
                self._owners[key].append(owner)
        self._longest = max(map(len, self._owners), default=0)

    def find(self, sentences: Sequence[str]) -> Iterator[int]:
        """Which of the questions stand in the sentences of a text; in linear time, whatever it holds."""
        for first, sentence in enumerate(sentences):
            key = sentence
            yield from self._owners.get(key, ())
            for further in sentences[first + 1 : first + _SENTENCES]:
                if len(key) >= self._longest:
                    break
                key = f"{key} {further}"
                yield from self._owners.get(key, ())


def _weigh(key: str) -> int:
    """Characters of scripts without spaces, and three for every other word."""
    characters = len(_UNSPACED.findall(key))
    words = sum(word[0].isalnum() and not _UNSPACED.match(word) for word in key.split())
    return characters + _CHARACTERS * words
