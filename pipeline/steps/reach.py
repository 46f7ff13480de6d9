"""Words that change the number beside them, so that a computation may mean more than its signs say."""

from __future__ import annotations

import re
from collections.abc import Sequence

from pipeline.answers.numerals import DOZENS, PARTS, SCALES, SMALL, TENS
from pipeline.answers.units import find_unit

NUMERALS = frozenset((*SMALL, *TENS, *SCALES, *PARTS, *DOZENS))
AFTER = NUMERALS | {f"{word}s" for word in NUMERALS}
AFTER |= set("k pair pairs times twice double triple squared cubed remainder or plus minus".split())
AFTER |= set("nickels dimes pennies coins".split())
"""Words after a number that may make it another one."""
BEFORE = NUMERALS - {"one"} | set("times twice double triple plus minus by than sum difference product".split())
BEFORE |= set("quotient root square average mean thirds quarters over".split())
"""Words before a number that may reach over what follows it."""
HAN_CHANGING = re.compile("[余倍半万亿十比约]|[千百](?![米克])|分(?!钟)")


def reaches_over(before: Sequence[str]) -> bool:
    """Whether one of the last words before a number takes what follows it along: `twice 3 + 4`."""
    return any(word.lower() in BEFORE for word in before[-2:])


def changes_number(word: str, *, glued: bool) -> bool:
    """Whether a word behind a number may make it another: `3 dozen`, `3倍`; variables do, too."""
    if not word.isascii():
        return HAN_CHANGING.search(word[:2]) is not None
    return word.lower() in AFTER or _is_variable(word, glued)


def _is_variable(word: str, glued: bool) -> bool:
    """Whether a word behind a number may be a variable: `3x`, `2bh`, `so AP`; units are none."""
    if len(word) == 1:
        return glued or word != "a"
    return (glued or word.isupper()) and (len(word) == 2 or not word.islower()) and find_unit(word) is None
