"""N-grams are called what people would write."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pipeline.shortcuts.features.words import Settings, ngrams
from pipeline.shortcuts.mask import mask
from pipeline.shortcuts.tokens import join, tokenize


def test_rows_of_tokens_are_counted() -> None:
    found = Settings(longest=3).count(mask("Let us see. Let us go."))
    assert found["Let us"] == 2
    assert found["Let us see"] == 1
    assert found["us see."] == 1
    assert "Let us go." not in found


def test_error_signals_are_seen_and_numbers_are_not() -> None:
    found = Settings().count(mask("So 5 - 7 = -2 apples are left.\n#### -2"))
    assert found["▒ = - ▒"] == 1
    assert not any(character.isdigit() for name in found for character in name)


def test_chinese_is_counted_by_characters() -> None:
    found = Settings().count(mask("首先，我们来看题目。\n一共有5个。"))
    assert {"首先，我", "我们来看", "题目。\n", "有▒个。"} <= set(found)


def test_lines_are_part_of_what_is_counted() -> None:
    assert Settings().count(mask("One\n\nTwo\nThree"))["One\n\nTwo\n"] == 1


@given(st.lists(st.sampled_from(["Let", "us", "▒", ".", "(", "**", "$", "天", "\n", "\\frac", "{"]), max_size=12))
def test_names_are_the_joined_tokens(pieces: list[str]) -> None:
    tokens = tokenize(" ".join(pieces))
    expected = [join(tokens[at : at + n]) for n in range(1, 5) for at in range(len(tokens) - n + 1)]
    assert ngrams(tokens, 4) == expected
