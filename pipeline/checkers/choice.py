"""Multiple choice: the letter and the option's text, wherever the answer gives both, must agree.

An answer that names no option, or one by its letter and another by its text, or hesitates between several, is
`unknown`; what it says it is *not* does not count.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from typing import Literal

from pipeline.checkers.base import AnswerSettings, Checker
from pipeline.checkers.exact import EDGES, normalise
from pipeline.types import Grade, Problem

LETTERS = "ABCDEFGHIJ"
NEGATED = re.compile(
    r"(?:\b(?:not|isn't|is\s+not|except|rather\s+than|instead\s+of|rules?\s+out|exclud(?:e|es|ing))|不是|不选|并非|而非|排除|除了)"
    r"\s*(?:option|choice|answer|选项)?\s*[\s(（]*([A-Ja-j])\b[)）]?",
    re.IGNORECASE,
)
"""An option that is ruled out."""
SAID = (
    r"(?:故|因此|所以|应)?(?:选择?|答案(?:是|为|选)?)[:：]?\s*[\s(（]*([A-J])(?![A-Za-z])",
    r"([A-J])\s*(?:选项|项)?\s*(?:是)?(?:正确|对的)",
    r"\b(?:option|choice|letter)\s*[\s(]*([A-Ja-j])\b",
    r"\(([A-Ja-j])\)\s*(?:is|seems|must be)\s*(?:the\s+)?(?:correct|right|best)",
    r"\b([A-J])\s+(?:is|seems|must be)\s+(?:the\s+)?(?:correct|right|best)",
    r"(?:pick|choose|select|go\s+with|choosing|(?:answer|choice|option|one)\s+is)\s*[:(\s]*([A-J])\b",
    r"(?:\bbut|而是|应是)\s*(?:option\s+)?[(\s]*([A-J])\b",
)
"""Ways to name an option in a sentence, for texts without a marked final answer."""


class Settings(AnswerSettings):
    """Where the options' texts are."""

    checker: Literal["choice"] = "choice"
    options: str | None = "choices"
    """Column with the list of the options' texts; none: letters alone are read."""

    @property
    def columns(self) -> tuple[str, ...]:
        return () if self.options is None else (self.options,)

    def create(self) -> Checker:
        return Choice(self)


