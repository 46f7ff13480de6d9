r"""Chosen and rejected are nearly the same text.

Near means: what is left of both has an edit ratio (`pipeline.edits`) of at most `at_most`, which is 0. Left out are
white space, case, punctuation and markup: `**`, `#`, `$`, `\(`, `\boxed{…}`, bullets, quotation marks, thousands
separators; `×` is `*`. Words, digits, decimal points, operators, relations and brackets beside numbers stay, so a pair
that differs in one digit is not near.
"""

from __future__ import annotations

import re
from typing import Literal

from pydantic import Field

from pipeline.edits import edit_ratio
from pipeline.filters.base import Action, FilterSettings, Texts
from pipeline.types import Finding

PLAIN = str.maketrans("×✕✖∗·∙⋅÷∕⁄−–—‐", "*******///----") | {0xFF01 + i: 0x21 + i for i in range(94)}
"""Other writings of a sign, and full-width forms."""
TIMES = re.compile(r"\\(?:times|cdot)(?![A-Za-z])")
MARKUP = re.compile(
    r"\\(?:text|textbf|mathrm|mathbf|[df]?boxed|left|right|displaystyle|q?quad)(?![A-Za-z])|\\[()\[\],;:! ]|[$`{}]"
    r"|(?:^|(?<=\n))[ \t]*[-*+•>#]+[ \t]"
)
TOKEN = re.compile(
    r"[^\W\d_\u3040-\u30ff\u3400-\u9fff]+|[\u3040-\u30ff\u3400-\u9fff]|\d+(?:\.\d+)?|\.\d+|[/^_=<>≤≥≠≈%|]"
    r"|(?<=[\d)])\*\*(?=[\d(])|(?<!\*)\*(?= ?[\d(\\])|[-+](?= ?[\d(.\\])|(?<=[\d)])[-+]|(?<=[\d)] )[-+]"
    r"|[(\[](?= ?[\d(\\+-])|(?<=[\d)])[)\]]|(?<=[\d)])!(?= ?[-+*/=)])|(?<=\d):(?=\d)"
)
"""What carries meaning."""
DIGIT = re.compile(r"\d")
COMMA = re.compile(r"(?<=\d),(?=\d{3}(?!\d))")


class Settings(FilterSettings):
    """Compares what the texts say, not how they are written; see above for what that leaves out."""

    filter: Literal["near_identical"] = "near_identical"
    action: Action = "drop"
    """Dropped: such a pair teaches how to write what is wrong in both, or right in both."""
    at_most: float = Field(default=0.0, ge=0, lt=1)
    """Edit ratio up to which two texts are near: 0.02 lets two words in a hundred differ, and then digits as well."""

    def find(self, pair: Texts) -> Finding | None:
        chosen, rejected = (plain(text) for text in (pair.chosen, pair.rejected))
        if self.at_most == 0 and DIGIT.findall(chosen) != DIGIT.findall(rejected):
            return None
        one, other = TOKEN.findall(chosen), TOKEN.findall(rejected)
        if one == other:
            return self.say("it says the same as the rejected text, word for word and number for number", score=0.0)
        if self.at_most == 0 or abs(len(one) - len(other)) > self.at_most * (len(one) + len(other)):
            return None
        ratio = edit_ratio(" ".join(one), " ".join(other))
        if ratio > self.at_most:
            return None
        return self.say(f"its edit ratio to the rejected text is {ratio:g}", score=ratio)


def plain(text: str) -> str:
    """The text in lower case, with one writing for each sign, without markup and lines."""
    text = text.casefold()
    text = text if text.isascii() else text.translate(PLAIN)
    if "\\" in text:
        text = TIMES.sub("*", text)
    return COMMA.sub("", " ".join(MARKUP.sub("", text).split()))
