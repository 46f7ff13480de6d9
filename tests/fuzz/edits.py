"""Edits of bytes: what disks, editors and torn writes do to a file."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from tests.fuzz.texts import FRAGMENTS, expand, to_bytes

Edit = list[Any]
"""[kind, place, and what the kind needs]; places are taken modulo the length, so that any number is one."""
FILES = ("\udcff\udcfe", "\udcef\udcbb\udcbf", "\x00", "\n", "\r\n", "\udcc3", "{", "}", '"', ",", "\x1a")


def apply(data: bytes, edits: list[Edit]) -> bytes:
    """The bytes after all edits, in order."""
    for kind, place, *rest in edits:
        at = place % (len(data) + 1)
        lines = data.splitlines(keepends=True)
        line = place % len(lines) if lines else 0
        match kind:
            case "cut":
                data = data[:at]
            case "flip" if at < len(data):
                data = data[:at] + bytes([data[at] ^ (1 << rest[0])]) + data[at + 1 :]
            case "insert":
                data = data[:at] + to_bytes(expand(rest[0])) + data[at:]
            case "remove":
                data = data[:at] + data[at + rest[0] :]
            case "zero":
                width = min(rest[0], len(data) - at)
                data = data[:at] + b"\x00" * width + data[at + width :]
            case "again" if lines:
                data = b"".join([*lines[: line + 1], *lines[line:]])
            case "swap" if lines:
                other = rest[0] % len(lines)
                lines[line], lines[other] = lines[other], lines[line]
                data = b"".join(lines)
            case "lose" if lines:
                data = b"".join(lines[:line] + lines[line + 1 :])
    return data


def edits(*fragments: str, most: int = 4) -> SearchStrategy[list[Edit]]:
    """Up to `most` edits."""
    places = st.integers(0, 1 << 20)
    parts = st.sampled_from((*fragments, *FILES, *FRAGMENTS))
    one = st.one_of(
        st.tuples(st.just("cut"), places),
        st.tuples(st.just("flip"), places, st.integers(0, 7)),
        st.tuples(st.just("insert"), places, parts),
        st.tuples(st.sampled_from(("remove", "zero")), places, st.sampled_from((1, 2, 7, 64, 4096))),
        st.tuples(st.sampled_from(("again", "lose")), places),
        st.tuples(st.just("swap"), places, places),
    )
    return st.lists(one.map(list), max_size=most)
