r"""A worked solution as steps: lines, numbered steps, or the sentences of one paragraph.

Formulas, lists, tables and code stay with the line that leads to them. A line that states the final answer is a step of
its own, and a tag alone on its line belongs to what it opens or closes.
"""

from __future__ import annotations

import bisect
import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from pipeline.answer_format.finals import own_statements
from pipeline.answer_format.numbering import read_head
from pipeline.answer_format.rows import ITEM, sentence_ends, split_rows
from pipeline.answers.extraction import boxed_contents

TAG = re.compile(r"[ \t]*(?:<(?P<closes>/?)[A-Za-z|][\w|-]{0,30}>|\[(?P<ends>/?)THINK\])[ \t\r]*$")
RULE = re.compile(r"[ \t]*(?:-{3,}|\*{3,}|_{3,}|={3,})[ \t\r]*$")
HEADING = re.compile(r"[ \t]*#{1,6}[ \t]")
LEADS_IN = re.compile(r"[:：][*_ \t\r]{0,8}$")
BULLET = re.compile(r"[-*•+] ")


@dataclass(frozen=True)
class Step:
    """One step without the white space around it, and the part of the text that it takes up."""

    text: str
    start: int
    end: int


def split_steps(text: str) -> list[Step]:
    """The steps of a text; their spans cover it without gaps, and what separates two belongs to the first."""
    if not text:
        return []
    lines = _lines(text)
    starts = [line.start for line, begins in zip(lines, _begins(text, lines), strict=True) if begins]
    prose = [line for line in lines if line.kind in ("prose", "item", "formula")]
    if len(prose) == 1 and prose[0].kind == "prose":
        starts = sorted({*starts, *_sentences(prose[0])})
    cuts = [0, *starts[1:], len(text)]
    return [Step(text[start:end].strip(), start, end) for start, end in itertools.pairwise(cuts)]


def find_stated(step: str) -> str | None:
    """The final answer that a step states, None where it does anything else."""
    stated = own_statements(step, boxed_contents(step))
    if not stated or step[: stated[0].start].strip() or step[stated[-1].end :].strip(" .。*\n"):
        return None
    return stated[-1].core.answer.strip()


@dataclass(frozen=True)
class _Line:
    text: str
    start: int
    kind: str
    """prose, item, formula, heading, opens, closes, first or rest of a final statement, inside of something."""


def _lines(text: str) -> list[_Line]:
    """The lines of a text that are not blank."""
    rows = split_rows(text)
    starts = list(itertools.accumulate((len(row.gap) + len(row.text) for row in rows), initial=0))
    starts = [start + len(row.gap) for start, row in zip(starts, rows, strict=False)]
    stated = _stated(text, starts)
    indent = min((len(row.text) - len(row.text.lstrip()) for row in rows), default=0)
    lines = []
    for index, (row, start) in enumerate(zip(rows, starts, strict=True)):
        tag = TAG.match(row.text)
        if index in stated:
            kind = stated[index]
        elif row.inside:
            kind = "inside"
        elif tag:
            kind = "closes" if tag["closes"] or tag["ends"] else "opens"
        elif RULE.match(row.text):
            kind = "closes"
        elif HEADING.match(row.text):
            kind = "heading"
        elif row.kind == "display":
            kind = "formula"
        else:
            kind = "item" if ITEM.match(row.text[indent:]) else "prose"
        lines.append(_Line(row.text, start, kind))
    return lines


def _stated(text: str, starts: Sequence[int]) -> Mapping[int, str]:
    """Which lines do nothing but state the final answer: the `first` and the `rest` of each statement."""
    found: dict[int, str] = {}
    for statement in own_statements(text, boxed_contents(text)):
        first, last = (bisect.bisect_right(starts, at) - 1 for at in (statement.start, statement.end - 1))
        end = text.find("\n", statement.end)
        after = text[statement.end : end if end >= 0 else len(text)]
        if first >= 0 and not text[starts[first] : statement.start].strip() and not after.strip(" .。*\t\r"):
            found |= {first: "first"} | dict.fromkeys(range(first + 1, last + 1), "rest")
    return found


def _begins(text: str, lines: Sequence[_Line]) -> Iterator[bool]:
    """For each line whether a step begins with it."""
    heads = _heads(lines)
    led = False  # whether the list that goes on here belongs to the line above it
    for index, line in enumerate(lines):
        before = lines[index - 1] if index else None
        if line.kind == "item" and (before is None or before.kind not in ("item", "inside")):
            led = before is not None and before.kind in ("prose", "formula", "heading")
        if before is None:
            yield True
        elif line.kind in ("inside", "rest", "closes") or before.kind in ("opens", "heading"):
            yield False
        elif line.kind in ("first", "opens") or before.kind in ("first", "rest"):
            yield True
        elif heads and index > heads[0]:
            yield index in heads
        elif line.kind == "item":
            yield not led and BULLET.match(line.text.lstrip()) is not None
        elif line.kind == "formula":
            yield False
        else:
            yield index in heads or line.kind == "heading" or not LEADS_IN.search(before.text[-20:])


def _heads(lines: Sequence[_Line]) -> list[int]:
    """The lines with the numbers 1, 2, … where they number the solution, and not a list in it."""
    numbered: list[int] = []
    numbering = ""
    steps = [index for index, line in enumerate(lines) if line.kind in ("prose", "heading")]
    for index in steps:
        head = read_head(lines[index].text.lstrip())
        if head and head.n == len(numbered) + 1 and (not numbered or head.numbering == numbering):
            numbered.append(index)
            numbering = head.numbering
    whole = len(numbered) > 1 and (steps.index(numbered[0]) <= 1 or 2 * len(numbered) >= len(steps))
    return numbered if whole else []


def _sentences(line: _Line) -> Iterator[int]:
    """Where the sentences of a line begin."""
    head = read_head(line.text.lstrip())
    label = len(line.text) - len(line.text.lstrip()) + (head.length if head else 0)
    yield from (line.start + end for _, end in sentence_ends(line.text) if end > label)
