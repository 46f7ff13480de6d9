"""How a text begins."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

from pydantic import Field

from pipeline.shortcuts.features.base import Family, FeatureSettings
from pipeline.shortcuts.mask import Masked
from pipeline.shortcuts.tokens import join, tokenize


class Settings(FeatureSettings):
    """The first sentence, `^ Let us begin.`, and the first few tokens, `^ Let us …`; each 1 where the text has it."""

    family: ClassVar[Family] = "style"
    feature: Literal["openers"] = "openers"
    longest: int = Field(4, ge=1)
    """Tokens of the longest beginning."""

    def words_of(self, feature: str) -> str:
        return feature.removeprefix("^ ").removesuffix(" …")

    def count(self, text: Masked) -> Mapping[str, float]:
        if not text.sentences:
            return {}
        found = {f"^ {join(text.tokens[:n])} …": 1.0 for n in range(1, min(self.longest, len(text.tokens)) + 1)}
        return found | {f"^ {join(tokenize(text.sentences[0]))}": 1.0}
