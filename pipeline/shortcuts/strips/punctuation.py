"""Replaces signs that mean nothing by plain ones: `So we add!` becomes `So we add.`, and `2 * 3` becomes `2*3`.

Features are called as in `features/punctuation.py`. Formulas, code and final statements stay as they are, and so does
what may have a meaning: `5!`, `1, 2, ..., n`, `3-5 days`, `revenue - cost`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Literal, NamedTuple

from pipeline.answer_format.rows import NO_END
from pipeline.shortcuts.marker import Marker
from pipeline.shortcuts.safe import VEIL, edit, settle, veil
from pipeline.shortcuts.strips.base import StripSettings

HAN = "\u3400-\u9fff"
WORDS = r"(?:which|that|this|it|so|and|but|or|we|they|he|she|i|because|then|not|as|to|since|now|let)\b"
"""What goes on behind a dash that is no minus."""
FULL = dict(zip(",;:!?()", "，；：！？（）", strict=True))
HALF = {full: half for half, full in FULL.items()}
OPERATORS = "-+*/=×÷"
WAYS = {"tight operators": "()", "spaced operators": "( )", "uneven operators": "( ?)"}
"""What stands on either side of an operator."""
LEFT, RIGHT = rf"(?<=[\d)\]}}%{VEIL}])", rf"(?=[\d(\[{{$\\{VEIL}-])"
SIDE = re.compile(rf"[\d.,()$%+*/×÷xX= {VEIL}-]{{0,80}}")
"""What an equation is written in, forwards or backwards."""
PAUSE = re.compile(r"[,.] ")
MIXED = re.compile(r"\d \d{1,3}$")
TIMES = re.compile(rf"(?<=[\d)%{VEIL}])[ ]?(?P<sign>[×*·∙xX])[ ]?(?=[\d$(])")
PROGRAM = re.compile(
    r"^[ \t]*(?:def|for|while|if|elif|else|class|import|from|return|print|try|with)\b[^\n]{0,200}[:()]", re.MULTILINE
)


class Rule(NamedTuple):
    """What to replace for which features, and by what; None leaves a place as it is."""

    names: frozenset[str]
    pattern: re.Pattern[str]
    new: str | Callable[[re.Match[str]], str | None]


def _end_or_pause(found: re.Match[str]) -> str:
    """A full stop where a sentence or line ends behind dots, else a comma."""
    behind = found.string[found.end() : found.end() + 40].lstrip(" \t")
    ends = not behind or behind[0] == "\n" or behind[0].isupper()
    han = re.match(rf"[{HAN}]", found.string[found.start() - 1])
    return ("。" if han else ".") if ends else ("，" if han else ",")


def _stop(found: re.Match[str]) -> str | None:
    """Nothing for a full stop at the end of a line, unless it belongs to an abbreviation or a number before a step."""
    line = found.string[max(found.string.rfind("\n", 0, found.start()) + 1, found.start() - 40) : found.start()]
    label = re.fullmatch(r"\W{0,8}(?:\d{1,3}|[A-Za-z])", line)
    return None if label or NO_END.search(line[-8:]) or line.endswith(".") else ""


def _widen(found: re.Match[str]) -> str | None:
    """The full-width form of a sign in Chinese."""
    return FULL.get(found["sign"])


RULES = (
    Rule(
        frozenset({"!", "!!", "!!!", "!!!…", "line ends in !"}),
        re.compile(r"(?<=[A-Za-z][a-z])!{1,9}(?=\s|[\"'”’)*_]|$)"),
        ".",
    ),
    Rule(
        frozenset({"！", "！！", "！！！", "line ends in ！", "!", "!!", "line ends in !"}),
        re.compile(rf"(?<=[{HAN}])[！!]{{1,9}}(?![！!?？])"),
        "。",
    ),
    Rule(
        frozenset({"...", "...…", "…", "……", "line ends in …"}),
        re.compile(rf"(?<=[{HAN}a-z])(?<=[{HAN}A-Za-z][{HAN}a-z])(?:\.{{3,6}}|…{{1,4}})(?=[\s{HAN}]|$)"),
        _end_or_pause,
    ),
    Rule(frozenset({";", "line ends in ;"}), re.compile(r"(?<=\S);(?=[ \t]{0,4}(?:\n|$))"), "."),
    Rule(frozenset({";"}), re.compile(r"(?<=[A-Za-z][a-z]);(?= [a-z])"), ","),
    Rule(frozenset({"；", "line ends in ；"}), re.compile(r"；(?=[ \t]{0,4}(?:\n|$))"), "。"),
    Rule(frozenset({"；"}), re.compile(rf"(?<=[{HAN}])；(?=[{HAN}])"), "，"),
    Rule(
        frozenset({"—", "——", "--"}),
        re.compile(r"(?<=[A-Za-z][a-z])(?: ?—{1,2} ?| -- )(?=[A-Za-z])"),
        ", ",
    ),
    Rule(frozenset({"—", "——"}), re.compile(rf"(?<=[{HAN}])—{{1,2}}(?=[{HAN}])"), "，"),
    Rule(frozenset({"-", "–"}), re.compile(rf"(?<=[a-z][a-z]) [-–] (?={WORDS})"), ", "),
    Rule(frozenset({"“", "”"}), re.compile(rf"(?<![{HAN}])[“”](?![{HAN}])"), '"'),
    Rule(frozenset({"‘", "’"}), re.compile(rf"(?<![{HAN}])[‘’](?![{HAN}])"), "'"),
    Rule(frozenset({"line ends in .", "."}), re.compile(r"(?<=[^\s.])\.(?=[ \t]{0,4}(?:\n|$))"), _stop),
    Rule(frozenset({"line ends in 。"}), re.compile(r"。(?=[ \t]{0,4}(?:\n|$))"), ""),
    Rule(frozenset({"  "}), re.compile(r"(?<=\S) {2,}(?=\S)"), " "),
    Rule(frozenset({"line with blanks at its end"}), re.compile(r"(?<=\S)[ \t]+(?=\n|$)"), ""),
    Rule(frozenset({"white space before the text"}), re.compile(r"\A\s+"), ""),
    Rule(frozenset({"white space behind the text"}), re.compile(r"(?<=\S)\s+\Z"), ""),
    *(
        Rule(frozenset({half}), re.compile(rf"(?<=[{HAN}])(?P<sign>{re.escape(half)})[ ]?(?=[{HAN}])"), _widen)
        for half in ",;:!?"
    ),
    *(
        Rule(frozenset({full}), re.compile(rf"(?<=[A-Za-z]){full}[ ]?(?=[A-Za-z])"), HALF[full] + " ")
        for full in "，；：！？"
    ),
)
"""In this order."""


class Settings(StripSettings):
    """Replaces the signs of the markers."""

    strip: Literal["punctuation"] = "punctuation"
    times: Literal["*", "×", "x"] | None = None
    """How the other texts write a product in plain text; None leaves the sign as it is."""

    def handles(self, marker: Marker) -> bool:
        name = _name(marker)
        product = name.startswith("multiplied by ") and self.times is not None and not name.endswith(self.times)
        return product or name in WAYS or name == "indented line" or any(name in rule.names for rule in RULES)

    def apply(self, text: str, markers: Sequence[Marker]) -> str:
        names = {_name(marker) for marker in markers}
        return settle(partial(_apply, sorted(names), self.times), text)


def _name(marker: Marker) -> str:
    """The feature's name; n-grams of characters count where they show doubled blanks, words where they are one sign."""
    if marker.kind == "characters":
        return "  " if "␣␣" in marker.feature else ""
    return marker.feature if marker.kind in ("punctuation", "words") else ""


