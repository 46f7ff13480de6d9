"""Spacing, punctuation and endings are seen; what words say already is not counted again."""

from __future__ import annotations

from pipeline.shortcuts.features.characters import Settings
from pipeline.shortcuts.mask import mask


def test_spacing_and_punctuation_are_seen() -> None:
    found = Settings().count(mask("He runs  fast .\n  5+3 is"))
    assert {"␣␣", "t␣.", ".⏎", "⏎␣␣▒", "⏎He␣", "ns␣"} <= set(found)


def test_letters_alone_are_left_to_words() -> None:
    found = Settings().count(mask("There is a cat\n我们一起去"))
    assert not {"Th", "here", "s␣a", "is␣a", "e␣i", "␣is", "我们", "一起去"} & set(found)
    assert {"re␣", "is␣", "at⏎", "去⏎"} <= set(found)


def test_lines_do_not_run_into_each_other() -> None:
    found = Settings().count(mask("a.\nb."))
    assert set(found) == {"⏎a", "a.", ".⏎", "⏎a.", "a.⏎", "⏎a.⏎", "⏎b", "b.", "⏎b.", "b.⏎", "⏎b.⏎"}
    assert found[".⏎"] == 2


def test_sizes_can_be_set() -> None:
    assert set(Settings(shortest=1, longest=1).count(mask("a b!"))) == {"⏎", "␣", "!"}
