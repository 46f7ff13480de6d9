r"""Running text as tokens of arithmetic: numbers, signs in one writing, words, and what separates."""

from __future__ import annotations

import re
from dataclasses import dataclass

PLAIN = str.maketrans(
    "×✕✖∗·∙⋅÷⁄∕−–—‐－＋＝（）［］％＜＞０１２３４５６７８９，：＄",
    "*******///-----+=()[]%<>0123456789;:$",
)
"""Other writings of a sign; one character for one, so that places stay."""
FILLED = r"\{(?:[^{}]|\{[^{}]{0,60}\}){1,80}\}"
"""An argument in braces."""
TOKEN = re.compile(
    r"""
    (?P<space>[^\S\n]+|\\[,;:!\ ()$]|\$(?!\$)|[`&€£¥￥]
      |\\(?:q?quad|left|right|displaystyle|[fd]?boxed|[bB]igg?[lr]?)(?![A-Za-z]))
  | (?P<number>\d{1,3}(?:(?:,|\{,\}|\\,)\d{3})+(?!\d)(?:\.\d+)?|(?:\d+(?:\.\d+)?|\.\d+)(?:[eE][+-]?\d{1,3}(?![\w.]))?)
  | (?P<fraction>\\[dtc]?frac[ ]?(?:FILLED[ ]?FILLED|\d[ ]?\d))
  | (?P<unit>\\(?:text|textbf|mathrm|mbox|operatorname)[ ]?\{[^{}]{0,80}\}|[°¢])
  | (?P<operator>\*\*|[-+*/^]|\\(?:times|cdot|ast|div)(?![A-Za-z]))
  | (?P<raised>[²³])
  | (?P<percent>\\?%)
  | (?P<about>≈|≒|~=|\\(?:approx|simeq|sim)(?![A-Za-z]))
  | (?P<equals>==?(?![=<>]))
  | (?P<open>[(\[{])
  | (?P<close>[)\]}])
  | (?P<han>[\u3400-\u9fff]+)
  | (?P<word>[^\W\d_]+(?:['’][^\W\d_]+)?)
  | (?P<dots>\.\.+|…+|\\[lc]?dots(?![A-Za-z]))
  | (?P<row>\\\\|\n)
  | (?P<stop>[,;:.?"'“”‘’。；？、]|\\[\[\]]|\$\$)
  | (?P<other>\\[A-Za-z]*|.)
    """.replace("FILLED", FILLED),
    re.VERBOSE,
)
SIGNS = {"**": "^", "\\times": "*", "\\cdot": "*", "\\ast": "*", "\\div": "/"}
OPERANDS = ("number", "fraction", "open")
NAMES = ("word", "han", "unit")


@dataclass
class Token:
    """A piece of a text; `glued` to the one before, `first` of its line."""

    kind: str
    text: str
    start: int
    end: int
    glued: bool
    first: bool


def tokenise(text: str) -> list[Token]:
    """The tokens of a text; spaces, money signs and the delimiters of formulas are left out."""
    found: list[Token] = []
    end, first = 0, True
    for match in TOKEN.finditer(text.translate(PLAIN)):
        kind = match.lastgroup or "other"
        if kind != "space":
            found.append(Token(kind, match[0], match.start(), match.end(), end == match.start(), first))
            end, first = match.end(), match[0] == "\n"
        elif not match[0].isspace() and end == match.start():
            end = match.end()
    return found
