"""Texts become words, words become n-grams that hash to the same number everywhere."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.select.ngrams import hash_ngrams, spell, words

WORDS = st.lists(st.text("abc", min_size=1, max_size=2), max_size=12)


def test_words_are_lower_case_without_punctuation_and_han_characters_stand_alone() -> None:
    assert words("Tom's 3.5 km: $x_1^2$, ok?") == ["tom", "s", "3", "5", "km", "x", "1", "2", "ok"]
    assert words("小明有３个apple。") == ["小", "明", "有", "3", "个", "apple"]
    assert words("Ｃａｆé") == words("cafe\u0301") == ["café"]
    assert words("… — !") == []


def test_words_are_spelled_as_their_language_is_written() -> None:
    assert spell(["the", "same", "rate"]) == "the same rate"
    assert spell(["小", "明", "3", "个"]) == "小明3个"


def test_hashes_are_the_same_on_every_machine() -> None:
    assert hash_ngrams(["a", "b", "c"], 2).tolist() == [10629985139168077320, 14232243491414328628]


@given(WORDS, WORDS, st.integers(1, 5))
def test_hashes_are_equal_where_ngrams_are(one: list[str], other: list[str], n: int) -> None:
    for part in (one, other):
        assert len(hash_ngrams(part, n)) == (max(1, len(part) - n + 1) if part else 0)

    def ngrams(part: list[str]) -> list[tuple[str, ...]]:
        return [tuple(part[at : at + n]) for at in range(max(1, len(part) - n + 1))] if part else []

    hashed = {}
    for part in (one, other):
        for ngram, number in zip(ngrams(part), hash_ngrams(part, n).tolist(), strict=True):
            assert hashed.setdefault(number, ngram) == ngram
    assert len(hashed) == len({*ngrams(one), *ngrams(other)})


@pytest.mark.parametrize("hostile", ["\u0301\u0316", "a_", "x²", "ﷺ", "中a", "\ud800", "'-"])
def test_long_hostile_texts_are_cut_in_no_time(hostile: str) -> None:
    hash_ngrams(words(hostile * 50_000), 13)
