"""Where a text states its final answer, from the surest kind of statement that it has, and how much that counts."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from pipeline.answers import doubts, extraction
from pipeline.answers.claims import without_additions

ANNOUNCED = re.compile(r"[Ff]inal answer is:?[ \t]*([^\n]+?)(?:\.(?=\s|$)|$)", re.MULTILINE)
CORRECTED = re.compile(
    r"(?:final answer|correct|instead|should be|mistake|wrong|最终|正确|应为|应该|改为"
    r"|错)[^\n]{0,200}\\f?boxed(?!.*\\f?boxed)",
    re.IGNORECASE | re.DOTALL,
)
"""The last box is announced as the one that counts."""
PARTS = re.compile(r"\b[Pp]art\b|\([1-9ab]\)|[（(][一二三1-9][)）]|第[一二三1-9]")
"""A text that answers in parts."""
HEADING = re.compile(
    r"^[\s>*_#-]{0,20}(?:[Tt]he )?(?:[Ff]inal )?(?:[Aa]nswer|最终答案|答案)[\s*_]{0,8}[:：]?[\s*_]{0,8}$", re.MULTILINE
)
"""A line that heads the answer, which stands below it."""
Find = Callable[[str], list[str]]


@dataclass(frozen=True)
class Statement:
    """One place of a text that states its answer."""

    text: str
    """What it claims."""
    forms: tuple[str, ...]
    """What to read there, the likeliest first."""
    firm: bool = True
    """Whether it is sure enough to make a text wrong."""
    whole: str = ""
    """All that stands there, with what is added to the claim."""

    def is_sure_of(self, form: str, gold: str) -> bool:
        """Whether a form is all that the statement says, so that a difference from the gold answer is a mistake."""
        whole = doubts.is_complete(self.text, form) and not self.is_restricted(form)
        return self.firm and whole and not doubts.may_be_misread(self.text, form, gold)

    def is_restricted(self, form: str) -> bool:
        """Whether what follows the form restricts it, so that equality is not enough."""
        return doubts.is_restricted(self.whole or self.text, form)


@dataclass(frozen=True)
class Found:
    """What a text states, and its boxes."""

    statements: tuple[Statement, ...]
    boxes: tuple[str, ...]
    corrected: bool
    """Whether the last of several boxes is said to be the one that counts."""
    in_parts: bool
    """Whether the text answers in parts."""


def state(text: str, firm: bool = True) -> Statement:
    """A statement and the forms to read it in."""
    claim = extraction.strip_denied(text)
    return Statement(without_additions(claim) or claim, tuple(extraction.candidates(claim)), firm, whole=claim)


def find_statements(text: str, *, boxed: bool, marked: Find, phrases: Find) -> Found:
    """Statements of the final answer: boxes and marked lines; else sentences that state one; else the end of the text.

    `marked` and `phrases` find what the settings' patterns mark.
    """
    text = extraction.tidy_spaces(extraction.after_thinking(text))
    box, boxes = extraction.last_boxes(text) if boxed else ("", [])
    found = [Statement(box, (box,))] if box else []
    found += map(state, marked(text))
    if boxes:
        found += [state(told) for told in ANNOUNCED.findall(text[text.rindex("boxed") :])[-1:]]
    if not found:
        found = list(map(state, phrases(text)))
    if not found:
        headed = [*HEADING.finditer(text)]
        if end := extraction.conclusion(text[headed[-1].end() :] if headed else text):
            plain = "$" not in end.sentence and "\\" not in end.sentence
            found = [Statement(end.sentence if plain else end.claim, tuple(end.forms), end.sure, whole=end.sentence)]
    several = len(set(boxes)) > 1
    return Found(
        tuple(statement for statement in found if statement.forms),
        tuple(boxes),
        corrected=several and bool(CORRECTED.search(text)),
        in_parts=several and bool(PARTS.search(text)),
    )
