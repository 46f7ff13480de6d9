"""What of a text is reasoning, and whether a marker was taken out of the text without touching it.

Numbers, operators, formulas, variables and the statement of the final answer are reasoning. Strips work on a veiled
text, in which formulas, code, notes and final statements are blotted out, so that no pattern reaches into them.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import zip_longest

from pipeline.answer_format.finals import MARKS, PHRASES, find_final, own_statements
from pipeline.answer_format.rows import NO_END
from pipeline.answer_format.thinking import split_thinking
from pipeline.answers.extraction import boxed_contents
from pipeline.answers.numerals import DOZENS, HAN, PARTS, SCALES, SMALL, TENS
from pipeline.shortcuts.marker import Marker
from pipeline.shortcuts.strips.base import StripSettings

Spans = tuple[tuple[int, int], ...]
VEIL = "\ue000"
"""Stands for every character of what is not to be touched."""
ROUNDS = 6
"""How often a strip is applied until nothing changes."""
OPENING = re.compile(r"\\\\|\\\$|```|\\\[|\\\(|\$\$?|\\begin\{\w{1,20}\*?\}|<<(?=[^<>\n]{0,200}>>)|`(?=[^`\n]{1,500}`)")
LATEX, PROSE = re.compile(r"[\\^_{]"), re.compile(r"[A-Za-z]{2}|[\u3400-\u9fff]")
CLOSINGS = {"```": "```", "\\[": "\\]", "\\(": "\\)", "$$": "$$", "<<": ">>", "`": "`"}
END = re.compile(r"[.!?…]{1,6}[\"'”’)*_]{0,3}(?=[ \t]|$)|[。！？]{1,6}[”’）」*]{0,4}")
"""How a sentence ends, on a line."""
LABEL = re.compile(r"[ \t>*#_(（-]{0,8}(?:\d{1,3}|[A-Za-z])")
"""What a full stop may follow at the start of a line without ending anything."""
NUMERALS = frozenset((*SMALL, *TENS, *SCALES, *DOZENS, *PARTS, *(f"{n}s" for n in (*PARTS, *SCALES, *DOZENS)))) | {
    *"twice thrice double doubles doubled doubling triple triples tripled halve halved halving percent".split()
} - {"score"}
ORDINALS = frozenset(part for part in PARTS if part not in ("half", "halves", "quarter"))
IDIOM = re.compile(
    r"\bone (?:(?:step|thing|part|line|more) (?:at a )?time|by one|another)\b"
    r"|\b(?:this|that|which|each|every|another|next|last|other|right|wrong) one\b"
    r"|一步一?步|(?<=[每下上这那])一步|[逐唯统]一|一一|一[共样些起定般直旦下]|万[一分]|千万|十分(?!之)"
    r"|(?<=[查算对证考想看虑])[了过]?一[次遍番]|第一(?!步)",
    re.IGNORECASE,
)
"""Numerals that count nothing."""
ITEM = re.compile(
    rf"""(?P<veil>{VEIL}+)
  | (?P<label>(?m:^)[ \t>*\#_-]{{0,8}}(?:[(（]?\d{{1,2}}[.)）、．](?=[*_ \t]{{0,6}}(?:[^\W\d]|{VEIL}))
      |step[ ]\d{{1,2}}[.:)：](?!\d)|第[\d{HAN}]{{1,3}}步))
  | (?P<number>\d+(?:[.,:]\d+){{0,9}}%?)
  | (?P<word>[A-Za-z]+(?:['’][A-Za-z]+)?)
  | (?P<han>[{HAN}半倍双]+)
  | (?P<command>\\[A-Za-z]+)
  | (?P<stars>\*+)
  | (?P<dash>[-−–—])
  | (?P<open>[(（])
  | (?P<close>[)）])
  | (?P<bang>!)
  | (?P<sign>[+/=<>^√±÷×✕∗∙·≤≥≠≈{{}}])""",
    re.VERBOSE | re.IGNORECASE,
)
TIMES = "×✕∗∙·"
OPERAND = re.compile(rf"[A-Za-z0-9)\]}}%$({VEIL}]")
RESULT = re.compile(r"[ $€£¥-]{0,3}\d")
WORD = re.compile(r"[\u3400-\u9fff]|\w+")


def find_fixed(text: str, *, code: bool = True) -> Spans:
    """Where formulas, fenced code, calculators' notes and, unless `code` is false, inline code stand; one pass."""
    found: list[tuple[int, int]] = []
    missing: set[str] = set()
    position = 0
    while opening := OPENING.search(text, position):
        start, position = opening.span()
        mark = opening[0]
        closing = CLOSINGS.get(mark) or f"\\end{mark[6:]}"
        if mark in ("\\\\", "\\$") or (mark == "`" and not code):
            position = text.index("`", position) + 1 if mark == "`" else position
            continue
        if mark == "$":
            end = _dollars(text, position)
        else:
            end = -1 if closing in missing else text.find(closing, position) + len(closing)
            end = -1 if end < position + len(closing) else end
        if end < 0:
            missing |= {closing} if mark != "$" else set()
            continue
        found.append((start, end))
        position = end
    return tuple(found)


def _dollars(text: str, start: int) -> int:
    """Where a formula that begins behind a dollar sign ends; -1 for money."""
    end = text.find("$", start, start + 400)
    inside = text[start:end]
    if end < 0 or not inside or inside[0].isspace() or inside[-1].isspace() or "\n" in inside:
        return -1
    money = text[end + 1 : end + 2].isdigit() or inside[-1] in "\\=+-*/(<," or inside.startswith("<<")
    return -1 if money or (not LATEX.search(inside) and PROSE.search(inside)) else end + 1


@lru_cache(maxsize=32)
def find_stated(text: str) -> Spans:
    """Where the text states its final answer: the sentences with a box, a mark such as `####`, or `the answer is`."""
    boxes = boxed_contents(text)
    own = [(statement.start, statement.end) for statement in own_statements(text, boxes)]
    told = [(start, end) for start, end, _ in boxes]
    told += [found.span() for pattern in (*MARKS, *PHRASES) for found in pattern.finditer(text)]
    if not told:
        return tuple(own)
    sentences = list(split_sentences(_veiled(text, find_fixed(text))))
    starts, ends = [start for start, _ in sentences], [end for _, end in sentences]
    for start, end in told:
        first, last = bisect_right(ends, start), bisect_left(starts, end)
        own.append((min(start, *starts[first : first + 1], start), max(end, *ends[max(0, last - 1) : last], end)))
    return tuple(sorted(own))


@lru_cache(maxsize=32)
def veil(text: str, *, code: bool = True) -> str:
    """The text with `VEIL` for every character of what is not to be touched; as long as the text."""
    return _veiled(text, sorted((*find_fixed(text, code=code), *find_stated(text))))


def _veiled(text: str, spans: Iterable[tuple[int, int]]) -> str:
    pieces, position = [], 0
    for start, end in spans:
        start = max(start, position)
        if end > start:
            pieces += [text[position:start], VEIL * (end - start)]
            position = end
    return "".join([*pieces, text[position:]])


def split_sentences(veiled: str) -> Iterator[tuple[int, int]]:
    """The sentences of each line, without the blanks around them; a full stop behind a number or title may end none."""
    position = 0
    for line in veiled.split("\n"):
        start = 0
        for found in END.finditer(line):
            before = line[max(start, found.start() - 8) : found.start()]
            label = LABEL.fullmatch(line, start, found.start())
            if (found[0] == "." and (label or NO_END.search(before))) or not line[start : found.end()].strip():
                continue
            yield position + start + _indent(line[start : found.end()]), position + found.end()
            start = found.end()
        if rest := line[start:].strip():
            at = position + start + _indent(line[start:])
            yield at, at + len(rest)
        position += len(line) + 1


def _indent(text: str) -> int:
    return len(text) - len(text.lstrip())


def edit(text: str, edits: Iterable[tuple[int, int, str]]) -> str:
    """The text with parts replaced, each given as start, end and replacement; of two that overlap, the first."""
    pieces, position = [], 0
    for start, end, new in sorted(edits):
        if start >= position:
            pieces += [text[position:start], new]
            position = end
    return "".join([*pieces, text[position:]])


def settle(step: Callable[[str], str], text: str) -> str:
    """Apply a step until it changes nothing; the text as it was where that takes too long. Settled twice is once."""
    now = text
    for _ in range(ROUNDS):
        after = step(now)
        if after == now:
            return now
        now = after
    return text


@lru_cache(maxsize=32)
def read_reasoning(text: str) -> tuple[str, ...]:
    """Numbers, numerals, operators, formulas and variables of a text, in order; `×` and `x` between numbers are `*`."""
    fixed = find_fixed(text, code=False)
    starts = [start for start, _ in fixed]
    body = IDIOM.sub(lambda idiom: " " * len(idiom[0]), _veiled(text, fixed))
    items: list[str] = []
    for found in ITEM.finditer(body):
        kind = found.lastgroup
        if kind == "veil":
            first, last = bisect_left(starts, found.start()), bisect_left(starts, found.end())
            items += [squeezed for span in fixed[first:last] if (squeezed := _squeeze(text, *span))]
        elif kind == "close" and items and items[-1] == "(":
            items.pop()
        elif kind != "label" and (item := _read_item(found, body)):
            items.append(item)
    return tuple(items)


def _squeeze(text: str, start: int, end: int) -> str:
    """A formula without white space; nothing for a calculator's note before the number that it gives."""
    note = text.startswith("<<", start) and RESULT.match(text, end)
    return "" if note else "".join(text[start:end].split())


def _read_item(found: re.Match[str], body: str) -> str | None:
    """What a sign or word is as reasoning, None where it is none."""
    kind, told, (start, end) = found.lastgroup, found[0], found.span()
    left, right = body[max(0, start - 4) : start].rstrip(" \t")[-1:], body[end : end + 4].lstrip(" \t")[:1]
    if kind == "word":
        return _read_word(told, body, start, end, left, right)
    if kind in ("open", "close"):
        return "(" if kind == "open" else ")"
    if kind == "stars":
        both = bool(OPERAND.match(left)) and bool(OPERAND.match(right))
        even = body[start - 1 : start].isspace() == body[end : end + 1].isspace()
        return told if both and (even or not (left.isalpha() or right.isalpha())) else None
    if kind == "dash":
        if told == "—":
            return "-" if left.isdigit() and right.isdigit() else None
        bullet = left in ("", "\n") and body[end : end + 1].isspace()
        near = left.isdigit() or right.isdigit() or left in (")", "%", VEIL) or right in ("(", "$", VEIL)
        return "-" if near and not bullet else None
    if kind == "bang":
        glued = body[max(0, start - 2) : start]
        return "!" if glued[-1:].isdigit() or glued[-1:] in (")", VEIL) or re.fullmatch(r"\W?[A-Za-z]", glued) else None
    if kind == "sign" and told == ">" and left in ("", "\n"):
        return None
    return "*" if told in TIMES else told


def _read_word(told: str, body: str, start: int, end: int, left: str, right: str) -> str | None:
    word = told.lower()
    if word in ORDINALS and told[0].isupper() and body[end : end + 1] == ",":
        return None
    if word in NUMERALS:
        return word
    if len(told) > 1 or told in "aAI" or body[start - 1 : start] in ("'", "’"):
        return None
    times = (
        word == "x" and (left.isdigit() or left in (")", "%", VEIL)) and (right.isdigit() or right in ("(", "$", VEIL))
    )
    return "*" if times else told


def same_reasoning(before: str, after: str) -> str | None:
    """None where two texts reason alike: the same numbers, operators, formulas and final statement in one order.

    Else what differs. Words are not compared.
    """
    if before == after:
        return None
    for old, new in zip_longest(read_reasoning(before), read_reasoning(after)):
        if old != new:
            return f"{_shown(old)} became {_shown(new)}"
    old_end, new_end = _final(before), _final(after)
    return None if old_end == new_end else f"the final statement {_shown(old_end)} became {_shown(new_end)}"


def _shown(item: str | None) -> str:
    return "the end of the text" if item is None else repr(item if len(item) <= 60 else item[:57] + "...")


def _final(text: str) -> str:
    """The final answer and the statements that give it, without white space."""
    rest = split_thinking(text).rest
    found = find_final(rest)
    stated = [rest[statement.start : statement.end] for statement in found.run]
    return "".join("|".join([*stated, found.answer or "", *found.conflict]).split())


def apply_strips(
    text: str, markers: Sequence[Marker], strips: Sequence[StripSettings]
) -> tuple[str, tuple[Marker, ...]]:
    """The text without the markers that could be taken out safely, and those markers, in their order.

    Undone is what changes the reasoning, or leaves less than a quarter of the text's words or none.
    """
    words, changed = len(WORD.findall(text)), []
    now = text
    for marker in markers:
        before = now
        for strip in strips:
            if strip.handles(marker) and (after := strip.apply(now, (marker,))) != now:
                left = len(WORD.findall(after))
                kept = left > 0 and 4 * left >= words and same_reasoning(text, after) is None
                now = after if kept else now
        if now != before:
            changed.append(marker)
    return now, tuple(changed)
