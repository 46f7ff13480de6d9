"""Characters in a row: habits of spacing and punctuation, endings of words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from functools import lru_cache
from typing import ClassVar, Literal

from pydantic import Field

from pipeline.shortcuts.features.base import Family, FeatureSettings
from pipeline.shortcuts.mask import Masked

BLANK, EDGE = "␣", "⏎"


class Settings(FeatureSettings):
    """Counts the n-grams of characters within lines, `␣` for a blank and `⏎` for either end of a line.

    Left out are those that `words` sees better: letters alone (all of Chinese prose), and letters around a single blank
    that do not end with it.
    """

    family: ClassVar[Family] = "ngrams"
    feature: Literal["characters"] = "characters"
    shortest: int = Field(2, ge=1)
    """Characters in the shortest n-gram."""
    longest: int = Field(4, ge=1, le=16)
    """Characters in the longest."""

    def count(self, text: Masked) -> Mapping[str, float]:
        lines = [EDGE + line + EDGE for line in text.masked.replace(" ", BLANK).split("\n") if line]
        sizes = range(self.shortest, self.longest + 1)
        found = Counter([line[at : at + n] for line in lines for n in sizes for at in range(len(line) - n + 1)])
        return {ngram: number for ngram, number in found.items() if _tells(ngram)}


@lru_cache(maxsize=1 << 18)
def _tells(ngram: str) -> bool:
    """Whether it has a sign, a line's edge or two blanks in it, or is the end of a word."""
    letters = ngram.replace(BLANK, "")
    if letters.isalpha():
        return BLANK * 2 in ngram or (ngram[-1] == BLANK and len(letters) == len(ngram) - 1 > 1)
    return True