class Choice(Checker):
    """Pure and fast."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.columns = settings.columns

    def options(self, problem: Problem) -> tuple[str, ...]:
        """The texts of the options; empty where none are known."""
        given = problem.extras.get(self.settings.options or "", ())
        return given if isinstance(given, tuple) else ()

    def gold_error(self, problem: Problem) -> str | None:
        options = self.options(problem)
        if len(options) > len(LETTERS):
            return f"checker 'choice' reads {len(LETTERS)} options at most, there are {len(options)}"
        if read_gold(problem.answer, options):
            return None
        which = f"neither a letter up to {LETTERS[len(options) - 1]} nor an option's text" if options else "no letter"
        return f"checker 'choice': the gold answer {problem.answer[:80]!r} is {which}"

    async def check(self, problem: Problem, text: str) -> Grade:
        options = self.options(problem)
        found = self.settings.find_answers(text)
        if not found:
            found = find_said(text, options)
        if not found:
            return Grade(verdict="unknown", extracted=None, reason="no option is named as the answer")
        return self._compare(problem, found)

    async def check_answer(self, problem: Problem, answer: str) -> Grade:
        return self._compare(problem, [answer])

    def _compare(self, problem: Problem, found: Sequence[str]) -> Grade:
        options = self.options(problem)
        gold = read_gold(problem.answer, options)
        shown = found[-1]
        readings = [read_option(answer, options) for answer in found]
        for letters, why in readings:
            if not letters:
                return Grade(verdict="unknown", extracted=shown, reason=why)
        named = {frozenset(letters) for letters, _ in readings}
        if len(named) > 1:
            return Grade(verdict="unknown", extracted=shown, reason=f"answers disagree: {', '.join(found)}"[:200])
        chosen = set(next(iter(named)))
        letters_told = ", ".join(sorted(chosen))
        if chosen == gold:
            return Grade(verdict="correct", extracted=letters_told, reason=f"names option {letters_told}")
        if len(gold) == 1 and chosen & gold:
            reason = f"names several options ({letters_told}), the right one among them"
            return Grade(verdict="unknown", extracted=letters_told, reason=reason)
        reason = f"names option {letters_told}, not {', '.join(sorted(gold))}"
        return Grade(verdict="wrong", extracted=letters_told, reason=reason)


def read_gold(answer: str, options: Sequence[str]) -> set[str]:
    """The gold letters; empty where the answer is neither letters nor the text of one option."""
    plain = unicodedata.normalize("NFKC", answer).strip(EDGES)
    if re.fullmatch(r"[A-Ja-j](?:[\s,;、&]*(?:and\s+)?[A-Ja-j])*", plain):
        letters = set(re.findall(r"[A-J]", re.sub("and", " ", plain).upper()))
        if letters <= set(_letters(options)):
            return letters
    same = _same_texts(answer, options)
    return set(same) if len(same) == 1 else set()


def read_option(answer: str, options: Sequence[str]) -> tuple[set[str], str]:
    """(letters, "") of the options that an answer names, or (empty, why none can be told)."""
    plain = " ".join(unicodedata.normalize("NFKC", answer).split())
    same = _same_texts(plain, options)
    bare = plain.strip(EDGES).upper()
    if same and len(bare) == 1 and bare in _letters(options) and same != [bare]:
        return set(), f"is a letter and the text of option {same[0]}: {answer[:80]!r}"
    if len(same) == 1:
        return set(same), ""
    if not re.search(r"\bneither\b|都不", plain) and NEGATED.search(plain):
        plain = NEGATED.sub(" ", plain)
    plain = re.sub(r"\\(?:text|textbf|mathrm|mathbf|mbox)\s*\{([^{}]*)\}", r"\1", plain).replace("$", " ")
    plain = re.sub(r"[*_`]", "", plain).strip()
    lead = re.match(
        r"^(?:option|choice|answer|选项?|选择)?[\s:：]*[\[(（]?([A-Ja-j])(?:[\])）]|[.:：、,]|\s*$|\s+(?=[-–—:(（])|(?=[\s]))\s*",
        plain,
        flags=re.IGNORECASE,
    )
    letters: set[str] = set()
    rest = plain
    if lead and not _is_article(plain, lead):
        letters, rest = {lead.group(1).upper()}, plain[lead.end() :]
    listed = re.fullmatch(r"[\s(（]*([A-J])[)）]?(?:[\s,、/&]*(?:and|or|和|或|与)?[\s(（]*([A-J])[)）]?)+\W*", plain)
    if listed:
        if re.search(r"\bor\b|或|/", plain):
            return set(), f"hesitates between several options: {answer[:80]!r}"
        letters, rest = set(re.findall(r"[A-J]", plain)), ""
    if not letters:
        said = {match.upper() for pattern in SAID for match in re.findall(pattern, plain)}
        if len(said) > 1:
            return set(), f"names several options: {answer[:80]!r}"
        letters = said
    texts = _same_texts(rest, options) or (_held_texts(plain, options) if not letters else [])
    if letters and len(letters) == 1 and texts and set(texts) != letters:
        return set(), f"the letter {min(letters)} goes with the text of option {texts[0]}: {answer[:80]!r}"
    if not letters and len(texts) == 1:
        letters = set(texts)
    if not letters:
        return set(), f"names no option: {answer[:80]!r}"
    if not letters <= set(_letters(options)):
        return set(), f"names an option that is not there: {answer[:80]!r}"
    return letters, ""


def find_said(text: str, options: Sequence[str]) -> list[str]:
    """What a text without a marked answer says at its end: its last line, or the last sentence that names an option."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if not lines:
        return []
    last = lines[-1]
    if len(last) <= 80 and read_option(last, options)[0]:
        return [last]
    bracketed = set(re.findall(r"[(（\[]([A-J])[)）\]]", NEGATED.sub(" ", last)))
    if len(bracketed) == 1:
        return [bracketed.pop()]
    matches = [match for pattern in SAID for match in re.finditer(pattern, NEGATED.sub(" ", text))]
    if not matches:
        return []
    latest = max(matches, key=lambda match: match.start())
    return [latest.group(1).upper()]


def _letters(options: Sequence[str]) -> str:
    return LETTERS[: len(options)] if options else LETTERS


def _same_texts(text: str, options: Sequence[str]) -> list[str]:
    """Letters of the options whose text this is."""
    plain = normalise(text)
    return [letter for letter, option in zip(LETTERS, options, strict=False) if plain and plain == normalise(option)]


def _held_texts(text: str, options: Sequence[str]) -> list[str]:
    """Letters of the options whose text stands, as whole words, somewhere in this one; the longest of nested ones."""
    plain = normalise(text)
    held = {
        letter: normalise(option)
        for letter, option in zip(LETTERS, options, strict=False)
        if normalise(option) and re.search(rf"(?<!\w){re.escape(normalise(option))}(?!\w)", plain)
    }
    return [a for a, text_a in held.items() if not any(b != a and text_a in text_b for b, text_b in held.items())]


def _is_article(text: str, lead: re.Match[str]) -> bool:
    """Whether the `A` that a text begins with is a word of it (`A cat`), not a letter of an option."""
    return lead.group(1) in "Aa" and bool(re.match(r"^[Aa]\s+[a-z]", text))
