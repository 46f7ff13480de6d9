r"""The chosen text breaks off: in its thoughts, a code fence, a LaTeX environment, a formula, a bracket, a sentence.

A text that ends without a full stop is not broken off: `#### 94`, `A: 18`, `\boxed{5}$`, a list item, `12 apples`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Literal

from pipeline.filters.base import Action, FilterSettings, Texts
from pipeline.types import Finding

THOUGHT = re.compile(r"<(think|thinking|thought|reasoning)>")
FENCE = re.compile(r"^[ \t]{0,3}(?:```|~~~)", re.MULTILINE)
ENVIRONMENT = re.compile(r"\\(begin|end)[ ]?\{([A-Za-z]{1,20}\*?)\}")
DISPLAY = re.compile(r"(?<!\\)(?:\\[\[\]()]|\$\$)")
BRACKET = re.compile(r"\\.|<<(?=[\d(.-])|>>|[(\[{（【「『《)\]}）】」』》]", re.DOTALL)
OPENING = frozenset(["(", "[", "{", "（", "【", "「", "『", "《", "<<"])
DOLLAR = re.compile(r"(?<!\\)\$")
MONEY = re.compile(r"\$\$ ?[\d<.]")
FORMULA = re.compile(r"[A-Za-z\\{(|]")
"""How the inside of a formula begins that is no amount of money."""
DANGLING = re.compile(
    r"(?:[,，、;；:：=≈^&\\]|[\s\d)][-+*/×÷−<≤≥]"
    r"|\\(?:[dtc]?frac|sqrt|text|[df]?boxed|cdot|times|div|left|right|mathrm|mathbf|binom|overline|approx|leq?|geq?)"
    r"|(?<!\d )(?<!is )(?<!: )\b(?:the|a|an|of|to|and|or|is|are|was|were|be|has|have|had|for|from|with|in|at|by|as|than"
    r"|that|if|which|when|because|since|so|but|then|this|these|their|his|her|its|our|we|he|she|they|will|would|can|must)"
    r"|(?:因为|由于|所以|因此|如果|那么|等于|以及|并且|而且|例如|需要|[和与或把将])"
    r")$"
)
"""What no sentence ends with."""
STOPPED = re.compile(r"[^\w\s]$")
COUNTED = re.compile(r"[\d\\$](?:[^\s]*)(?:[ \t]+[^\s]+){0,4}$")
"""A number, with a unit or some words."""
BOLD = re.compile(r"(?:^|[ \t])(\*\*)\w[^*]{0,200}$")
LINE = 500
"""Characters of the last line that are looked at."""
SENTENCE = re.compile(r"[.!?][ \n]|[。！？\n]")
FINAL = re.compile(r"answer|答|####|boxed|^[ \t]*(?:[-*+•#|>]|\d{1,2}[.)])", re.IGNORECASE)
"""Lines that state an answer, items, headings and rows of tables end as they like."""
WORDS = re.compile(r"[\u3400-\u9fff]|[^\W\d_]+")
FEW = 3
"""Words that make a line a sentence."""
MOST = 0.8
"""Share of the lines above that must end in a stop."""


class Settings(FilterSettings):
    """Looks at the form alone; a text that was cut between two sentences looks complete."""

    filter: Literal["truncated"] = "truncated"
    action: Action = "drop"
    """Dropped: it teaches to stop anywhere."""

    def find(self, pair: Texts) -> Finding | None:
        text = pair.chosen.rstrip()
        for where, look in PLACES.items():
            at = look(text)
            if at is not None:
                return self.say(f"it breaks off {where}: {text[-40:]!r}", span=(at, len(text)))
        return None


def _thought(text: str) -> int | None:
    opened = THOUGHT.search(text)
    return opened.start() if opened and f"</{opened[1]}>" not in text else None


def _fence(text: str) -> int | None:
    fences = [match.start() for match in FENCE.finditer(text)] if "```" in text or "~~~" in text else []
    return fences[-1] if len(fences) % 2 else None


def _environment(text: str) -> int | None:
    """Where the outermost environment that is never ended begins; ends without a beginning do not count."""
    opened: list[tuple[str, int]] = []
    for match in ENVIRONMENT.finditer(text) if "\\begin" in text else ():
        if match[1] == "begin":
            opened.append((match[2], match.start()))
        elif opened and opened[-1][0] == match[2]:
            opened.pop()
    return opened[0][1] if opened else None


def _display(text: str) -> int | None:
    r"""Where a displayed formula, or one in `\(…\)`, begins that does not end."""
    opened: int | None = None
    dollars = False
    for match in DISPLAY.finditer(text) if "\\" in text or "$$" in text else ():
        if match[0] == "$$":
            dollars = not dollars
            opened = match.start() if dollars else None
        elif not dollars:
            opened = match.start() if match[0][1] in "[(" else None
    return None if opened is not None and MONEY.match(text, opened) else opened


def _bracket(text: str) -> int | None:
    """Where a bracket of the last line begins that does not end there; half-open intervals do."""
    line = last_line(text)
    opened: list[int] = []
    for match in BRACKET.finditer(line):
        if match[0] in OPENING:
            opened.append(match.start())
        elif match[0][0] != "\\" and opened:
            opened.pop()
    return len(text) - len(line) + opened[0] if opened else None


def _formula(text: str) -> int | None:
    line = last_line(text)
    dollars = [match.start() for match in DOLLAR.finditer(line)]
    if len(dollars) % 2 == 0 or not FORMULA.match(line, dollars[-1] + 1):
        return None
    return len(text) - len(line) + dollars[-1]


def _word(text: str) -> int | None:
    match = DANGLING.search(text, max(0, len(text) - 20))
    return match.start() if match else None


def _sentence(text: str) -> int | None:
    """Where the last sentence begins, if it has no full stop, no number at its end, and all before it stop."""
    line = last_line(text)
    if STOPPED.search(line) or FINAL.search(line):
        return None
    sentence = SENTENCE.split(line)[-1]
    if COUNTED.search(sentence) or len(WORDS.findall(sentence)) < FEW:
        return None
    rows = [row.rstrip() for row in text[: len(text) - len(line)].splitlines()]
    stops = [bool(STOPPED.search(row)) for row in rows if len(WORDS.findall(row)) >= FEW and not COUNTED.search(row)]
    begun = len(line) > len(sentence) or len(stops) > 1
    return len(text) - len(sentence) if begun and sum(stops) >= MOST * len(stops) else None


def _bold(text: str) -> int | None:
    line = last_line(text)
    opened = BOLD.search(line)
    return len(text) - len(line) + opened.start(1) if opened and line.count("**") % 2 else None


def last_line(text: str) -> str:
    """The last line of a text, or the end of it where it is very long."""
    end = text[-LINE:]
    return end[end.rfind("\n") + 1 :]


PLACES: dict[str, Callable[[str], int | None]] = {
    "in its thoughts": _thought,
    "in a code fence": _fence,
    "in a LaTeX environment": _environment,
    "in a formula": _display,
    "in brackets": _bracket,
    "in a formula between dollars": _formula,
    "in bold words": _bold,
    "in a sentence": _word,
    "before the end of its last sentence": _sentence,
}
