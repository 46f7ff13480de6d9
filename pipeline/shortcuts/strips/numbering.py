"""Takes the numbers off numbered steps: `1. Add.` and `Step 1: Add.` become `Add.`

Only where they count 1, 2, … and nothing refers to them. A quantity that looks like a label stays.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Literal

from pipeline.answer_format.numbering import Head, read_head
from pipeline.shortcuts.marker import Marker
from pipeline.shortcuts.safe import VEIL, edit, settle, veil
from pipeline.shortcuts.strips.base import StripSettings
from pipeline.shortcuts.tokens import NUMBER as GAP

KINDS = frozenset({"words", "openers", "characters"})
HAN = "一二三四五六七八九十"
WORDED = re.compile(
    rf"\W{{0,6}}(?:step[ ]{{0,2}}(?:{GAP}|\d{{1,2}})[ ]{{0,2}}[:.)：]|第(?:{GAP}|[\d{HAN}]{{1,3}})步)", re.IGNORECASE
)
"""How a phrase begins that is such a number, or has one at its head."""
REFERENCE = re.compile(
    r"\b(?:steps?|parts?|points?|items?|cases?|equations?|conditions?|formulas?|eqs?\.|options?|numbers?)"
    rf"[ ]?[(#]?(?:\d|[ivx]{{1,4}}\b|one\b|two\b|three\b|four\b|five\b)|(?:第|步骤)[\d{HAN}]|[(（][1-9][)）]|[①-⑳]",
    re.IGNORECASE,
)
"""What may refer to a numbered step."""
PLAIN = re.compile(rf"[*_]{{0,2}}(?:[^\W\d_]|{VEIL})")
"""How a step begins behind its number: not with another one."""
LONGEST = 40
"""Characters of a line that are looked at for its number."""


class Settings(StripSettings):
    """Removes all numbers of steps that one marker speaks of."""

    strip: Literal["numbering"] = "numbering"

    def handles(self, marker: Marker) -> bool:
        if marker.kind == "markup":
            return marker.feature in ("numbered line", "step label")
        return marker.kind in KINDS and WORDED.match(marker.phrase or "") is not None

    def apply(self, text: str, markers: Sequence[Marker]) -> str:
        bare = any(marker.feature == "numbered line" for marker in markers)
        named = any(marker.feature != "numbered line" for marker in markers)
        return settle(lambda now: edit(now, _find_heads(now, bare=bare, named=named)), text)


def _find_heads(text: str, *, bare: bool, named: bool) -> Iterator[tuple[int, int, str]]:
    """The edits that remove the numbers: bare ones (`1. `), or those with a word (`Step 1: `)."""
    veiled = veil(text)
    found: defaultdict[str, list[tuple[int, Head]]] = defaultdict(list)
    position, rest = 0, []
    for line in veiled.split("\n"):
        start = len(line) - len(line.lstrip(" \t"))
        head = read_head(line[start : start + LONGEST])
        if head and (_is_worded(head.numbering) or PLAIN.match(line, start + head.length)):
            found[head.numbering].append((position + start, head))
            rest.append(line[start + head.length :])
        else:
            rest.append(line)
        position += len(line) + 1
    if not found or REFERENCE.search("\n".join(rest)):
        return
    for numbering, heads in found.items():
        if (named if _is_worded(numbering) else bare) and _counts([head.n for _, head in heads]):
            for start, head in heads:
                yield start, start + head.length, head.kept


def _is_worded(numbering: str) -> bool:
    return "step" in numbering.lower() or "步" in numbering


def _counts(numbers: Sequence[int]) -> bool:
    """Whether numbers count from 1, once or several times, and further than 1."""
    goes_on = all(n in (before + 1, 1) for before, n in pairwise(numbers))
    return numbers[0] == 1 and goes_on and max(numbers) > 1
