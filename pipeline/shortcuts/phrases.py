"""The longest text that comes with an n-gram, and where it stands: what a marker is when it is read.

Tokens are words, numbers, signs and Han characters. Case, white space and the values of numbers make no difference.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Sequence
from functools import lru_cache
from itertools import accumulate
from typing import NamedTuple

from pipeline.shortcuts.tokens import NUMBER as GAP

LONGEST = 80
"""Tokens of a phrase."""
MOST = 20
"""Places in one text from which a phrase is grown."""
TOKEN = re.compile(
    rf"(?P<number>\d+(?:[.,]\d+){{0,9}}|{GAP})|(?P<han>[\u3400-\u9fff])"
    r"|(?P<word>[^\W\d_\u3400-\u9fff]+(?:['’][^\W\d_\u3400-\u9fff]+)?)|(?P<sign>[^\w\s]|_)"
)
SAME = str.maketrans({"’": "'", "‘": "'", "“": '"', "”": '"'})
MARK = "\x1f"


class Token(NamedTuple):
    """A piece of a text: what it is compared by, where it stands, whether it is the first of its line."""

    key: str
    start: int
    end: int
    first: bool


class Place(NamedTuple):
    """Where a phrase stands: in which text, from which token to which (exclusive)."""

    text: int
    start: int
    end: int


def read_tokens(text: str) -> list[Token]:
    """The tokens of a text, one pass."""
    tokens: list[Token] = []
    end = 0
    for found in TOKEN.finditer(text):
        key = GAP if found.lastgroup == "number" else found[0].translate(SAME).casefold()
        first = not tokens or "\n" in text[end : found.start()]
        tokens.append(Token(key, found.start(), found.end(), first))
        end = found.end()
    return tokens


@lru_cache(maxsize=256)
def _wanted(phrase: str) -> tuple[str, str]:
    """A phrase as marked keys, and its longest word, which a text must have."""
    keys = [token.key for token in read_tokens(phrase)]
    words = [key for key in keys if key.isalpha()]
    return _joined(keys), max(words, key=len, default="")


def _joined(keys: Sequence[str]) -> str:
    return MARK + MARK.join(keys) + MARK if keys else ""


def _places(wanted: str, tokens: Sequence[Token]) -> list[tuple[int, int]]:
    """Where the keys stand one after the other, from which token to which, from left to right; none overlap."""
    joined = _joined([token.key for token in tokens])
    starts = list(accumulate((len(token.key) + 1 for token in tokens), initial=0))
    found: list[tuple[int, int]] = []
    size, at = wanted.count(MARK) - 1, joined.find(wanted)
    while at >= 0:
        index = bisect_left(starts, at)
        found.append((index, index + size))
        at = joined.find(wanted, at + len(wanted) - 1)
    return found


def find(phrase: str, text: str) -> list[tuple[int, int]]:
    """Spans in characters of a phrase in a text, from left to right; none overlap, and none for an empty phrase."""
    wanted, word = _wanted(phrase)
    if not wanted or word not in text.casefold():
        return []
    tokens = read_tokens(text)
    return [(tokens[start].start, tokens[end - 1].end) for start, end in _places(wanted, tokens)]


def contains(phrase: str, text: str) -> bool:
    """Whether a text has a phrase; fast where it does not have its longest word."""
    return bool(find(phrase, text))


def grow(ngram: str, texts: Sequence[str], share: float = 0.9) -> str:
    """The longest phrase around an n-gram that at least `share` of the texts that contain the n-gram have.

    It ends at the ends of a line, and after `LONGEST` tokens. It is written as in most texts, with `GAP` for a number
    that differs between them; the n-gram itself where no text has it.
    """
    wanted, word = _wanted(ngram)
    read: list[list[Token]] = []
    held: list[str] = []
    live: list[Place] = []
    for text in texts:
        if not wanted or word not in text.casefold():
            continue
        tokens = read_tokens(text)
        if places := _places(wanted, tokens):
            live += [Place(len(held), start, end) for start, end in places[:MOST]]
            read.append(tokens)
            held.append(text)
    if not held:
        return ngram.strip()
    least = share * len(held) - 1e-9
    for _ in range(wanted.count(MARK) - 1, LONGEST):
        left, right = _agreeing(live, read, -1), _agreeing(live, read, 1)
        best = max(left, right, key=lambda places: _texts(places))
        if not best or _texts(best) < least:
            break
        live = best
    return _write(live, read, held, share)


def _texts(places: Sequence[Place]) -> int:
    """How many texts have one of the places."""
    return len({place.text for place in places})


def _agreeing(live: Sequence[Place], read: Sequence[Sequence[Token]], side: int) -> list[Place]:
    """The places that can be made a token longer on a side, by the token that most texts have there."""
    longer: defaultdict[str, list[Place]] = defaultdict(list)
    for text, start, end in live:
        tokens = read[text]
        if side < 0 and not tokens[start].first:
            longer[tokens[start - 1].key].append(Place(text, start - 1, end))
        elif side > 0 and end < len(tokens) and not tokens[end].first:
            longer[tokens[end].key].append(Place(text, start, end + 1))
    return max(longer.values(), key=lambda places: _texts(places), default=[])


def _write(live: Sequence[Place], read: Sequence[Sequence[Token]], held: Sequence[str], share: float) -> str:
    """The commonest form of the places, one from each text."""
    forms: defaultdict[str, list[list[str]]] = defaultdict(list)
    seen: set[int] = set()
    for text, start, end in live:
        if text in seen:
            continue
        seen.add(text)
        pieces, numbers, at = [], [], read[text][start].start
        for token in read[text][start:end]:
            if token.key == GAP:
                pieces.append(held[text][at : token.start])
                numbers.append(held[text][token.start : token.end])
                at = token.end
        pieces.append(held[text][at : read[text][end - 1].end])
        forms[GAP.join(pieces)].append(numbers)
    form, rows = max(forms.items(), key=lambda item: len(item[1]))
    written, *rest = form.split(GAP)
    for column, piece in zip(zip(*rows, strict=True), rest, strict=True):
        number, count = Counter(column).most_common(1)[0]
        written += (number if count >= share * len(rows) else GAP) + piece
    return written
