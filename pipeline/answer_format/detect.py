"""The format that a writer's answers have, read from the answers themselves."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from pipeline.answer_format.finals import find_final
from pipeline.answer_format.form import AnswerFormat, Detected, Gap, Layout
from pipeline.answer_format.layout import shape_of
from pipeline.answer_format.mismatch import body_of
from pipeline.answer_format.numbering import can_be_written
from pipeline.answer_format.restate import kind_of_gap
from pipeline.answer_format.statements import ANSWER, templates
from pipeline.answer_format.thinking import split_thinking

Value = TypeVar("Value")
NONE = "none"
TOLD = 5
"""Values of a trait that are told, the most frequent first."""
HAN = re.compile(r"[\u4e00-\u9fff]")
SENTENCE = re.compile(r"(?:answer is|答案[是为])[^\n]*boxed\{\{answer\}\}")
BOX = "\\boxed{{answer}} in a sentence"


@dataclass
class Seen:
    """What texts show; values with white space at their ends stand beside those without."""

    texts: int = 0
    thinking: Counter[tuple[str, str] | None] = field(default_factory=Counter)
    bare_thinking: Counter[tuple[str, str] | None] = field(default_factory=Counter)
    finals: Counter[str] = field(default_factory=Counter)
    forms: Counter[str] = field(default_factory=Counter)
    gaps: Counter[tuple[str, Gap]] = field(default_factory=Counter)
    lasts: Counter[str] = field(default_factory=Counter)
    layouts: Counter[tuple[str, str | None]] = field(default_factory=Counter)
    boxed: int = 0
    dollars: int = 0
    chinese: int = 0

    def read(self, text: str) -> None:
        """Count one text."""
        self.texts += 1
        parts = split_thinking(text)
        self.thinking[parts.tags] += 1
        self.bare_thinking[parts.bare_tags] += 1
        rest = parts.rest if parts.rest.strip() else parts.thought
        found = find_final(rest)
        names = templates(found.run, rest) | templates(found.run[-1:], rest) if found.run else set()
        self.finals.update(names)
        if found.boxed:
            self.boxed += 1
            self.dollars += "\\(" not in rest and "\\[" not in rest
        if found.answer is None:
            self.forms[NONE] += 1
        else:
            self.forms[max(names, key=len) if names else BOX if found.boxed else "within a sentence"] += 1
        if found.run:
            before = rest[: found.run[0].start]
            gap = kind_of_gap(before[len(before.rstrip()) :])
            after = rest[found.run[-1].end :].strip()
            for name in names:
                self.lasts[name] += not after
                if before.strip():
                    self.gaps[(name, gap)] += 1
        shape = shape_of(body_of(parts))
        self.layouts[(shape.layout or "one step", shape.numbering)] += 1
        self.chinese += HAN.search(rest) is not None


def detect(texts: Sequence[str], min_share: float = 0.6) -> Detected:
    """The format that at least `min_share` of the texts have; a trait on which they differ more is not enforced.

    How the final answer is stated and set off is told from the texts that state one, the layout from those with more
    than one step. Raises ValueError where there are no texts.
    """
    if not texts:
        raise ValueError("no texts to read a format from")
    seen = Seen()
    for text in texts:
        seen.read(text)
    tags, varies = _thinking(seen, min_share)
    final, inline, gap, last = _final(seen, min_share)
    layout, numbering = _layout(seen, min_share)
    found = AnswerFormat(
        thinking=tags,
        thinking_varies=varies,
        final=final,
        inline=inline,
        gap=gap,
        last=last,
        layout=layout,
        numbering=numbering,
    )
    return Detected(format=found, texts=seen.texts, shares=_shares(seen))


def _thinking(seen: Seen, min_share: float) -> tuple[tuple[str, str] | None, bool]:
    """(tags, whether they vary): with their white space where that is the same in enough texts."""
    for counted in (seen.thinking, seen.bare_thinking):
        tags, count = _most(counted)
        if count >= min_share * seen.texts:
            return tags, False
    return None, True


def _final(seen: Seen, min_share: float) -> tuple[str | None, bool, Gap | None, bool]:
    """(final statement, whether a box in any sentence is one, white space before it, whether the text ends there)."""
    stated = seen.texts - seen.forms[NONE]
    if seen.forms[NONE] >= min_share * seen.texts:
        return None, False, None, False
    own = [form for form, count in seen.finals.items() if count >= min_share * stated and _is_told(form)]
    if not own:
        return (_sentence(seen), True, None, False) if seen.boxed >= min_share * stated else (None, False, None, False)
    final = max(own, key=lambda form: (len(form), seen.finals[form], form))
    spaced: Counter[Gap] = Counter({gap: count for (form, gap), count in seen.gaps.items() if form == final})
    gap: Gap | None = None
    if spaced:
        kind, count = _most(spaced)
        gap = kind if count >= min_share * spaced.total() else None
    return final, False, gap, seen.lasts[final] >= min_share * seen.finals[final]


def _is_told(form: str) -> bool:
    """Whether a form is found again where it is written: one with half of a mark is not."""
    try:
        AnswerFormat(final=form)
    except ValueError:
        return False
    return True


def _sentence(seen: Seen) -> str:
    """The sentence around a box that texts have most often, or a plain one."""
    stated = Counter({form: count for form, count in seen.forms.items() if SENTENCE.search(form)})
    if stated:
        return _most(stated)[0]
    opening, closing = ("$", "$") if 2 * seen.dollars > seen.texts else ("\\(", "\\)")
    box = f"{opening}\\boxed{{{ANSWER}}}{closing}"
    return f"答案是{box}。" if 2 * seen.chinese > seen.texts else f"The answer is {box}."


def _layout(seen: Seen, min_share: float) -> tuple[Layout | None, str | None]:
    """(layout, numbering), told by the texts with more than one step, if there are some."""
    several = Counter({value: count for value, count in seen.layouts.items() if value[0] != "one step"})
    named: Counter[str] = Counter()
    for (name, _), count in several.items():
        named[name] += count
    if not several or 10 * several.total() < seen.texts:
        return None, None
    value, count = _most(several)
    if count >= min_share * several.total() and value[1] is not None:
        return ("numbered", value[1]) if can_be_written(value[1]) else (None, None)
    name, count = _most(named)
    layouts: dict[str, Layout] = {"lines": "lines", "paragraphs": "paragraphs", "sentences": "sentences"}
    return (layouts.get(name), None) if count >= min_share * several.total() else (None, None)


def _most(counted: Counter[Value]) -> tuple[Value, int]:
    """The most frequent value; of equals the first by name."""
    return max(sorted(counted.items(), key=lambda item: repr(item[0])), key=lambda item: item[1])


def _shares(seen: Seen) -> dict[str, dict[str, float]]:
    def told(counted: Iterable[tuple[str, int]]) -> dict[str, float]:
        ranked = sorted(counted, key=lambda item: (-item[1], item[0]))[:TOLD]
        return {value: round(count / seen.texts, 4) for value, count in ranked if count}

    thinking = [(f"{tags[0]}…{tags[1]}" if tags else NONE, n) for tags, n in seen.bare_thinking.items()]
    layouts = [(f"{name} {numbering!r}" if numbering else name, n) for (name, numbering), n in seen.layouts.items()]
    return {"thinking": told(thinking), "final": told(seen.forms.items()), "layout": told(layouts)}
