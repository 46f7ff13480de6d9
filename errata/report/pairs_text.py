"""Model text as a page's scripts get it: made visible, and places in it as JavaScript counts them."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable

LINE_MARKS = "\n\t"
_WITHOUT_MARKS = dict.fromkeys(map(ord, LINE_MARKS))


def readable(text: str) -> str:
    """A text with its lines, and with "·" for every other character that cannot be seen or that turns others around.

    No character is added or left out: places in the text stay what they are.
    """
    if text.translate(_WITHOUT_MARKS).isprintable():
        return text
    return "".join(mark if mark.isprintable() or mark in LINE_MARKS else "·" for mark in text)


class Units:
    """Places in a text in UTF-16 code units, by which JavaScript counts."""

    def __init__(self, text: str) -> None:
        self._wide = [] if text.isascii() else [at for at, mark in enumerate(text) if mark > "\uffff"]

    def __call__(self, place: int) -> int:
        """So many units stand before the character at `place`."""
        return place + bisect_left(self._wide, place)

    def flat(self, spans: Iterable[tuple[int, int]]) -> list[int]:
        """Starts and ends of spans, one after another."""
        return [self(place) for span in spans for place in span]
