"""How the steps of a solution are set apart, and the changes of that which touch white space and numbers alone."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Literal

from pipeline.answer_format.form import Layout
from pipeline.answer_format.numbering import Head, read_head, write_number
from pipeline.answer_format.rows import Row, join_rows, regap, sentence_ends, split_rows

CJK = re.compile(r"[\u4e00-\u9fff]")
OPEN_END = re.compile(r"[^\W_]$|[)）%$}]$")
"""How a line ends that lacks a full stop."""


@dataclass(frozen=True)
class Shape:
    """How a solution is laid out; None where it has one step only."""

    layout: Layout | Literal["mixed"] | None
    numbering: str | None = None


def shape_of(body: str) -> Shape:
    """The layout of a solution without its final statement."""
    rows = split_rows(body.strip())
    if heads := _heads(rows):
        return Shape("numbered", heads[0][1].numbering)
    blanks, singles = _breaks(rows)
    if blanks:
        return Shape("paragraphs" if singles <= blanks else "mixed")
    if any(row.gap and not row.inside for row in rows):
        return Shape("lines")
    return Shape("sentences" if sentence_ends(body.strip()) else None)


def follows(body: str, layout: Layout | None, numbering: str | None) -> bool:
    """Whether a solution is laid out like that; one of a single step always is."""
    if layout is None:
        return True
    shape = shape_of(body)
    if layout == "numbered" and shape.layout != "numbered" and shape.layout != "sentences":
        return len(_begins(split_rows(body.strip()))) < 2
    return shape.layout is None or (shape.layout == layout and shape.numbering == numbering)


def lay_out(body: str, layout: Layout | None, numbering: str | None) -> str:
    """The solution laid out so, as far as white space and numbers go; no word is touched."""
    if layout is None or follows(body, layout, numbering):
        return body
    rows = split_rows(body.strip())
    if heads := _heads(rows):
        for index, head in heads:
            put = write_number(numbering, head.n) if numbering else head.kept
            rows[index] = replace(rows[index], text=put + rows[index].text[head.length :])
        if numbering:
            return join_rows(rows)
    if layout == "sentences":
        return _one_paragraph(rows)
    if not any(row.gap and not row.inside for row in rows):
        rows = split_rows(_one_a_line(join_rows(rows)))
    blanks, singles = _breaks(rows)
    if layout == "lines":
        rows = [row if row.inside or not row.gap else regap(row, "\n") for row in rows]
    elif layout == "paragraphs":
        none = not (blanks or singles)
        rows = [
            row if not row.gap or row.kind == "item" or (row.inside if none else row.held) else regap(row, "\n\n")
            for row in rows
        ]
    elif numbering:
        begins = _begins(rows)
        numbers = {id(row): n for n, row in enumerate(begins, start=1)}
        if len(begins) > 1:
            rows = [
                replace(row, text=write_number(numbering, numbers[id(row)]) + row.text.lstrip())
                if id(row) in numbers
                else row
                for row in rows
            ]
    return join_rows(rows)


def _begins(rows: list[Row]) -> list[Row]:
    """The lines that begin a step."""
    blanks, _ = _breaks(rows)
    return [
        row for row in rows if not row.held and row.kind == "step" and (row.blank_before or not (row.gap and blanks))
    ]


def _breaks(rows: list[Row]) -> tuple[int, int]:
    """(blank lines, line breaks between two steps)."""
    outside = [row for row in rows[1:] if not row.inside]
    blanks = sum(row.blank_before for row in outside)
    return blanks, sum(not row.blank_before and not row.held for row in outside)


def _heads(rows: list[Row]) -> list[tuple[int, Head]]:
    """The numbers of steps 1, 2, … with their lines, where they number the solution; not those of a list in it."""
    steps = [index for index, row in enumerate(rows) if row.kind == "step"]
    heads: list[tuple[int, Head]] = []
    for index in steps:
        head = read_head(rows[index].text)
        if head and head.n == len(heads) + 1 and (not heads or head.numbering == heads[0][1].numbering):
            heads.append((index, head))
    if len(heads) < 2 or (steps.index(heads[0][0]) > 1 and 2 * len(heads) < len(steps)):
        return []
    return heads


def _one_a_line(body: str) -> str:
    """Each sentence on a line of its own."""
    pieces, position = [], 0
    for start, end in sentence_ends(body):
        pieces.append(body[position:start])
        position = end
    return "\n".join([*pieces, body[position:]])


def _one_paragraph(rows: list[Row]) -> str:
    """All lines as one paragraph, a full stop behind those that end without; lists and tables stay as they are."""
    if any(row.kind == "item" for row in rows):
        return join_rows(rows)
    text = ""
    for row in rows:
        if row.inside or not row.gap:
            text += row.gap + row.text
            continue
        if row.kind == "step" and OPEN_END.search(text[-20:]):
            text += "。" if CJK.search(text[-1:]) else "."
        text += ("" if text.endswith(("。", "！", "？")) else " ") + row.text.lstrip()
    return text
