"""Much JSON in little room: values in compressed chunks, of which a page's script opens those that it needs."""

from __future__ import annotations

import base64
import zlib
from collections.abc import Sequence

from errata.report.page import script_json

MOST_VALUES = 64
MOST_CHARACTERS = 300_000


class Chunks:
    """Several lists of values that grow together. Value i of each list is in the same chunk, at the same place.

    A chunk that would make the page larger than `most` characters is left out, with all values in it.
    """

    def __init__(self, lists: int, most: int) -> None:
        self.packed: list[list[str]] = [[] for _ in range(lists)]
        """By list, its chunks: JSON arrays, zlib, base64."""
        self.size = 0
        """Characters of all chunks."""
        self.places: list[tuple[int, int] | None] = []
        """By value, its chunk and its place in there; None where it was left out."""
        self._most = most
        self._waiting: list[list[str]] = [[] for _ in range(lists)]
        self._written = 0

    def add(self, *values: object) -> None:
        """Add one value to each list."""
        for waiting, value in zip(self._waiting, values, strict=True):
            waiting.append(str(script_json(value)))
            self._written += len(waiting[-1])
        if len(self._waiting[0]) >= MOST_VALUES or self._written >= MOST_CHARACTERS:
            self.close()

    def close(self) -> None:
        """End the last chunk."""
        count = len(self._waiting[0])
        made = [_compress(waiting) for waiting in self._waiting]
        fits = self.size + sum(map(len, made)) <= self._most
        chunk = len(self.packed[0])
        self.places += [(chunk, place) if fits else None for place in range(count)]
        if fits and count:
            self.size += sum(map(len, made))
            for packed, text in zip(self.packed, made, strict=True):
                packed.append(text)
        self._waiting = [[] for _ in self._waiting]
        self._written = 0


def _compress(values: Sequence[str]) -> str:
    text = "[" + ",".join(values) + "]"
    return base64.b64encode(zlib.compress(text.encode(), 6)).decode()
