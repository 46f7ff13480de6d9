"""Whether two texts are written in the same script: what can be told of a language without a model of it."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter

NOT_PROSE = re.compile(r"\\[a-zA-Z]+|<[^<>\n]{1,40}>|```|[A-Za-z]+(?=[_^])")
FEW = 8
"""Letters below which nothing is said of a text."""
LONGEST = 20_000
"""Characters that are looked at."""
KIN = {"HIRAGANA": "JAPANESE", "KATAKANA": "JAPANESE", "CJK": "HAN", "IDEOGRAPHIC": "HAN"}


def main_script(text: str) -> str | None:
    """The script of most letters, LaTeX commands and tags left out: LATIN, HAN, CYRILLIC…; None for too few letters.

    Kana beside Han characters are Japanese. A Han character counts for two letters, since it says as much.
    """
    counts: Counter[str] = Counter()
    for letter in NOT_PROSE.sub(" ", text[:LONGEST]):
        if letter.isalpha():
            script = unicodedata.name(letter, "UNKNOWN").split(" ", 1)[0].split("-", 1)[0]
            script = KIN.get(script, script)
            counts[script] += 2 if script == "HAN" else 1
    if counts["JAPANESE"] * 10 > counts["HAN"]:
        counts["JAPANESE"] += counts.pop("HAN", 0)
    if counts.total() < FEW:
        return None
    return counts.most_common(1)[0][0]


def differs_in_language(question: str, text: str) -> str | None:
    """Why a text cannot be in the question's language; None where it may be, or where there are too few letters."""
    asked, written = main_script(question), main_script(text)
    if asked is None or written is None or asked == written:
        return None
    return f"the question is written in {asked.capitalize()} script, the solution in {written.capitalize()}"
