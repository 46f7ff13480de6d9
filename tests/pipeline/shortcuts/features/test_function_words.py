"""Small words are counted in English and in Chinese."""

from __future__ import annotations

from pipeline.shortcuts.features.function_words import Settings
from pipeline.shortcuts.mask import mask


def test_words_are_counted_whatever_their_case() -> None:
    found = Settings().count(mask("So we know. THEREFORE, so it is; let’s go: I'll see"))
    assert found["so"] == 2
    assert {"therefore", "we", "it", "is", "let's", "i'll"} <= set(found)


def test_names_and_things_are_not() -> None:
    assert Settings().count(mask("Janet sells eggs #### 5")) == {}


def test_chinese_words_are_the_longest_there_are() -> None:
    found = Settings().count(mask("首先，我们知道小明有5个苹果，所以还剩3个。因此，综上所述，得出3。"))
    assert {"首先", "我们", "所以", "还剩", "因此", "综上所述", "得出"} <= set(found)
    assert not {"我", "以", "还", "综上"} & set(found)
