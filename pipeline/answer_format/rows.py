"""The lines of a solution: which begin a step, and which belong to the line above (formulas, lists, tables, code)."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Literal

OPENS = {"\\[": 1, "\\]": -1, "\\begin{": 1, "\\end{": -1, "[asy]": 1, "[/asy]": -1}
FENCE = re.compile(r"\\\\|\\[\[\]]|\\begin\{|\\end\{|\[/?asy\]|\$\$|```")
DISPLAY = re.compile(r"[ \t]*(?:\\\[|\\\]|\\begin\{|\\end\{|\$\$)")
"""How a line begins that is a formula."""
ITEM = re.compile(r"[ \t]{2}|\t|[-*•+] |\||```|>|#|\[asy\]")
"""How a line begins that is part of a list, a table or code, or a heading."""
SENTENCE = re.compile(
    r"\\\\|\\begin\{|\\end\{|\\[()\[\]]|\$\$|[()\[\]（）]"
    r"|(?P<end>[.!?][\"'”’)*]{0,3}[ ]{1,3}(?=[A-Z\"“$\\*])|[。！？][”’）]{0,2}[ ]?(?=\S))"
)
NO_END = re.compile(
    r"(?:\b(?:Mr|Mrs|Ms|Dr|St|No|vs|etc|approx|Fig|Eq|Jr|Sr|Prof|Mt|Ave|e\.g|i\.e|a\.m|p\.m|U\.S)|(?<![\w$\\])[A-Z])$"
)
"""What stands before a full stop that ends no sentence."""
ENDED = re.compile(r"[.!?。！？][\"'”’)*]{0,3}$")


@dataclass(frozen=True)
class Row:
    """One line that is not blank, with the white space before it (empty for the first)."""

    gap: str
    text: str
    kind: Literal["step", "display", "item"] = "step"
    """A formula belongs to the line above, and so do items of lists and the like."""
    inside: bool = False
    """Whether it stands within a formula or a piece of code, where even blank lines stay."""
    goes_on: bool = False
    """Whether it stands right behind a formula."""

    @property
    def held(self) -> bool:
        """Whether the break before it is none between two steps."""
        return (self.kind != "step" or self.goes_on) and bool(self.gap)

    @property
    def blank_before(self) -> bool:
        """Whether a blank line sets it apart."""
        return self.gap.count("\n") > 1


def split_rows(body: str) -> list[Row]:
    """The lines of a text without white space at its ends; joined again with their gaps they are the text."""
    rows: list[Row] = []
    depth, dollars, fenced, gap, after_display = 0, False, False, "", False
    for line in body.split("\n"):
        text = line.rstrip()
        if not text:
            gap += line + "\n"
            continue
        inside = depth > 0 or dollars or fenced
        kind: Literal["step", "display", "item"] = "step"
        if fenced or (ITEM.match(text) and not DISPLAY.match(text)):
            kind = "item"
        elif inside or DISPLAY.match(text):
            kind = "display"
        rows.append(Row(gap, line, kind, inside, after_display and gap.count("\n") < 2))
        for mark in FENCE.findall(text):
            depth = max(0, depth + OPENS.get(mark, 0))
            dollars ^= mark == "$$"
            fenced ^= mark == "```"
        after_display = text.endswith(("\\]", "$$")) or (inside and "\\end{" in text)
        gap = "\n"
    return rows


def join_rows(rows: list[Row]) -> str:
    """The text of rows."""
    return "".join(row.gap + row.text for row in rows)


def regap(row: Row, gap: str) -> Row:
    """The row with other white space before it."""
    return replace(row, gap=gap)


def sentence_ends(body: str) -> list[tuple[int, int]]:
    """Where the blanks between two sentences stand, formulas and brackets left out; none where these do not close."""
    ends: list[tuple[int, int]] = []
    depth, dollars = 0, False
    for token in SENTENCE.finditer(body):
        if token["end"] is not None:
            if depth == 0 and not dollars and not NO_END.search(body[max(0, token.start() - 8) : token.start()]):
                blanks = len(token[0]) - len(token[0].rstrip())
                ends.append((token.end() - blanks, token.end()))
        elif token[0] == "$$":
            dollars = not dollars
        elif token[0] != "\\\\":
            opens = token[0] in ("(", "[", "（", "\\(", "\\[", "\\begin{")
            depth = max(0, depth + (1 if opens else -1))
    return ends


def is_ended(text: str) -> bool:
    """Whether a text ends as a sentence does."""
    return ENDED.search(text[-6:].rstrip()) is not None
