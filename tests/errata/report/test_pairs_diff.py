"""What two texts do not share."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from errata.report import pairs_diff
from errata.report.pairs_diff import Span, diff_words

WORD = st.sampled_from(["a", "b", " ", "\n", "是", "😀", "=", "12", "x" * 30])
TEXT = st.lists(WORD, max_size=40).map("".join)


def without(text: str, spans: Sequence[Span]) -> str:
    """What is left of a text."""
    starts, ends = [0, *(end for _, end in spans)], [*(start for start, _ in spans), len(text)]
    return "".join(text[start:end] for start, end in zip(starts, ends, strict=True))


@given(TEXT, TEXT)
def test_what_is_not_marked_is_the_same_in_both(before: str, after: str) -> None:
    gone, new = diff_words(before, after)
    assert without(before, gone) == without(after, new)
    for spans, text in ((gone, before), (new, after)):
        places = [place for span in spans for place in span]
        assert places == sorted(set(places))
        assert all(0 <= place <= len(text) for place in places)


@given(TEXT, TEXT)
def test_texts_too_long_for_words_are_compared_by_lines_and_words_within(before: str, after: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pairs_diff, "MOST_CELLS", 30)
        gone, new = diff_words(before, after)
    assert without(before, gone) == without(after, new)


def test_words_that_differ_are_marked_and_spaces_between_them_with_them() -> None:
    before, after = "30 - 2 = 28 apples\n#### 28", "30 / 2 = 15 pears\n#### 15"
    gone, new = diff_words(before, after)
    assert [before[slice(*span)] for span in gone] == ["-", "28 apples", "28"]
    assert [after[slice(*span)] for span in new] == ["/", "15 pears", "15"]


def test_equal_texts_have_no_marks_and_an_empty_one_is_all_new() -> None:
    assert diff_words("a b", "a b") == ([], [])
    assert diff_words("", "a b") == ([], [(0, 3)])


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("x" * 100_000, "y" * 100_000),
        ("<b>" * 33_000, "<i>" * 33_000),
        ("a\n" * 50_000, "b\n" * 50_000),
        ("ab ba " * 16_000, "ba ab " * 16_000),
        (" " * 100_000, "\n" * 100_000),
    ],
)
def test_long_texts_are_compared_in_bounded_room(before: str, after: str) -> None:
    gone, new = diff_words(before, after)
    assert without(before, gone) == without(after, new)
