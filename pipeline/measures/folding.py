"""Questions without what makes no other question of them: letter forms, case, white space, quotes, closing marks."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from typing import NamedTuple

UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3005-\u3007\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
    "\U00020000-\U0003ffff"
)
"""Scripts without spaces between words, of which every character counts as a word: Han, kana, Thai, Lao, Burmese,
Khmer."""
_TOKEN = re.compile(rf"[{UNSPACED}]|[^\W{UNSPACED}]+|\*\*+|[^\w\s]")
_SCRIPTS = ((re.compile("[²³¹\u2070-\u207f]+"), "^"), (re.compile("[\u2080-\u209c]+"), "_"))
"""Raised and lowered signs, which NFKC would put into line: x² is no x2."""
_KEPT = frozenset("%‰‱/\\*&#@-§¶†‡")
"""Punctuation, to Unicode, that says something at the end of a question."""
_PIECE = 1000
_LINES = frozenset("\n\r\x85\u2028\u2029")
_LETTER = rf"[^\W\d{UNSPACED}]"
_BREAK = re.compile(
    rf"""
    ([\n\r\x85\u2028\u2029?。.:;!<\[] (?:
      (?<=[\n\r\x85\u2028\u2029]) (?:[ \t]*(?:[-*+\#>•·]+|\(?\w{{1,2}}\))[ \t]+(?=[^\W\d]{{2}}))?  # bullets, 1)
    | (?<=[?。])
    | (?<=\.)   (?:(?!{_LETTER}|\d) | (?<=[{UNSPACED}].))                         # no decimal point
    | (?<=[:;]) (?!{_LETTER}) (?:(?!\s*\d) | (?<={_LETTER}.)(?!\d) | (?<=[{UNSPACED}].))  # no ratio
    | (?<=!)    (?<![\d)]!)(?<!\b{_LETTER}!)                                      # no factorial
    | (?<=<)    (?:/|(?<!\w<)) (?:p|[a-z|][^<>\s]{{1,40}})>                         # no x<sub>1</sub>
    | (?<=\[)   /?inst\]
    ))
    """,
    re.VERBOSE,
)
"""Where a sentence or a line ends, and what tells of it."""


def fold_question(text: str) -> str:
    """Equal for texts that ask the same in the same words.

    Composed and compatible letters (NFKC), case, white space, the forms of quotes, apostrophes and dashes, characters
    that are not seen and punctuation at the end make no difference. Signs of arithmetic do, a closing `5!`, `5%` or
    `5'` among them.
    """
    tokens = _TOKEN.findall(normalise(text))
    return _spell(_strip(tokens) or tokens)


class Folded(NamedTuple):
    """A text as a whole, and by its sentences and lines, without bullets."""

    whole: str
    sentences: list[str]


def fold(text: str) -> Folded:
    """A text as `fold_question` writes it, cut as well."""
    parts = _BREAK.split("\n" + normalise(text))
    tokens = [_TOKEN.findall(part) for part in parts]
    whole = [token for part in tokens for token in part]
    sentences = [_spell(_strip(of)) for part, of in zip(parts, tokens, strict=True) if of and part[0] not in _LINES]
    return Folded(_spell(_strip(whole) or whole), [sentence for sentence in sentences if sentence])


def normalise(text: str) -> str:
    """The text in one form of its letters and signs, in lower case, without characters that are not seen."""
    if text.isascii():
        return text.casefold()
    for pattern, sign in _SCRIPTS:
        text = pattern.sub(rf"{sign}\g<0>", text)
    text = text.translate(_FORMS)
    return "".join(unicodedata.normalize("NFKC", piece) for piece in _cut(text)).translate(_SIGNS).casefold()


def _cut(text: str) -> Iterator[str]:
    """In pieces that end with a word where they can: a long run of combining marks takes quadratic time."""
    return (found[0] for found in re.finditer(rf"\s+|\S{{1,{_PIECE}}}", text)) if len(text) > _PIECE else iter([text])


def _strip(tokens: Sequence[str]) -> Sequence[str]:
    """Without the quotes or asterisks that open it and without punctuation that closes it."""
    first, last = 0, len(tokens)
    while last and _closes(tokens[last - 1], tokens[last - 2] if last > 1 else ""):
        last -= 1
    while first < last and (tokens[first] in "'\"`¿¡" or not tokens[first].strip("*")):
        first += 1
    return tokens[first:last]


def _closes(last: str, before: str) -> bool:
    """Whether a last token says nothing, given the one before it."""
    if last.isalnum():
        return False
    if last in "!'\"":  # 5! and f' are not 5 and f
        return not (before.isdecimal() or before == ")" or (len(before) == 1 and before.isascii() and before.isalpha()))
    if last in _KEPT or len(last) > 1:
        return not last.strip("_") or (len(last) > 1 and not last.strip("*"))  # **bold**
    return last == "`" or unicodedata.category(last) in ("Po", "Pi", "Pf", "Pd", "Pc")


def _spell(tokens: Sequence[str]) -> str:
    return " ".join(tokens).replace("—", "-")


class _Forms(dict[int, str | int | None]):
    """What stands for a character before NFKC; made when it is first met."""

    def __missing__(self, code: int) -> str | int | None:
        character = chr(code)
        made: str | int | None = code
        if unicodedata.category(character) == "Cf" or 0xFE00 <= code <= 0xFE0F or 0xE0100 <= code <= 0xE01EF:
            made = None
        elif unicodedata.category(character) == "Pd":
            made = "-"
        elif unicodedata.decomposition(character).startswith(("<fraction>", "<circle>")):
            made = f" {character}"  # 3½ is no 31/2
        return self.setdefault(code, made)


_CHARACTERS: dict[str, str | int | None] = {
    **dict.fromkeys("‘’‚‛′‵ʼʹ´‹›＇", "'"),
    **dict.fromkeys("“”„‟″‶〝〞〟«»「」『』＂", '"'),
    **dict.fromkeys("—―", "—"),
    "\u2062": "*",
    "\u2063": ",",
    "\u2064": "+",
    "\u034f": None,
}
_FORMS = _Forms(str.maketrans(_CHARACTERS))
_SIGNS = str.maketrans({"−": "-", "⁄": "/", "∕": "/", "÷": "/", "×": "*", "∗": "*", "⋅": "*"})
