"""What a text is dressed in: Markdown, LaTeX, emoji, calculator notes, letters of another script."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Mapping
from functools import lru_cache
from typing import ClassVar, Literal

from pipeline.languages import KIN
from pipeline.shortcuts.features.base import Family, FeatureSettings
from pipeline.shortcuts.mask import Masked
from pipeline.shortcuts.tokens import EMOJI, NUMBER

WITHIN = {
    "bold": ("**", re.compile(r"\*\*[^*\n]+\*\*")),
    "bold by underscores": ("__", re.compile(r"(?<!\w)__[^_\n]+__(?!\w)")),
    "italics": ("*", re.compile(rf"(?<![*\w{NUMBER})}}$])\*(?=[^\W\d_]|[\"“'])[^*\n]+(?<!\s)\*(?![*\w{NUMBER}($])")),
    "italics by underscores": ("_", re.compile(r"(?<![\w\\_}])_(?![\s_])[^_\n]+(?<!\s)_(?!\w)")),
    "inline code": ("`", re.compile(r"(?<!`)`[^`\n]+`(?!`)")),
    "inline formula in dollars": (
        "$",
        re.compile(rf"(?<![\\$])\$(?![\s$])[^$\n]{{1,200}}(?<![\s\\])\$(?![$\w<({NUMBER}])"),
    ),
    "link": ("](", re.compile(r"\]\([^()\s]{1,500}\)")),
    "calculator note": ("<<", re.compile(r"<<[^<>\n]+>>")),
    "HTML tag": ("<", re.compile(r"</?[A-Za-z][A-Za-z0-9]{0,15}(?: [^<>\n]{0,200})?/?>")),
}
"""What must be in the text, and what is counted then."""
LITERAL = {
    "inline formula": "\\(",
    "display formula": "\\[",
    "LaTeX environment": "\\begin{",
    "LaTeX box": "\\boxed",
}
LINE = re.compile(
    rf"""
    ^[ \t]{{0,12}}(?:
      (?P<heading>\#{{1,6}}[ \t])
    | (?P<horizontal_rule>(?:-{{3,}}|\*{{3,}}|_{{3,}}|={{3,}})[ \t]{{0,8}}$)
    | (?P<bullet>[-*+•‣◦·–][ \t])
    | (?P<numbered_line>(?:\*\*)?(?:[(（]?(?:{NUMBER}|[a-z])[.)）、](?!\w)|[①-⑳]))
    | (?P<step_label>[#* \t]{{0,8}}(?:[Ss]tep|STEP|第)[ ]?(?:{NUMBER}|[一二三四五六七八九十]步))
    | (?P<table_row>\|)
    | (?P<quoted_line>>[ \t])
    | (?P<code_fence>```)
    )
    """,
    re.VERBOSE | re.MULTILINE,
)
COMMAND = re.compile(r"\\[A-Za-z]+")
PICTURES = re.compile(EMOJI)
FOREIGN = re.compile(r"[^\x00-\x7f]")
MAIN, OTHER = "mainly ", "letters beside the main script: "


class Settings(FeatureSettings):
    """Counts each kind of markup; lines with two kinds count for the first.

    The script of most letters is told as such (1); its letters are not counted, since they are the text's length.
    """

    family: ClassVar[Family] = "format"
    habit: ClassVar[bool] = True
    feature: Literal["markup"] = "markup"

    def count(self, text: Masked) -> Mapping[str, float]:
        masked = text.masked
        found = Counter(
            [(match.lastgroup or "").replace("_", " ") for match in LINE.finditer(masked)]
            + ["blank line"] * text.tokens.count("\n\n")
        )
        for name, (sign, pattern) in WITHIN.items():
            if sign in masked:
                found[name] = len(pattern.findall(masked))
        if "$$" in masked:
            found["display formula in dollars"] = masked.count("$$") // 2
        if "\\" in masked:
            found["LaTeX command"] = len(COMMAND.findall(masked))
            found.update({name: masked.count(sign) for name, sign in LITERAL.items()})
        if not masked.isascii():
            found["emoji"] = len(PICTURES.findall(masked))
        return +found + count_scripts(text)


def count_scripts(text: Masked) -> Counter[str]:
    """Which script a text is mainly written in, and the letters of the others; LaTeX commands are left out."""
    letters: Counter[str] = Counter()
    for token in text.tokens:
        if token[0].isalpha():
            letters[_script(token[0])] += len(token)
    if not letters:
        return Counter()
    main = max(sorted(letters), key=letters.__getitem__)
    return Counter({MAIN + main: 1} | {OTHER + name: n for name, n in letters.items() if name != main})


@lru_cache(maxsize=1 << 14)
def _script(letter: str) -> str:
    if letter.isascii():
        return "Latin"
    name = unicodedata.name(letter, "UNKNOWN").split(" ", 1)[0].split("-", 1)[0]
    return KIN.get(name, name).capitalize()
