r"""A statement of the final answer taken apart: `**Answer:** $\boxed{5}$.` is words, a dollar, a box, and 5 in it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise

from pipeline.answers.extraction import boxed_contents
from pipeline.checkers.math import squeeze
from pipeline.checkers.numeric import read_number

ANSWER = "{answer}"
LONGEST = 300
"""Characters beyond which what is marked as a final answer is not restated."""
WRAPPERS = (("**", "**"), ("__", "__"), ("$$", "$$"), ("$", "$"), ("\\(", "\\)"), ("\\[", "\\]"))
INLINE_MATH = {"$": ("$", "$"), "$$": ("$", "$"), "\\(": ("\\(", "\\)"), "\\[": ("\\(", "\\)")}
SO = re.compile(
    r"(?:so|thus|therefore|hence|then|now|finally|consequently|in conclusion|as a result|in summary)[,:]? "
    r"|(?:所以|因此|因而|故|综上所述|综上|于是|那么|最后)[，,：:]?",
    re.IGNORECASE,
)
HOPE = re.compile(r" I hope (?:it|this) is correct\.?$")
"""How the few-shot prompt of Minerva, and what learnt from it, ends."""
ABBREVIATED = re.compile(r"\b[A-Za-z]\.[A-Za-z]\.$")
LATEX = re.compile(r"\\[A-Za-z!,;:]|[\^_]")


@dataclass(frozen=True)
class Core:
    """An answer as it is written, and what is put around it, the outermost first."""

    answer: str
    layers: tuple[tuple[str, str], ...]

    @property
    def math(self) -> str:
        """The delimiter of the formula in which it stands, empty where there is none."""
        return next((opening.strip() for opening, _ in reversed(self.layers) if opening.strip() in INLINE_MATH), "")

    @property
    def boxed(self) -> bool:
        """Whether there is a box around it."""
        return any("boxed" in opening for opening, _ in self.layers)


@dataclass(frozen=True)
class Statement:
    """A place of a text that does nothing but state its final answer."""

    start: int
    end: int
    head: str
    """The words before the answer."""
    core: Core
    tail: str = ""
    """The words after it."""


def peel(statement: str) -> Core:
    """Take full stops, emphasis, formula and box from around an answer."""
    layers: list[tuple[str, str]] = []
    inner = statement
    while len(layers) < 8 and (layer := _outermost(inner)) is not None:
        inner = inner[len(layer[0]) : len(inner) - len(layer[1])]
        layers.append((layer[0].replace("fboxed", "boxed"), layer[1]))
    return Core(inner, tuple(layers))


def _outermost(text: str) -> tuple[str, str] | None:
    if text.endswith((".", "。")) and len(text) > 1 and not ABBREVIATED.search(text[-8:]) and text[-2] not in ".。":
        return "", text[-1]
    for opening, closing in WRAPPERS:
        inner = text[len(opening) : len(text) - len(closing)]
        if text.startswith(opening) and text.endswith(closing) and inner.strip() and not inner.endswith("\\"):
            bare = inner.replace("\\$", "")
            if opening.strip("$") == "" and "$" in bare:
                continue
            if opening not in bare and closing not in bare:
                return _with_blanks(opening, inner, closing)
    if text.startswith("\\") and "boxed" in text[:7]:
        boxes = boxed_contents(text)
        if boxes and boxes[0][:2] == (0, len(text)) and boxes[0][2].strip() and text.endswith("}"):
            return _with_blanks(text[: text.index("{") + 1], boxes[0][2], "}")
    return None


def _with_blanks(opening: str, inner: str, closing: str) -> tuple[str, str]:
    """The blanks at both ends of what is enclosed belong to what encloses it."""
    left = inner[: len(inner) - len(inner.lstrip())]
    right = inner[len(inner.rstrip()) :]
    return opening + left, right + closing


def templates(run: tuple[Statement, ...], text: str) -> set[str]:
    """The forms that a run of statements has: as it stands, and without the word that leads in, full stop or formula.

    `So the answer is $5$.` is `So the answer is ${answer}$.`, but `The answer is {answer}` as well.
    """
    deepest = max(len(statement.core.layers) for statement in run)
    found = set()
    for depth in range(deepest + 1):
        for dots in (True, False):
            for leads in (True, False):
                parts = [_template(statement, depth, dots, leads) for statement in run]
                blanks = [text[a.end : b.start] for a, b in pairwise(run)]
                form = "".join(part + blank for part, blank in zip(parts, [*blanks, ""], strict=True))
                found.add(form.strip())
    return {form for form in found if len(form) <= LONGEST}


def _template(statement: Statement, depth: int, dots: bool, leads: bool) -> str:
    head, tail = statement.head, statement.tail
    if not leads and (lead := SO.match(head)):
        head = head[lead.end() :]
        head = head[:1].upper() + head[1:]
    layers = statement.core.layers[:depth]
    opening = "".join(layer[0] for layer in layers)
    closing = "".join(layer[1] for layer in reversed(layers) if dots or layer[1] not in (".", "。"))
    if not dots and tail in (".", "。", ".**"):
        tail = tail.strip(".。")
    return head + opening + ANSWER + closing + tail


def write(template: str, answer: str, math: str = "") -> str:
    """A final statement. In a formula, signs of money and per cent are escaped; LaTeX keeps the formula `math`."""
    answer = " ".join(answer.split()) if "\n" in answer else answer
    if in_math(template):
        if answer.replace("\\$", "").count("$") > 1:
            answer = re.sub(r"(?<!\\)\$", "", answer)
        answer = re.sub(r"(?<!\\)([$%])", r"\\\1", answer)
    elif math and LATEX.search(answer):
        opening, closing = INLINE_MATH[math]
        answer = opening + answer + closing
    return template.replace(ANSWER, answer)


def in_math(template: str) -> bool:
    """Whether the answer's place is inside a box or a formula."""
    before = template.partition(ANSWER)[0].replace("\\$", "")
    return (
        before.endswith("boxed{")
        or before.count("$$") % 2 == 1
        or before.replace("$$", "").count("$") % 2 == 1
        or any(before.rfind(opening) > before.rfind(closing) for opening, closing in (("\\(", "\\)"), ("\\[", "\\]")))
    )


def plain(answer: str) -> str:
    """An answer without what never carries meaning, for finding the same one twice."""
    if len(answer) > LONGEST:
        return answer
    return squeeze(answer).replace(",", "").replace("\\!", "").replace("\\", "").strip(" .。*") or answer


def same(a: str, b: str) -> bool:
    """Whether two answers are the same text or the same number, words around it aside."""
    if len(a) > LONGEST or len(b) > LONGEST:
        return a == b
    return plain(a) == plain(b) or (_value(a) is not None and _value(a) == _value(b))


def _value(answer: str) -> Fraction | None:
    number = read_number(answer)
    return number.value if number else None
