"""What was there already is known by 64 bits, whatever they are."""

from __future__ import annotations

import tempfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import StoppedEarly
from pipeline.seen import Seen

BITS = st.integers(0, 2**64 - 1)


@given(st.lists(st.tuples(BITS, BITS)))
def test_a_question_is_new_the_same_or_disputed_as_a_dictionary_says(rows: list[tuple[int, int]]) -> None:
    known: dict[int, int] = {}
    with Seen() as seen:
        for content, answer in rows:
            new = content not in known
            first = known.setdefault(content, answer)
            assert seen.add(content, answer) == (None if new else "same" if first == answer else "disputed")
        assert seen.disputed == {content: known[content] for content, answer in rows if known[content] != answer}


def test_an_id_belongs_to_the_line_where_it_stood_first() -> None:
    with Seen() as seen:
        assert [seen.own("a", 1), seen.own("b", 2), seen.own("a", 3)] == [1, 2, 1]


def test_a_full_disk_for_temporary_files_is_told_with_its_folder() -> None:
    with Seen() as seen:
        seen._db.execute("PRAGMA max_page_count = 20")
        questions = (seen.add(number * 7_919, number) for number in range(100_000))
        with pytest.raises(StoppedEarly, match=f"{tempfile.gettempdir()}: the disk is full"):
            any(questions)
