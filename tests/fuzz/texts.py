"""Hostile texts, written down briefly: a text, a list of parts, or `{"of": text, "times": n}`."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

Parts = Any
"""str | {"of": Parts, "times": int} | list[Parts]"""

KINDS: dict[str, list[str]] = json.loads(Path(__file__).with_name("fragments.json").read_text(encoding="utf-8"))
"""What hostile inputs are made of."""
SOLUTIONS = KINDS["solutions"]
FRAGMENTS = [
    part
    for kind in ("numbers", "latex", "stated", "marks", "json", "space", "letters", "halves")
    for part in KINDS[kind]
]
TIMES = (2, 3, 10, 60, 400, 3000)


def expand(parts: Parts) -> str:
    """The text that is meant."""
    if isinstance(parts, str):
        return parts
    if isinstance(parts, dict):
        return expand(parts["of"]) * int(parts["times"])
    return "".join(map(expand, parts))


def to_bytes(text: str) -> bytes:
    """A text as a file holds it: U+DC80 to U+DCFF are raw bytes, other half characters stay what they are."""
    pieces = re.split("([\udc80-\udcff]+)", text)
    return b"".join(
        bytes(ord(sign) - 0xDC00 for sign in piece) if number % 2 else piece.encode("utf-8", "surrogatepass")
        for number, piece in enumerate(pieces)
    )


def mostly(common: SearchStrategy[Any], *rare: SearchStrategy[Any], of: int = 5) -> SearchStrategy[Any]:
    """Each rare one in one of so many draws, and else the common one; `st.one_of` knows no weights."""
    return st.integers(0, of - 1).flatmap(lambda drawn: rare[drawn - 1] if 0 < drawn <= len(rare) else common)


def repeated(fragments: SearchStrategy[Any], times: tuple[int, ...] = TIMES) -> SearchStrategy[Parts]:
    """A fragment many times over."""
    return st.builds(lambda of, n: {"of": of, "times": n}, fragments, st.sampled_from(times))


def texts(*more: str, times: tuple[int, ...] = TIMES, most: int = 8) -> SearchStrategy[Parts]:
    """Hostile texts: fragments, real solutions and any characters at all, some of them many times over."""
    fragments = st.sampled_from((*more, *FRAGMENTS))
    anything = st.text(st.characters(exclude_categories=()), max_size=12)
    several = st.lists(fragments, min_size=1, max_size=3)
    known = st.sampled_from((*more, *SOLUTIONS))
    piece = mostly(fragments, repeated(fragments, times), repeated(several, times), known, anything, known, of=10)
    return st.lists(piece, max_size=most)


def json_values() -> SearchStrategy[Any]:
    """JSON values with hostile leaves; NaN and infinities as Python writes them."""
    scalars = st.one_of(
        *(st.none(), st.booleans(), st.integers(-3, 12), st.sampled_from((10**18, -(10**30), 2**63, 10**400))),
        *(st.floats(), st.sampled_from(FRAGMENTS), st.text(max_size=6), st.sampled_from(SOLUTIONS)),
    )
    keys = st.one_of(st.sampled_from(KEYS), st.text(max_size=4))
    return st.recursive(
        scalars, lambda below: st.lists(below, max_size=4) | st.dictionaries(keys, below, max_size=4), max_leaves=9
    )


RAW = KINDS["raw_json"]
KEYS = ("role", "content", "text", "type", "", "a.b", "id", "\x00", "\ud800")
NESTS = [
    [{"of": "[", "times": 20_000}, {"of": "]", "times": 20_000}],
    [{"of": '{"a":', "times": 5000}, "1", {"of": "}", "times": 5000}],
    {"of": "[[],", "times": 9000},
]


def json_texts() -> SearchStrategy[Parts]:
    """Texts that stand where JSON has a value: valid ones mostly, and nests, torn ones, numbers beyond all bounds."""
    plain = json_values().map(json.dumps)
    written = texts(most=3).map(lambda parts: json.dumps(expand(parts)))
    raw = st.sampled_from(RAW)
    return mostly(raw, plain, st.sampled_from(NESTS), written, of=8)
