"""Signs, the blanks around them, and how lines end."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Mapping
from functools import lru_cache
from typing import ClassVar, Literal

from pipeline.shortcuts.features.base import Family, FeatureSettings
from pipeline.shortcuts.mask import Masked
from pipeline.shortcuts.tokens import EMOJI, NUMBER

NOTE = re.compile(r"<<[^<>\n]*>>")
"""A calculator's note, whose signs no person spaces."""
OPERATOR = re.compile(rf"(?<=[{NUMBER})\]}}%])( ?)([-+*/=×÷])( ?)(?=[{NUMBER}(\[{{$\\-])")
TIMES = re.compile(rf"(?<=[{NUMBER})}}])[ ]?([xX*×·∙]|\\times|\\cdot)[ ]?(?=[{NUMBER}(\\$])")
PICTURE = re.compile(EMOJI)
WAYS = {("", ""): "tight", (" ", " "): "spaced"}


class Settings(FeatureSettings):
    """Counts each sign, doubled and tripled ones apart, words in capitals, spacing of operators, ends of lines."""

    family: ClassVar[Family] = "format"
    feature: Literal["punctuation"] = "punctuation"

    def count(self, text: Masked) -> Mapping[str, float]:
        found = Counter([token if len(token) < 4 else token[:3] + "…" for token in text.tokens if _is_sign(token)])
        found["word in capitals"] = sum(token.isupper() and len(token) > 1 for token in text.tokens)
        masked = NOTE.sub("", text.masked) if "<<" in text.masked else text.masked
        written = NOTE.sub("", text.arithmetic) if "<<" in text.arithmetic else text.arithmetic
        for before, _, after in OPERATOR.findall(written):
            found[f"{WAYS.get((before, after), 'uneven')} operators"] += 1
        for sign in TIMES.findall(written):
            found[f"multiplied by {sign}"] += sign != "*"
        for line in masked.split("\n"):
            if line.strip():
                found[_end_of(line.rstrip())] += 1
                found["indented line"] += line[0].isspace()
                found["line with blanks at its end"] += line[-1].isspace()
        found["white space before the text"] = masked[:1].isspace()
        found["white space behind the text"] = masked[-1:].isspace()
        return +found


@lru_cache(maxsize=1 << 16)
def _is_sign(token: str) -> bool:
    """Whether a token is punctuation or a symbol; LaTeX and emoji are markup."""
    sign = unicodedata.category(token[0])[0] in "PS" and token != NUMBER
    return sign and not PICTURE.match(token) and not (token[0] == "\\" and token.strip("\\"))


def _end_of(line: str) -> str:
    last = line[-1]
    return "line ends in a word or number" if last.isalnum() or last == NUMBER else f"line ends in {last}"
