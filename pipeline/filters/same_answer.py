"""Chosen and rejected state one final answer: whatever tells them apart, it is not right from wrong."""

from __future__ import annotations

from typing import Literal

from pipeline.answer_format.finals import find_final
from pipeline.answer_format.statements import same
from pipeline.answer_format.thinking import split_thinking
from pipeline.filters.base import Action, FilterSettings, Texts
from pipeline.types import Finding


class Settings(FilterSettings):
    """Says nothing where one of the texts states no answer, or two. Equal are equal numbers, and equal texts."""

    filter: Literal["same_answer"] = "same_answer"
    action: Action = "drop"
    """Dropped: at least one of the texts is graded wrongly, or the pair is about style."""

    def find(self, pair: Texts) -> Finding | None:
        chosen = stated(pair.chosen)
        rejected = stated(pair.rejected) if chosen is not None else None
        if chosen is None or rejected is None or not same(chosen, rejected):
            return None
        return self.say(f"both texts answer {chosen}"[:200])


def stated(text: str) -> str | None:
    """The final answer that a text states, its thoughts left out; None for none, and for several."""
    parts = split_thinking(text)
    return find_final(parts.rest if parts.rest.strip() else parts.thought).answer
