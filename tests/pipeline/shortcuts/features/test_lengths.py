"""Lengths do not depend on how large the numbers are, nor on the final answer."""

from __future__ import annotations

from pipeline.shortcuts.features.lengths import Settings
from pipeline.shortcuts.mask import mask

TEXT = "She has 3 + 4 = 7 eggs. That is so.\n\nSo 7 * 2 = 14"


def test_everything_is_measured() -> None:
    found = Settings().count(mask(TEXT))
    assert found["sentences"] == 3
    assert found["lines"] == 2
    assert found["paragraphs"] == 2
    assert found["equations"] == found["steps"] == 2
    assert found["words"] == 7
    assert found["characters"] == len(TEXT) - 1 - len(" + 4") - len(" * 2")
    assert found["characters a word"] == 20 / 7


def test_numbers_and_the_final_answer_add_nothing() -> None:
    longer = TEXT.replace("7", "70,000.25") + "\n#### 140,000.50"
    assert Settings().count(mask(longer)) == Settings().count(mask(TEXT))


def test_chinese_is_measured_in_characters_and_its_own_sentences() -> None:
    found = Settings().count(mask("一共有5个。还剩3个！"))
    assert found["words"] == 7
    assert found["sentences"] == 2


def test_an_empty_text_has_no_length() -> None:
    assert Settings().count(mask("#### 5")) == {}
