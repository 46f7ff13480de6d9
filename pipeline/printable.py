"""What others wrote, on its way to a terminal, a log or a message: nothing in it acts there."""

from __future__ import annotations

import unicodedata

LINES = "\n\t"
JOINERS = "\u200c\u200d"
"""Parts of words in Persian, Hindi and other languages, and of emoji; they steer nothing."""


def printable(text: str, kept: str = LINES) -> str:
    r"""The text with an escape (`\x1b`, `\u202e`, `\ud800`) in place of every character that a terminal obeys.

    These are control characters, marks that turn the direction of writing or are not seen, and halves of characters.
    Spaces of any width stay, and so does what is `kept`: line ends and tabs, if not said otherwise.
    """
    if text.isprintable():
        return text
    return "".join(mark if _is_shown(mark) or mark in kept else escaped(mark) for mark in text)


def printable_json(text: str) -> str:
    r"""The same for the text of a JSON document, which stays one with the same values: `\u001b`, `\u202e`."""
    if text.isprintable():
        return text
    return "".join(mark if _is_shown(mark) or mark == "\n" else _as_json(mark) for mark in text)


def inert_markdown(line: str) -> str:
    """A line of Markdown in which nothing is a tag, a link or a picture."""
    for sign, harmless in (("<", "&lt;"), ("](", "] ("), ("][", "] ["), ("]:", "] :")):
        line = line.replace(sign, harmless)
    return printable(line, "")


def escaped(mark: str) -> str:
    """A character as Python writes it in a text."""
    return mark.encode("unicode_escape").decode()


def _is_shown(mark: str) -> bool:
    return mark.isprintable() or mark in JOINERS or unicodedata.category(mark) == "Zs"


def _as_json(mark: str) -> str:
    units = mark.encode("utf-16-be", "surrogatepass").hex()
    return "".join(f"\\u{units[at : at + 4]}" for at in range(0, len(units), 4))
