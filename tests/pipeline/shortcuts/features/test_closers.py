"""How texts end is told, and what stands behind the final answer."""

from __future__ import annotations

from pipeline.shortcuts.features.closers import BEHIND, UNSTATED, Settings
from pipeline.shortcuts.mask import mask

CLOSING = "I have checked every step."


def test_the_last_sentence_is_told_before_and_behind_the_final_answer() -> None:
    before = Settings().count(mask(f"He has 5. {CLOSING}\n#### 5"))
    behind = Settings().count(mask(f"He has 5.\n#### 5\n{CLOSING}"))
    for found in (before, behind):
        assert found[f"{CLOSING} $"] == 1
        assert found["… every step. $"] == 1
        assert found["… . $"] == 1
        assert UNSTATED not in found
    assert BEHIND in behind
    assert BEHIND not in before


def test_chinese_closings_are_told() -> None:
    found = Settings().count(mask("一共有5个。\n答案是5。\n我已经检查过每一步。"))
    assert found["我已经检查过每一步。 $"] == 1
    assert found["… 一步。 $"] == 1
    assert found[BEHIND] == 1


def test_a_text_without_a_final_answer_is_told() -> None:
    assert Settings().count(mask("He has 5 and"))[UNSTATED] == 1
    assert Settings().count(mask("")) == {UNSTATED: 1}
    assert Settings().count(mask("#### 5")) == {}


def test_what_it_stands_for_are_the_words_themselves() -> None:
    assert Settings().words_of(f"{CLOSING} $") == CLOSING
    assert Settings().words_of("… every step. $") == "every step."
    assert Settings().words_of(BEHIND) is None
