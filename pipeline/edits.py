"""How far one text is from another."""

from __future__ import annotations

import re

WORDS = re.compile(r"[\u3400-\u9fff]|\w+|\s+|[^\w\s]")


def edit_ratio(before: str, after: str) -> float:
    """Insertions and deletions of words, spaces and CJK characters over the number of both texts' (Indel distance).

    0 for identical texts, 1 for disjoint ones.
    """
    from rapidfuzz.distance import Indel

    return round(Indel.normalized_distance(WORDS.findall(before), WORDS.findall(after)), 4)
