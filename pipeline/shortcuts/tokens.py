"""Running text as tokens whose blanks no longer matter, back again as people would write it, and its sentences."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from functools import lru_cache

from pipeline.answer_format.rows import NO_END
from pipeline.select.ngrams import UNSPACED

NUMBER = "▒"
"""Stands for a number, or for an answer; rare in texts, unlike the boxes of proofs and of gaps to fill in."""
_MARKS = "".join(chr(code) for code in range(0x300, 0x3100) if unicodedata.category(chr(code))[0] == "M")
"""Accents and vowel signs, which belong to the letter before them."""
_LETTER = rf"[^\W\d_{UNSPACED}]"
_WORD = rf"{_LETTER}+(?:[{_MARKS}]{_LETTER}*)*"
_RUNS = r"""!"#$%&'()*+,-./:;<=>?@[\]^_`{|}~。，、！？…—·～"""
_PICTURE = "[\u203c\u2049\u231a\u231b\u23e9-\u23f3\u2600-\u27bf\u2b1b\u2b1c\u2b50\u2b55\U0001f000-\U0001faff]"
EMOJI = rf"[\U0001f1e6-\U0001f1ff]{{2}}|{_PICTURE}[\ufe0f\U0001f3fb-\U0001f3ff]?(?:\u200d{_PICTURE}\ufe0f?){{0,4}}"
TOKEN = re.compile(
    rf"{_WORD}(?:['’]{_WORD}|-(?={_LETTER}{{2}}){_WORD})*"
    rf"|{NUMBER}|\d+|[{UNSPACED}]|\n\n?|\\[A-Za-z]+|\\[()\[\]]|{EMOJI}"
    rf"|{'|'.join(rf'{re.escape(character)}+' for character in _RUNS)}|[^\w\s]"
)
"""A word, a mask, a numeral, a Han character or kana, line ends, LaTeX, an emoji, signs; one match a token."""
_LINE_END = re.compile(r"\n\s*")
_CLOSING = frozenset(",.;:!?)]}%'’”»>…°。，、；：！？）】》」』～\n") | {"\\)", "\\]"}
_OPENING = frozenset("([{<«“‘#（【《「『\n") | {"\\(", "\\["}
_TIGHT = frozenset("/^_")
_WIDE = re.compile(rf"[{UNSPACED}\d{NUMBER}。，、；：！？（）【】《》「」『』“”…—·]")
_SENTENCE_END = re.compile(r"(?<![.!?])[.!?]{1,8}[\"'”’)*]{0,3}[ \t]|[。！？]+[”’）]{0,2}")


def tokenize(text: str) -> list[str]:
    r"""The tokens of a text, case kept.

    A word goes on over an inner apostrophe and over a hyphen before two letters (`don't`, `step-by-step`, not `a-b`);
    a Han character or kana is a token of its own. The same sign several times in a row is one token (`**`, `###`). A
    line end is `\n`, one with blank lines behind it `\n\n`; other white space is left out. Linear in the text.
    """
    if "\n" in text:
        text = _LINE_END.sub(lambda found: "\n\n" if found[0].count("\n") > 1 else "\n", text)
    return TOKEN.findall(text)


def join(tokens: Sequence[str]) -> str:
    """The tokens as people would write them; `tokenize` gives them back.

    Whether there is a blank between two tokens depends on these two alone, so that what part of a text is called is
    part of what the text is called. Signs that may open or close (`**`, quotes) therefore stand free.
    """
    return "".join(with_blanks(tokens))


def with_blanks(tokens: Sequence[str]) -> list[str]:
    """The tokens, each with the blank before it if it has one."""
    return [*tokens[:1], *map(_with_blank, tokens, tokens[1:])]


@lru_cache(maxsize=1 << 16)
def _with_blank(before: str, token: str) -> str:
    """A token as it stands behind another."""
    return token if _is_glued(before, token) else " " + token


def _is_glued(before: str, token: str) -> bool:
    same = before[-1] == token[0] and not token[0].isalpha()
    if same or (before[-1].isdecimal() and token[0].isdecimal()) or before[-1] == "\\":
        return False  # they would be one token
    if _sign(before) in _OPENING | _TIGHT or _sign(token) in _CLOSING | _TIGHT:
        return True
    if token[0] == "{":
        return before[0] == "\\" or before[-1] == "}"
    return (before == "$" and token == NUMBER) or bool(_WIDE.match(before) and _WIDE.match(token))


def _sign(token: str) -> str:
    """The sign that a run consists of; `###` heads a line, and is none."""
    return token if token[0] == "\\" or (len(token) > 1 and token[0] in "#'") else token[0]


def sentences(text: str) -> list[str]:
    """The sentences of a text without white space around them; a line end ends one, `1.` and `Mr.` do not."""
    return [sentence for line in text.split("\n") for sentence in _of_line(line)]


def _of_line(line: str) -> Iterator[str]:
    start = 0
    for found in _SENTENCE_END.finditer(line):
        before = line[start : found.start()].strip()
        if found[0][0] == "." and (len(before) < 3 or NO_END.search(before[-8:])):
            continue
        yield line[start : found.end()].strip()
        start = found.end()
    if rest := line[start:].strip():
        yield rest
