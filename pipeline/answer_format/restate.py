"""The final answer of a text stated another way, its words and its maths left alone."""

from __future__ import annotations

from pipeline.answer_format.boxes import unframed
from pipeline.answer_format.finals import Found, find_final
from pipeline.answer_format.form import AnswerFormat, Gap, states
from pipeline.answer_format.rows import is_ended
from pipeline.answer_format.statements import same, write


def has_final(text: str, target: AnswerFormat) -> bool:
    """Whether a text without thoughts states its final answer the target's way and set off as the target does."""
    if target.final is None:
        return True
    return states(text, target.final, target.inline) and gap_of(text, target) in (None, target.gap)


def gap_of(text: str, target: AnswerFormat) -> Gap | None:
    """The white space before the final statement where the target sets it off in a way of its own, else None."""
    run = find_final(text).run
    if target.gap is None or target.inline or not run:
        return None
    before = text[: run[0].start]
    return _allowed(before, before[len(before.rstrip()) :], target.gap) if before.strip() else None


def _allowed(before: str, blank: str, wanted: Gap) -> Gap:
    """The kind of white space; a new line is as good as a blank where no sentence ends."""
    kind = kind_of_gap(blank)
    return wanted if kind == "\n" and wanted == " " and not is_ended(before.rstrip()) else kind


def kind_of_gap(blank: str) -> Gap:
    """A blank line, a new line or less."""
    breaks = blank.count("\n")
    return "\n\n" if breaks > 1 else "\n" if breaks else " "


def restate(text: str, target: AnswerFormat, answer: str | None = None) -> str:
    """State the final answer the target's way; `answer` where the text states none.

    A text that states two different answers stays as it is, and so does one that would be read otherwise afterwards.
    """
    if target.final is None or has_final(text, target):
        return text
    found = find_final(text)
    if found.conflict:
        return text
    if found.answer is None:
        return _append(text, write(target.final, answer), target) if answer else text
    written = write(target.final, found.answer, found.math)
    changed = _restated(text, found, target, written)
    if not has_final(changed, target):
        changed = _append(text if target.inline else unframed(text), written, target)
    after = find_final(changed)
    return changed if after.answer is not None and same(after.answer, found.answer) else text


def _restated(text: str, found: Found, target: AnswerFormat, written: str) -> str:
    if not found.run:
        return _append(text if target.inline else unframed(text), written, target)
    before, after = text[: found.run[0].start], text[found.run[-1].end :]
    if target.inline and found.stray:
        return (before.rstrip() + after).rstrip()
    before = before if target.inline else unframed(before)
    if not after.strip():
        return _append(before, written, target)
    lead = _append(before, written, target) if before.strip() else written
    return lead + (after if after.startswith("\n") else "\n" + after.lstrip(" "))


def _append(text: str, written: str, target: AnswerFormat) -> str:
    """A text with its final statement, set off as the target does, or as the text sets its steps apart."""
    before = text.rstrip()
    if not before:
        return written
    gap = target.gap or ("\n\n" if "\n\n" in before else "\n")
    return before + ("\n" if gap == " " and not is_ended(before) else gap) + written
