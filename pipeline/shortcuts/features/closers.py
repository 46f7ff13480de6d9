"""How a text ends, once the statement of its final answer is taken out, and what stands behind that."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

from pydantic import Field

from pipeline.shortcuts.features.base import Family, FeatureSettings
from pipeline.shortcuts.mask import Masked
from pipeline.shortcuts.tokens import join, tokenize

BEHIND = "text behind the final answer"
UNSTATED = "no final answer found"


class Settings(FeatureSettings):
    """The last sentence, `I have checked it. $`, and the last few tokens, `… checked it. $`; 1 where the text has it.

    So are BEHIND, where the final answer is not the last that is said, and UNSTATED, where none is found.
    """

    family: ClassVar[Family] = "style"
    feature: Literal["closers"] = "closers"
    longest: int = Field(4, ge=1)
    """Tokens of the longest end."""

    def words_of(self, feature: str) -> str | None:
        return None if feature in (BEHIND, UNSTATED) else feature.removeprefix("… ").removesuffix(" $")

    def count(self, text: Masked) -> Mapping[str, float]:
        found: dict[str, float] = {}
        if text.stated is None:
            found[UNSTATED] = 1.0
        elif text.masked[text.stated :].strip():
            found[BEHIND] = 1.0
        if not text.sentences:
            return found
        for n in range(1, min(self.longest, len(text.tokens)) + 1):
            found[f"… {join(text.tokens[-n:])} $"] = 1.0
        return found | {f"{join(tokenize(text.sentences[-1]))} $": 1.0}
