"""Words, signs and line ends, alone and in a row."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import ClassVar, Literal

from pydantic import Field

from pipeline.shortcuts.features.base import Family, FeatureSettings
from pipeline.shortcuts.mask import Masked
from pipeline.shortcuts.tokens import with_blanks


class Settings(FeatureSettings):
    """Counts the n-grams of tokens; each is called what `join` makes of it."""

    family: ClassVar[Family] = "ngrams"
    feature: Literal["words"] = "words"
    longest: int = Field(4, ge=1, le=16)
    """Tokens in the longest n-gram."""

    def words_of(self, feature: str) -> str:
        return feature

    def count(self, text: Masked) -> Mapping[str, float]:
        return Counter(ngrams(text.tokens, self.longest))


def ngrams(tokens: Sequence[str], longest: int) -> list[str]:
    """All n-grams of up to `longest` tokens, as they would be written; the shorter ones first."""
    pieces = with_blanks(tokens)  # blanks depend on neighbours alone, so that each n-gram is a slice of the whole
    written = "".join(pieces)
    ends = list(accumulate(map(len, pieces)))
    starts = [end - len(token) for end, token in zip(ends, tokens, strict=True)]
    return [written[start:end] for n in range(longest) for start, end in zip(starts, ends[n:], strict=False)]
