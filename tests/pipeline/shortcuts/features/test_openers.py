"""How texts begin is told in full and by the first tokens."""

from __future__ import annotations

import pytest

from pipeline.shortcuts.features.openers import Settings
from pipeline.shortcuts.mask import mask


def test_the_first_sentence_and_the_first_tokens_are_told_apart() -> None:
    found = Settings().count(mask("Let us think. He has 5."))
    assert set(found) == {"^ Let …", "^ Let us …", "^ Let us think …", "^ Let us think. …", "^ Let us think."}
    assert set(found.values()) == {1}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("首先，我们来看题目。一共有5个。", "^ 首先，我们来看题目。"),
        ("\n\n### Step 1: add\nNow", "^ ### Step ▒: add"),
        ("Sure!", "^ Sure!"),
    ],
)
def test_sentences_of_any_kind_are_openers(text: str, told: str) -> None:
    assert told in Settings(longest=2).count(mask(text))


def test_what_it_stands_for_are_the_words_themselves() -> None:
    assert Settings().words_of("^ Let us …") == "Let us"
    assert Settings().words_of("^ Let us think.") == "Let us think."


def test_a_text_without_words_has_none() -> None:
    assert Settings().count(mask("#### 5")) == {}
