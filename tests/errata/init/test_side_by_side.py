"""Pairs as a person sees them."""

from __future__ import annotations

import io

from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from errata.init.side_by_side import SHOWN, mark_words, plain, show_pair
from pipeline.types import Message, Pair


def draw(rejected: str, chosen: str, question: str = "How many?") -> str:
    pair = Pair(
        id="p",
        problem_id="q",
        mistake_id="m",
        settings="s",
        prompt=(Message(role="user", content=question),),
        rejected=rejected,
        chosen=chosen,
        answer="6",
        rejected_answer="5",
        rung="revise",
        teacher="deep",
    )
    console = Console(width=80, file=io.StringIO(), record=True)
    console.print(show_pair(pair, "noted by leak: [bold]x"))
    return console.export_text()


def test_words_of_one_side_alone_are_marked() -> None:
    rejected, chosen = mark_words("2 + 3 = 6\n#### 6", "2 * 3 = 6\n#### 6")
    assert [rejected.plain[s.start : s.end] for s in rejected.spans if s.style] == ["+"]
    assert [chosen.plain[s.start : s.end] for s in chosen.spans if s.style] == ["*"]


@given(st.text(max_size=60), st.text(max_size=60))
def test_marking_changes_no_text(before: str, after: str) -> None:
    rejected, chosen = mark_words(plain(before), plain(after))
    assert (rejected.plain, chosen.plain) == (plain(before), plain(after))


def test_both_sides_the_question_and_the_writer_are_shown() -> None:
    shown = draw("2 + 3 = 5", "2 * 3 = 6")
    for part in ("How many?", "rejected", "chosen (revise, deep)", "2 + 3 = 5", "2 * 3 = 6", "noted by leak: [bold]x"):
        assert part in shown


def test_hostile_texts_stay_text() -> None:
    hostile = "[red]x[/] \x1b[31mred\x07 \u202eevil\u202c " + "y" * 100_000
    shown = draw(hostile, hostile + "z", question=hostile)
    assert "[red]x[/]" in shown
    for sign in ("\x1b", "\x07", "\u202e"):
        assert sign not in shown
    assert plain(hostile).endswith(f"… ({len(hostile):,} characters)")
    assert len(plain(hostile)) < SHOWN + 50