def _apply(names: Sequence[str], times: str | None, text: str) -> str:
    for rule in RULES:
        if rule.names.intersection(names):
            text = edit(text, _replace(rule, veil(text)))
    for name in names:
        if name in WAYS:
            text = edit(text, _respace(veil(text), name))
        elif name.startswith("multiplied by ") and times:
            text = edit(text, _multiply(veil(text), name[-1], times))
        elif name == "indented line":
            text = edit(text, _dedent(veil(text)))
    return text


def _replace(rule: Rule, veiled: str) -> Iterator[tuple[int, int, str]]:
    for found in rule.pattern.finditer(veiled):
        new = rule.new if isinstance(rule.new, str) else rule.new(found)
        if new is not None:
            yield found.start(), found.end(), new


def _respace(veiled: str, way: str) -> Iterator[tuple[int, int, str]]:
    """The edits that take the blanks from around operators where they are the habit, and put them there else."""
    tighten, blanks = way.startswith("spaced"), WAYS[way]
    for found in re.finditer(f"{LEFT}{blanks}([{OPERATORS}]){blanks}{RIGHT}", veiled):
        before, sign, after = found.groups()
        if way.startswith("uneven") and before == after:
            continue
        if tighten or sign not in "-/" or _computes(veiled, found):
            yield found.start(), found.end(), sign if tighten else f" {sign} "


def _computes(veiled: str, found: re.Match[str]) -> bool:
    """Whether a sign stands in an equation, and in no range, date or mixed number."""
    line = veiled[max(veiled.rfind("\n", 0, found.start()) + 1, found.start() - 80) : found.start()]
    left, right = SIDE.match(line[::-1]), SIDE.match(veiled, found.end())
    if left is None or right is None or MIXED.search(line):
        return False
    return "=" in PAUSE.split(left[0][::-1])[-1] or "=" in PAUSE.split(right[0])[0]


def _multiply(veiled: str, sign: str, times: str) -> Iterator[tuple[int, int, str]]:
    for found in TIMES.finditer(veiled):
        letter = found["sign"] in "xX"
        if found["sign"] == sign and not (letter and (veiled[found.end()] == "(" or not _computes(veiled, found))):
            yield found.start("sign"), found.end("sign"), times


def _dedent(veiled: str) -> Iterator[tuple[int, int, str]]:
    if not PROGRAM.search(veiled):
        for found in re.finditer(r"^[ \t]+(?=[^\s|])", veiled, re.MULTILINE):
            yield found.start(), found.end(), ""
