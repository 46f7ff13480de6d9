"""Takes markup away and leaves what it marks: `**x**` becomes `x`, a line `# Title` becomes `Title`.

Formulas, fenced code and final statements stay as they are. `2 * 3 * 4` and `2**3` are arithmetic, and so may a line be
that takes something away: `- 5`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Literal

from pipeline.shortcuts.marker import Marker
from pipeline.shortcuts.safe import edit, settle, veil
from pipeline.shortcuts.strips.base import StripSettings

Edits = Iterator[tuple[int, int, str]]
LONGEST = 500
"""Characters that markup reaches over."""
BOLD = re.compile(rf"(?<![A-Za-z\d*)\]}}\\])\*\*(?=[^\s*])[^*\n]{{1,{LONGEST}}}(?<=\S)\*\*(?![A-Za-z\d*])")
BOLD_LINES = re.compile(rf"(?<![\w\\])__(?=[^\s_])[^_\n]{{1,{LONGEST}}}(?<=\S)__(?!\w)")
BOTH = re.compile(rf"(?<![A-Za-z\d*)\]}}\\])\*\*\*(?=[^\s*])[^*\n]{{1,{LONGEST}}}(?<=\S)\*\*\*(?![A-Za-z\d*])")
ITALICS = re.compile(rf"(?<![\w*)\]}}\\$])\*(?=[^\W\d_]|[\"“‘(（])[^*\n]{{2,{LONGEST}}}(?<=\S)\*(?![\w*(])")
ITALIC_LINES = re.compile(rf"(?<![\w_)\\])_(?=[^\W\d_]|[\"“‘(（])[^_\n]{{2,{LONGEST}}}(?<=\S)_(?![\w(])")
FORMULA = re.compile(r"[=<>+/^\\]")
HEADING = re.compile(r"^(?P<open>[ ]{0,3}#{1,6}[ \t]+)(?P<title>\S.*)$", re.MULTILINE)
CLOSED = re.compile(r"[ \t]#{1,6}[ \t]{0,4}$")
ITEM = re.compile(r"^(?P<open>[ \t]*[-*•●▪◦‣·][ \t]+)(?P<first>\S)", re.MULTILINE)
RULE = re.compile(r"[ \t]*(?:-{3,}|\*{3,}|_{3,}|(?:- ){2,20}-|(?:\* ){2,20}\*)[ \t]*")
AMOUNT = re.compile(r"[\d$€£¥+−=(.-]")
"""How an item begins that may be a number to take away."""
COLUMN = re.compile(r"[-+−]?[ \t]{0,4}[$€£¥]?\d[\d.,]{0,20}[^.:：=]{0,20}")
"""A line of a written calculation: a number and its unit."""
CODE = re.compile(rf"(?<!`)`(?P<in>[^`\n]{{1,{LONGEST}}})`(?!`)")
PICTURES = "\U0001f1e6-\U0001f1ff\U0001f300-\U0001f64f\U0001f680-\U0001f6ff\U0001f900-\U0001faff"
SIGNS = (
    "\u231a\u231b\u23f0\u2600-\u2604\u2615\u2639\u263a\u2705\u270a-\u270d"  # watches, weather, faces, hands
    "\u2713\u2714\u2728\u2744\u2757\u2763\u2764\u2b50\u2b55"  # ticks, stars, hearts; no ✖ and ➕, which compute
)
NOTE = re.compile(r"<<[^<>\n=]{1,200}=[ ]?(?P<result>-?\d{1,15}(?:\.\d{1,15})?)>>")
RESULT = re.compile(r"[ $€£¥]{0,3}(?P<result>-?(?:\d[\d,]{0,20})(?:\.\d{1,15})?)")
EMOJI = re.compile(rf"[ ]?(?:[{PICTURES}{SIGNS}][\ufe0e\ufe0f\u200d\U0001f3fb-\U0001f3ff]{{0,3}}[ ]?){{1,20}}")
VERDICTS = re.compile("[❌✗✘✕🚫]")
"""Where some things are marked as wrong, a tick says something."""
COUNTED = re.compile(
    rf"[{PICTURES}{SIGNS}]\ufe0f?[ \t]{{0,3}}(?:[=+×÷/<>]|[-−][ \t]?\d)|[=+×÷/][ \t]{{0,3}}[{PICTURES}{SIGNS}]"
)
"""Pictures that are part of a computation."""


class Settings(StripSettings):
    """Removes one kind of markup for each marker."""

    strip: Literal["markdown"] = "markdown"

    def handles(self, marker: Marker) -> bool:
        return _name(marker) in FEATURES

    def apply(self, text: str, markers: Sequence[Marker]) -> str:
        wanted = {_name(marker) for marker in markers}
        features = list(dict.fromkeys(find for name, find in FEATURES.items() if name in wanted))
        return settle(partial(_apply, features), text)


def _name(marker: Marker) -> str:
    return marker.feature if marker.kind == "markup" else SIGNS_OF.get(marker.feature, "")


def _apply(features: Sequence[Callable[[str], Edits]], text: str) -> str:
    for find in features:
        edits = list(find(text if find is _notes else veil(text, code=find is not _code)))
        text = edit(text, edits) if edits else text
    return text


def _unwrap(found: re.Match[str], width: int) -> Edits:
    start, end = found.span()
    yield start, start + width, ""
    yield end - width, end, ""


def _bold(veiled: str) -> Edits:
    for found in BOTH.finditer(veiled) if "***" in veiled else ():
        yield from _unwrap(found, 2)
    for found in BOLD.finditer(veiled) if "**" in veiled else ():
        if not _is_factor(veiled, found):
            yield from _unwrap(found, 2)


def _bold_lines(veiled: str) -> Edits:
    for found in BOLD_LINES.finditer(veiled) if "__" in veiled else ():
        if not found[0].isidentifier():  # __init__
            yield from _unwrap(found, 2)


def _italics(veiled: str) -> Edits:
    for found in BOTH.finditer(veiled) if "***" in veiled else ():
        yield from _unwrap(found, 1)
    for found in ITALICS.finditer(veiled) if "*" in veiled else ():
        if not FORMULA.search(found[0]) and not _is_factor(veiled, found):
            yield from _unwrap(found, 1)


def _italic_lines(veiled: str) -> Edits:
    for found in ITALIC_LINES.finditer(veiled) if "_" in veiled else ():
        if not FORMULA.search(found[0]):
            yield from _unwrap(found, 1)


def _is_factor(veiled: str, found: re.Match[str]) -> bool:
    """Whether what stands between the stars may be multiplied by what stands beside them."""
    left = veiled[max(0, found.start() - 3) : found.start()].rstrip(" ")[-1:]
    right = veiled[found.end() : found.end() + 3].lstrip(" ")[:1]
    inside = found[0].strip("*_ ")
    return (left.isdigit() and inside[:1].isdigit()) or (right.isdigit() and inside[-1:].isdigit())


def _headings(veiled: str) -> Edits:
    for found in HEADING.finditer(veiled) if "#" in veiled else ():
        if any(letter.isalpha() for letter in found["title"]):  # `#### 5` is an answer
            yield found.start(), found.end("open"), ""
            if closed := CLOSED.search(veiled, max(found.end("open"), found.end() - 12), found.end()):
                yield closed.start(), closed.end(), ""


def _bullets(veiled: str) -> Edits:
    listed: list[re.Match[str]] = []
    for item in ITEM.finditer(veiled):
        if listed and "\n" in veiled[listed[-1].end() : item.start() - 1]:
            yield from _list(veiled, listed)
            listed = []
        listed.append(item)
    yield from _list(veiled, listed)


def _list(veiled: str, items: Sequence[re.Match[str]]) -> Edits:
    """The edits for items on neighbouring lines; items that begin with numbers are items where others do not."""
    above = veiled[max(0, items[0].start() - LONGEST) : items[0].start()].rstrip() if items else ""
    if COLUMN.fullmatch(above[above.rfind("\n") + 1 :].strip()):
        return
    words = any(not AMOUNT.match(item["first"]) for item in items)
    for item in items:
        if words or above.endswith((":", "：")):
            yield item.start(), item.end("open"), ""


def _code(veiled: str) -> Edits:
    for found in CODE.finditer(veiled):
        yield from _unwrap(found, 1)


def _lines(veiled: str) -> Iterator[tuple[int, int, str]]:
    """Start, end (the line's own) and text of each line."""
    position = 0
    for line in veiled.split("\n"):
        yield position, position + len(line), line
        position += len(line) + 1


def _rules(veiled: str) -> Edits:
    above = ""
    for start, end, line in _lines(veiled):
        if len(line) <= LONGEST and RULE.fullmatch(line) and not COLUMN.fullmatch(above):
            yield (start, min(end + 1, len(veiled)), "") if end < len(veiled) else (max(0, start - 1), end, "")
        elif line.strip():
            above = line.strip()


def _blank_lines(veiled: str) -> Edits:
    for start, end, line in _lines(veiled):
        if not line.strip() and end < len(veiled):
            yield start, end + 1, ""


def _emoji(veiled: str) -> Edits:
    if veiled.isascii() or VERDICTS.search(veiled) or COUNTED.search(veiled):
        return
    for found in EMOJI.finditer(veiled):
        start, end = found.span()
        alone = (start == 0 or veiled[start - 1] == "\n") and (end == len(veiled) or veiled[end] == "\n")
        if alone:
            yield (start, end + 1, "") if end < len(veiled) else (max(0, start - 1), end, "")
        else:
            spaced = veiled[start] == " " and veiled[end - 1] == " "
            parted = start > 0 and veiled[start - 1].isalnum() and veiled[end : end + 1].isalnum()
            yield start, end, " " if spaced or parted else ""


def _notes(veiled: str) -> Edits:
    """Notes whose result stands behind them as well."""
    for found in NOTE.finditer(veiled):
        written = RESULT.match(veiled, found.end())
        signed = veiled[found.start() - 1 : found.start()] == "-" and found["result"][0] == "-"
        if (
            written
            and not signed
            and veiled[written.end() : written.end() + 1] != "$"
            and float(found["result"]) == float(written["result"].replace(",", ""))
        ):
            yield found.start(), found.end(), ""


FEATURES: dict[str, Callable[[str], Edits]] = {
    "italics": _italics,
    "italics by underscores": _italic_lines,
    "bold": _bold,
    "bold by underscores": _bold_lines,
    "heading": _headings,
    "horizontal rule": _rules,
    "bullet": _bullets,
    "inline code": _code,
    "calculator note": _notes,
    "emoji": _emoji,
    "blank line": _blank_lines,
}
"""What finds the places of each kind of markup, called as in `features/markup.py`."""
SIGNS_OF = {
    "**": "bold",
    "__": "bold by underscores",
    "`": "inline code",
    "---": "horizontal rule",
    "\n\n": "blank line",
}
SIGNS_OF |= {"#" * level: "heading" for level in range(1, 4)}
"""The same where a sign is counted instead."""
