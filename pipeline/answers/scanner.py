"""Characters of a text, one after the other, with what may be asked of them."""

from __future__ import annotations

import re

from pipeline.answers.tree import Style, Unreadable


class Scanner:
    """Stands at one place of a text; `brackets` and `bars` count what is open around it."""

    def __init__(self, text: str, style: Style) -> None:
        self.text, self.at, self.style, self.depth = text, 0, style, 0
        self.bars = 0
        self.brackets = 0

    def skip(self) -> None:
        while self.at < len(self.text) and self.text[self.at].isspace():
            self.at += 1

    def sees(self, *options: str) -> str | None:
        """The first of the options that stands here."""
        self.skip()
        return next((option for option in options if self.text.startswith(option, self.at)), None)

    def takes(self, *options: str) -> str | None:
        seen = self.sees(*options)
        if seen is not None:
            self.at += len(seen)
        return seen

    def needs(self, *options: str) -> str:
        taken = self.takes(*options)
        if taken is None:
            raise Unreadable(f"expected {options[0]!r} at {self.text[self.at : self.at + 40]!r}")
        return taken

    def match(self, pattern: str) -> re.Match[str] | None:
        self.skip()
        found = re.compile(pattern).match(self.text, self.at)
        if found is not None:
            self.at = found.end()
        return found

    def peeks(self, pattern: str) -> re.Match[str] | None:
        self.skip()
        return re.compile(pattern).match(self.text, self.at)
