"""Two texts beside one another, with the words marked that only one of them has."""

from __future__ import annotations

from collections.abc import Sequence

from rich import box
from rich.table import Table
from rich.text import Text

from pipeline.edits import WORDS
from pipeline.types import Pair

SHOWN = 1500
"""Characters of a text that are shown."""


def show_pair(pair: Pair, note: str = "") -> Table:
    """The question above, rejected and chosen side by side."""
    question = next((m.content for m in reversed(pair.prompt) if m.role == "user"), "")
    table = Table(box=box.ROUNDED, expand=True, title=Text(plain(question), style="italic"), title_justify="left")
    rejected, chosen = mark_words(plain(pair.rejected), plain(pair.chosen or ""))
    written = f"chosen ({pair.rung}{f', {pair.teacher}' if pair.teacher else ''})"
    table.add_column(Text("rejected", style="bold red"), ratio=1, overflow="fold")
    table.add_column(Text(written, style="bold green"), ratio=1, overflow="fold")
    table.add_row(rejected, chosen)
    if note:
        table.caption, table.caption_justify = Text(note, style="yellow"), "left"
    return table


def plain(text: str) -> str:
    """What may be shown of a model's text: control characters are dots, and the end of a long one is left out."""
    clean = "".join(c if c == "\n" or c.isprintable() else " " if c.isspace() else "·" for c in text[:SHOWN])
    return clean if len(text) <= SHOWN else f"{clean}… ({len(text):,} characters)"


def mark_words(before: str, after: str) -> tuple[Text, Text]:
    """Both texts; what only the first has is red and struck out, what only the second has is green."""
    from rapidfuzz.distance import Indel

    old, new = WORDS.findall(before), WORDS.findall(after)
    first, second = Text(), Text()
    for step in Indel.opcodes(old, new):
        gone, come = _joined(old[step.src_start : step.src_end]), _joined(new[step.dest_start : step.dest_end])
        first.append(gone, style="" if step.tag == "equal" else "red strike")
        second.append(come, style="" if step.tag == "equal" else "bold green")
    return first, second


def _joined(words: Sequence[str]) -> str:
    return "".join(words)
