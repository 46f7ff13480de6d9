"""What makes a form of a statement less, more or other than what the statement says."""

from __future__ import annotations

import re
from collections import Counter

from pipeline.answers.claims import without_asides
from pipeline.answers.extraction import LONGEST_LINE

TOKENS = re.compile(
    r"\d+(?:\.\d+)?|[<>=≤≥≠≈]|\\(?:le|ge|ne|lt|gt|leq|geq|neq|approx|notin|sqrt|pi)(?![A-Za-z])"
    r"|\b(?:even|odd|prime|primes|divisible|multiples?|except|unless|power|positive|negative|nonnegative|only if"
    r"|none|greater|less|more|fewer|least|most|congruent)\b|[奇偶素质倍除负]|大于|小于|超过|至少|至多|同余",
    re.IGNORECASE,
)
RESTRICTION = re.compile(
    r"[<>≤≥≠]|\\(?:le|ge|ne|lt|gt|leq|geq|neq|notin)(?![A-Za-z])|\b(?:except|unless|but not|only if)\b|除"
)

CHANGING = re.compile(
    r"\b(?:not|no|never|cannot|least|most|more|less|fewer|greater|smaller|than|about|almost|nearly|around|roughly|multiple"
    r"|half|double|twice|triple|square of|squared|cubed|thirds?|fifths?|times|minus|wrong|incorrect|except|unless|else"
    r"|maybe|perhaps|divisible|anything|below|above)\b|n't\b|[不非约倍未]|大于|小于|至少|至多|以上|以下|左右|如果|\?$|\d\+$",
    re.IGNORECASE,
)
"""Words around a number that make it another claim."""
HARMLESS = re.compile(
    r"(?:\bfor (?:all|any|every|each)|\bwith equality|\battained|\bwhere)\b.*|(?:当且仅当|此时|其中).*", re.DOTALL
)
"""What may follow an answer without restricting it."""


def is_complete(statement: str, form: str) -> bool:
    """Whether a form of a statement leaves out no number, no relation and no property that the statement holds."""
    return not Counter(TOKENS.findall(statement)) - Counter(TOKENS.findall(form))


def is_changed(claim: str, gold: str) -> bool:
    """Whether words around the number of a claim make it another one, which the gold answer does not say, too."""
    if len(claim) > LONGEST_LINE or not re.search(r"\d|\\", claim):
        return False
    left = Counter(found.lower() for found in CHANGING.findall(claim))
    return bool(left - Counter(found.lower() for found in CHANGING.findall(gold)))


MISREAD = re.compile(
    r"\b(?:hundreds?|thousands?|millions?|billions?|hal(?:f|ves)|quarters?|past|thirds?|fourths?|fifths?|sixths?|sevenths?"
    r"|eighths?|ninths?|tenths?|hundredths?|squared|cubed|below|above|minus|plus|times|double|twice)\b|n't\b"
    r"|\d\.\d{3},\d|\d \(|^[Aa]nswer\s*-|\d[千半]|[个天时]半",
    re.IGNORECASE,
)
"""Words and marks that make another number of the one beside them."""
PROSE = re.compile(r"(?<![\\A-Za-z])(?:is|are|was|of|it|the|we|has|have)(?![A-Za-z])")
SUFFIX = re.compile(r"\d\s?[kKM]$")


def may_be_misread(text: str, form: str, gold: str) -> bool:
    """Whether a statement holds words that our reading of its form may have taken for something else."""
    if MISREAD.search(text) and not MISREAD.search(gold):
        return True
    plain = re.sub(r"\\text\s*\{[^{}]*\}", "", form)
    return bool(PROSE.search(plain)) or (bool(SUFFIX.search(form)) and not re.search("[kKM]", gold))


def is_restricted(statement: str, form: str) -> bool:
    """Whether a statement goes on after the form with a restriction of it."""
    end = form.rstrip(" $.")[-12:]
    if not end or end not in statement:
        return False
    return bool(RESTRICTION.search(HARMLESS.sub("", without_asides(statement.rpartition(end)[2]))))
