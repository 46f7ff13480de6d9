"""Texts as n-grams of words, each a 64-bit number that is the same on every machine.

A Han character or kana is a word of its own, so Chinese is cut into n-grams of characters by the same rule.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import numpy.typing as npt

Hashes = npt.NDArray[np.uint64]

UNSPACED = "\u3005-\u3007\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
WORD = re.compile(rf"[{UNSPACED}]|[^\W_{UNSPACED}]+")
_MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)
_HALF = np.uint64(32)
_PIECE = 1000


def words(text: str) -> list[str]:
    """Lower-case words without punctuation; `3.5` is two of them."""
    if not text.isascii():  # in pieces, since a long run of combining marks takes quadratic time
        pieces = (text[at : at + _PIECE] for at in range(0, len(text), _PIECE))
        text = "".join(unicodedata.normalize("NFKC", piece) for piece in pieces)
    return WORD.findall(text.lower())


def spell(part: Sequence[str]) -> str:
    """Words as a line to read."""
    return "".join(part) if re.search(f"[{UNSPACED}]", "".join(part)) else " ".join(part)


def hash_ngrams(part: Sequence[str], n: int) -> Hashes:
    """The hash of every n consecutive words; fewer than n are hashed as one whole, which equals no n-gram.

    Different n-grams share a hash with odds of 2^-64 a pair.
    """
    n = min(n, len(part))
    count = len(part) - n + 1 if n else 0
    word_W = np.fromiter((_hash_word(word) for word in part), np.uint64, len(part))
    ngram_G = np.full(count, n, np.uint64)
    for offset in range(n):
        ngram_G ^= word_W[offset : offset + count]
        ngram_G *= _MULTIPLIER
        ngram_G ^= ngram_G >> _HALF
    return ngram_G


@lru_cache(maxsize=1 << 16)
def _hash_word(word: str) -> int:
    return int.from_bytes(hashlib.blake2b(word.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "little")
