r"""Taking `\boxed{…}` away from around what it holds."""

from __future__ import annotations

import re

TOKEN = re.compile(r"(\\f?boxed\s{0,4}\{)|(\\f?boxed)(?=\d)|\\.|[{}]", re.DOTALL)
BLANK = re.compile(r"\\(?:phantom|square|[a-z]?quad|_)|^\s*$|^_+$")
RUNS_IN = re.compile(r"\d$|\\[A-Za-z]+$")


def unframed(text: str) -> str:
    r"""The text without its boxes, what they hold left as it is; boxes that are blanks to fill in stay. One pass."""
    edits: list[tuple[int, int, str]] = []
    opened: list[re.Match[str]] = []
    for token in TOKEN.finditer(text):
        if token[2]:
            edits.append((*token.span(), _before(text, token.start(), text[token.end()], alone=True)))
        elif token[1] or token[0] == "{":
            opened.append(token)
        elif token[0] == "}" and opened and (start := opened.pop())[1]:
            inner = (start.end(), token.start())
            if BLANK.search(text[inner[0] : min(inner[1], inner[0] + 200)]):
                continue
            opening = _before(text, start.start(), text[inner[0]], alone=inner[1] - inner[0] == 1)
            closing = "}" if opening == "{" else _after(text[inner[1] - 1], text[token.end() : token.end() + 1])
            edits += [(*start.span(), opening), (*token.span(), closing)]
    pieces, position = [], 0
    for start_at, end, replacement in sorted(edits):
        pieces += [text[position:start_at], replacement]
        position = end
    return "".join([*pieces, text[position:]])


def _before(text: str, at: int, first: str, *, alone: bool) -> str:
    """What keeps the first character of what was boxed from running into what stands before it."""
    before = text[max(0, at - 20) : at]
    if before.endswith(("^", "_")) and not alone:
        return "{"
    return " " if first.isalnum() and RUNS_IN.search(before) else ""


def _after(last: str, following: str) -> str:
    return " " if last.isdigit() and following.isdigit() else ""
