"""How far one text is from another."""

from __future__ import annotations

import difflib
import re


def edit_ratio(before: str, after: str) -> float:
    """1 - difflib's similarity over words, spaces and CJK characters: 0 for identical texts, 1 for disjoint ones."""
    words: list[list[str]] = [re.findall(r"[\u3400-\u9fff]|\w+|\s+|[^\w\s]", text) for text in (before, after)]
    return round(1 - difflib.SequenceMatcher(None, words[0], words[1], autojunk=False).ratio(), 4)
