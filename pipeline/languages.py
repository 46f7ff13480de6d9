"""Whether two texts are written in the same script: what can be told of a language without a model of it."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter

NOT_PROSE = re.compile(
    r"\\[a-zA-Z]+|<[^<>\n]{1,40}>|```"
    r"|(?<![A-Za-z])[A-Za-z]{1,4}(?![A-Za-z])(?=[ \t]{0,2}[=+*/^_()<>≤≥√∠△°√\d-])"
    r"|(?<=[=+*/^_()<>≤≥√∠△°√\d-])[ \t]{0,2}[A-Za-z]{1,4}(?![A-Za-z])"
)
"""LaTeX commands, tags, and the letters of formulas."""
FEW = 8
"""Letters below which nothing is said of a text."""
LONGEST = 20_000
"""Characters that are looked at."""
ENOUGH = 0.2
"""Share of a text's letters that makes a script one of its own."""
KIN = {"HIRAGANA": "JAPANESE", "KATAKANA": "JAPANESE", "CJK": "HAN", "IDEOGRAPHIC": "HAN"}


def count_scripts(text: str) -> Counter[str]:
    """Letters of each script: LATIN, HAN, CYRILLIC…; LaTeX commands, tags and formulas are left out.

    A Han character counts for two letters, since it says as much. Kana are Japanese, and so are Han characters beside
    them.
    """
    counts: Counter[str] = Counter()
    for letter in NOT_PROSE.sub(" ", text[:LONGEST]):
        if letter.isalpha():
            script = unicodedata.name(letter, "UNKNOWN").split(" ", 1)[0].split("-", 1)[0]
            script = KIN.get(script, script)
            counts[script] += 2 if script == "HAN" else 1
    if counts["JAPANESE"] * 10 > counts["HAN"]:
        counts["JAPANESE"] += counts.pop("HAN", 0)
    return +counts


def differs_in_language(question: str, text: str) -> str | None:
    """Why a text cannot be in the question's language; None where it may be, or where there are too few letters.

    It may be where either text's main script has a share of the other, and between Han characters and Japanese.
    """
    asked, written = count_scripts(question), count_scripts(text)
    if min(asked.total(), written.total()) < FEW:
        return None
    of_question, of_text = asked.most_common(1)[0][0], written.most_common(1)[0][0]
    shared = written[of_question] >= ENOUGH * written.total() or asked[of_text] >= ENOUGH * asked.total()
    if shared or {of_question, of_text} == {"HAN", "JAPANESE"}:
        return None
    return f"the question is written in {of_question.capitalize()} script, the solution in {of_text.capitalize()}"
