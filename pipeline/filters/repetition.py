"""The chosen text runs in a loop: the same words, or the same characters, many times over.

Steps may be alike: what is looked at are runs of eight words and numbers, each many times in the text, so that lines
which differ in their numbers are no repetition.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import Literal

from pydantic import Field

from pipeline.filters.base import Action, FilterSettings, Texts
from pipeline.types import Finding

TOKEN = re.compile(r"[\u3040-\u30ff\u3400-\u9fff]|\d+(?:[.,]\d+)*|\\?[^\W\d\u3040-\u30ff\u3400-\u9fff]+|[^\w\s\\{}$]")
STRETCH = re.compile(r"(\w)\1{49,}")
"""One character again and again."""
RUN = 16
"""Words, numbers and signs that are looked at together."""


class Settings(FilterSettings):
    """A text may say a line again; it is a loop where much of the text is what it has said before, again and again."""

    filter: Literal["repetition"] = "repetition"
    action: Action = "drop"
    """Dropped: it teaches to go on for ever."""
    times: int = Field(default=5, ge=2)
    """How often a run of words must stand in the text to count."""
    at_most: float = Field(default=0.2, gt=0, lt=1)
    """Share of the text that may be such runs, the first of each left out."""

    def find(self, pair: Texts) -> Finding | None:
        share, span = measure(pair.chosen, self.times)
        if share <= self.at_most or span is None:
            return None
        words = " ".join(pair.chosen[slice(*span)].split())[:60]
        return self.say(f"{share:.0%} of it repeats what it said before: {words!r}", span=span, score=round(share, 4))


def measure(text: str, times: int) -> tuple[float, tuple[int, int] | None]:
    """Share of a text's characters that repeat others, and the span from the first of them to the last."""
    stretches = [match.span() for match in STRETCH.finditer(text)]
    tokens = TOKEN.findall(text)
    runs = list(zip(*(tokens[at:] for at in range(RUN)), strict=False))
    counts = Counter(runs)
    if not stretches and (not counts or max(counts.values()) < times):
        return 0.0, None
    repeated = bytearray(len(text))
    spans = [match.span() for match in TOKEN.finditer(text)]
    seen: set[tuple[str, ...]] = set()
    marked = 0  # tokens before this one are done
    for at, run in enumerate(runs):
        if run in seen:
            for start, end in spans[max(at, marked) : at + RUN]:
                repeated[start:end] = b"\1" * (end - start)
            marked = at + RUN
        elif counts[run] >= times:
            seen.add(run)
    for start, end in stretches:
        repeated[start + 1 : end] = b"\1" * (end - start - 1)
    whole = max(1, sum(end - start for start, end in spans))
    return repeated.count(1) / whole, (repeated.find(1), repeated.rfind(1) + 1)
