"""Nothing that others wrote acts on a terminal, in JSON that is shown, or in Markdown."""

from __future__ import annotations

import json
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.printable import inert_markdown, printable, printable_json

ANY = st.text(st.characters(), max_size=60)
"""Halves of characters, too."""


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\x1b[31mb", "a\\x1b[31mb"),
        ("\x9b2J", "\\x9b2J"),
        ("one\rtwo\x07\x08", "one\\rtwo\\x07\\x08"),
        ("abc\u202ecba\u2066", "abc\\u202ecba\\u2066"),
        ("half \ud800", "half \\ud800"),
        ("\u2028\ufeff\u200b", "\\u2028\\ufeff\\u200b"),
        ("two\nlines\tand a tab", "two\nlines\tand a tab"),
        ("中文\u3000ما می\u200cشود 1\u00a0000 👩\u200d🚀 é", "中文\u3000ما می\u200cشود 1\u00a0000 👩\u200d🚀 é"),
    ],
)
def test_what_steers_a_terminal_is_shown_as_an_escape_and_writing_of_any_language_is_not(text: str, shown: str) -> None:
    assert printable(text) == shown


def test_line_ends_stay_only_where_lines_are_meant() -> None:
    assert printable("a\nb", "") == "a\\nb"


@given(ANY)
def test_no_control_mark_is_left_and_a_second_time_changes_nothing(text: str) -> None:
    shown = printable(text)
    assert not {
        unicodedata.category(mark) for mark in shown.translate({10: None, 9: None, 0x200C: None, 0x200D: None})
    } & {*("Cc", "Cf", "Cs", "Co", "Zl", "Zp")}
    assert printable(shown) == shown
    shown.encode()


@given(st.dictionaries(ANY, ANY, max_size=3))
def test_json_keeps_its_values(told: dict[str, str]) -> None:
    shown = printable_json(json.dumps(told, ensure_ascii=False, indent=1))
    assert json.loads(shown) == told
    assert printable(shown, "\n") == shown


def test_a_line_of_markdown_holds_no_tag_link_or_picture() -> None:
    line = "a <img src=x onerror=e()> ![](http://t/x.png) [go](javascript:e()) [a][b] [b]: http://t \x1b[0m"
    shown = inert_markdown(line)
    assert not any(sign in shown for sign in ("<", "](", "][", "]:", "\x1b"))
    assert inert_markdown(shown) == shown
