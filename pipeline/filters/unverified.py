"""The chosen text's final answer is not the gold answer, or it states none: for data that nobody has graded.

Numbers are compared as the checker `numeric` compares them, all else by what it means (`pipeline.answers`), without a
second reading. Where the data hold no gold answer, nothing is said.
"""

from __future__ import annotations

import re
from typing import Literal

from pipeline.answers.comparison import compare_readings
from pipeline.answers.evaluation import LOCK
from pipeline.answers.extraction import after_thinking
from pipeline.answers.outcome import Outcome, make_context
from pipeline.answers.reading import Reading, read
from pipeline.answers.statements import Statement, find_statements
from pipeline.answers.tree import Unreadable
from pipeline.checkers import numeric
from pipeline.checkers.math import gold_forms, squeeze
from pipeline.filters import gold_first
from pipeline.filters.base import Action, FilterSettings, Texts
from pipeline.types import Finding

NUMERIC = numeric.Numeric(numeric.Settings())
LETTER = re.compile(r"\W{0,8}(?:text(?:bf)?\W{0,4})?([A-J])(?![A-Za-z0-9=^_+*/(-])\W{0,4}")
"""An option at the start of an answer: `B`, `(B) 5`, `\\textbf{(B)}`."""
LONGEST = 1000
"""Characters beyond which a gold answer is not compared."""


class Settings(FilterSettings):
    """What cannot be compared is left alone, unless `unclear` is set."""

    filter: Literal["unverified"] = "unverified"
    action: Action = "drop"
    """Dropped: it may teach a wrong answer."""
    unclear: bool = False
    """Whether a stated answer that cannot be compared with the gold answer counts as well."""

    def find(self, pair: Texts) -> Finding | None:
        gold = (pair.answer or "").strip()
        if not gold:
            return None
        text = after_thinking(pair.chosen)
        grade = NUMERIC.compare(gold, text)
        if grade.verdict == "correct":
            return None
        if grade.verdict == "wrong":
            return self.say(f"its final answer is {grade.extracted}, the gold answer {gold}"[:200])
        return self._compare(pair, gold, text)

    def _compare(self, pair: Texts, gold: str, text: str) -> Finding | None:
        """Compare what is no plain number, or is not marked as the answer."""
        marks = NUMERIC.settings
        marked = bool(marks.find_answers(text))
        if not marked and LETTER.fullmatch(gold):
            return None
        found = find_statements(text, boxed=True, marked=marks.find_marked, phrases=marks.find_phrases)
        outcomes = {compare(gold, statement, pair.question): statement.forms[0] for statement in found.statements}
        if "same" in outcomes and "different" in outcomes:
            return self.say(f"it states different answers: {', '.join(outcomes.values())}"[:200])
        if "same" in outcomes:
            return None
        if "different" in outcomes:
            return self.say(f"its final answer is {outcomes['different']}, the gold answer {gold}"[:200])
        if not outcomes or (not marked and not ends_with(text, gold)):
            return self.say("it states no final answer")
        if self.unclear:
            return self.say(f"its final answer cannot be compared with the gold answer {gold}"[:200])
        return None


def ends_with(text: str, gold: str) -> bool:
    """Whether the last line of a text holds a number; true of a gold answer that is none."""
    last = text.rstrip()[-LONGEST:].rpartition("\n")[2]
    return not gold_first.NUMBER.fullmatch(gold) or gold_first.digits(gold) in map(
        gold_first.digits, gold_first.NUMBER.findall(last)
    )


def compare(gold: str, statement: Statement, question: str) -> Outcome:
    """Whether a statement says the gold answer; different only where it is sure to be a whole and other answer."""
    if squeeze(gold) == squeeze(statement.forms[0]):
        return "same"
    if letter := LETTER.fullmatch(gold):
        named = LETTER.match(statement.text)
        return "unclear" if named is None else "same" if named[1] == letter[1] else "different"
    if len(gold) > LONGEST:
        return "unclear"
    try:
        with LOCK:
            return _compare_read(gold, statement, question)
    except Exception:  # a fault of the reader must not end the look at a whole data set; the answer stays unread
        return "unclear"


def _compare_read(gold: str, statement: Statement, question: str) -> Outcome:
    golds, answer = _read(gold_forms(gold)), _read(statement.forms)
    if golds is None or answer is None:
        return "unclear"
    outcome, _ = compare_readings(golds[1], answer[1], make_context(question, 1e-8))
    return "unclear" if outcome == "different" and not statement.is_sure_of(answer[0], gold) else outcome


def _read(forms: tuple[str, ...]) -> tuple[str, tuple[Reading, ...]] | None:
    """The first form that can be read."""
    for form in forms:
        try:
            return form, read(form)
        except Unreadable:
            continue
    return None
