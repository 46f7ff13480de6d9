r"""Where a text states its final answer, and whether it says so twice or says two things.

The marks are those that checkers read, so that what is restated is what was graded: `####`, headed lines, `\boxed{…}`;
only without them sentences that state an answer.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from pipeline.answer_format.statements import HOPE, LONGEST, SO, Core, Statement, peel, plain, same
from pipeline.answers.claims import HEDGED, without_additions
from pipeline.answers.extraction import boxed_contents, last_boxes
from pipeline.checkers.base import FINAL_MARKERS, PHRASE_MARKERS

MARKS = tuple(re.compile(pattern, re.MULTILINE) for pattern in FINAL_MARKERS)
PHRASES = tuple(re.compile(pattern, re.MULTILINE) for pattern in PHRASE_MARKERS)
TAG = re.compile(r"<answer>[ \t\n]{0,8}([^<>\n]{1,200}?)[ \t\n]{0,8}</answer>")
HEADING = re.compile(
    r"^[ \t>*_#-]{0,20}(?:(?:the|my) )?(?:final )?(?:answer|最终答案|答案)[ \t*_]{0,8}[:：]?[ \t*_]{0,8}$",
    re.IGNORECASE,
)
"""A line that heads the answer below it."""
ANNOUNCED = re.compile(
    r"^(?:(?:the|our|my) )?(?:final |correct )?answer is ?[:：]?$|^(?:最终|正确)?答案(?:是|为)[:：]?$", re.I
)
"""A line that announces the answer below it, the word that leads in left out."""
SUBJECT = re.compile(r"(?:(?:the|our|my) )?$|(?:最终|正确)?的?$", re.IGNORECASE)
NESTED = re.compile(
    r"(?:(?:the|our|my) )?(?:final |correct )?answer is:?[ \t]{1,8}|(?:最终|正确)?答案(?:是|为)[:：]?", re.I
)
STEP = re.compile(
    r"[*_ ]{0,4}(?:step|part|case|solution|conclusion|method|final answer)\b|.*[:：][*_ ]{0,4}$", re.IGNORECASE
)
"""What follows `####` where that is a heading."""
CLAUSE = re.compile(
    r"\b(?:because|since|which|when|if|where|as|so|but|not)\b|[.!?] [A-Z]|因为|由于|所以|，|而", re.IGNORECASE
)
"""What a statement with more than an answer in it has."""
NO_ANSWER = re.compile(r"boxed|####|【|answer is|答案|Answer:")
"""Marks that show that what is marked is more than an answer."""
ENDS_OPEN = re.compile(r"(?:\b(?:is|are|be|equals?|to|of|get|gives?|by|at|have|has|and|or|=)|[=:：,，+*/(\-])$")
"""A line that the next one continues."""
SENTENCE_END = re.compile(r"[.!?][\"'”’)*]{0,3}\s|[。！？][”’）]{0,2}|\n")
EDGE = re.compile(r"(?:\\\[|\\\(|\$\$?|\*\*|\s)+$")
MARKUP = re.compile(r"\\\[|\\\(|\$\$?|\*\*")
"""What may open before a box that stands alone."""
CLOSINGS = {"\\[": "\\]", "\\(": "\\)", "$": "$", "$$": "$$", "**": "**"}
STOP = re.compile(r"[ \t\n]{0,8}[.。]?[ \t\n]{0,8}")


@dataclass(frozen=True)
class Found:
    """What a text states as its final answer."""

    answer: str | None = None
    """As it is written, without formula, box and full stop; None where the text states none, or two."""
    math: str = ""
    """What opens the formula in which it stands."""
    run: tuple[Statement, ...] = ()
    """Statements one after the other that say nothing else; empty where a sentence of the solution holds the answer."""
    boxed: bool = False
    """Whether a box in the text holds the answer."""
    stray: bool = False
    """Whether a box outside of the run holds it."""
    conflict: tuple[str, ...] = ()
    """Different answers that the text states, or one that cannot be stated another way."""


@lru_cache(maxsize=16)
def find_final(text: str) -> Found:
    """Read a text without its thoughts."""
    boxes = boxed_contents(text)
    own = own_statements(text, boxes)
    stated = [found for pattern in MARKS for found in _last_of(pattern, text, own)]
    if boxes:
        stated.append(_boxed(text, boxes, own))
    if not stated:
        stated = _phrased(text, own)
    stated += _last_of(TAG, text, own)
    later = [s for s in own if stated and s.start >= max(at for at, *_ in stated)]
    if later:
        stated.append((later[-1].end, later[-1].core.answer, later[-1].core.math, later[-1]))
    if not stated:
        return Found()
    answers = list(dict.fromkeys(answer for _, answer, *_ in stated))
    if any(not same(answers[0], other) for other in answers[1:]):
        return Found(conflict=tuple(answer[:80] for answer in answers))
    _, answer, math, _ = max(stated, key=lambda found: found[0])
    if not answer.strip():
        return Found()
    if len(answer) > LONGEST or NO_ANSWER.search(answer):
        return Found(conflict=(answer[:80],))
    last = max((found[3] for found in stated if found[3]), key=lambda s: s.end, default=None)
    run = _run(text, own, last) if last else ()
    inside = [b for b in boxes if run and run[0].start <= b[0] and b[1] <= run[-1].end]
    equal = [b for b in boxes if b not in inside and len(b[2]) <= LONGEST and plain(b[2]) == plain(answer)]
    outside = bool(boxes) and boxes[-1] not in inside
    return Found(answer, math, run, boxed=bool(boxes), stray=bool(run) and (outside or bool(equal)))


Stated = tuple[int, str, str, Statement | None]
"""Where it ends, what it says, in which formula, and the statement if it says nothing else."""


def _last_of(pattern: re.Pattern[str], text: str, own: list[Statement]) -> list[Stated]:
    """The last match of a mark, headings left out."""
    last = None
    for match in pattern.finditer(text):
        last = last if _is_heading(match) else match
    if last is None:
        return []
    statement = next((s for s in own if s.start <= last.start(1) <= s.end), None)
    core = statement.core if statement else peel(last[1].strip())
    return [(last.end(), core.answer, core.math, statement)]


def _boxed(text: str, boxes: list[tuple[int, int, str]], own: list[Statement]) -> Stated:
    """The last box, or the last ones where they are one answer together."""
    start, end, content = boxes[-1]
    for statement in own:
        if statement.start <= start and end <= statement.end:
            return end, statement.core.answer, statement.core.math, statement
    several = len(boxes) > 1 and start - boxes[-2][1] <= 60
    delimiter = "\\(" if "\\(" in text or "\\[" in text else "$" if "$" in text[:start] else ""
    return end, (last_boxes(text)[0] if several else content).strip(), delimiter, None


def _phrased(text: str, own: list[Statement]) -> list[Stated]:
    """The last sentence that states an answer."""
    last: re.Match[str] | None = None
    for pattern in PHRASES:
        for match in pattern.finditer(text):
            hedged = HEDGED.search(text[max(0, match.start() - 40) : match.start() + 20])
            if not hedged and (last is None or match.start() > last.start()):
                last = match
    if last is None:
        return [(s.end, s.core.answer, s.core.math, s) for s in own[-1:] if s.end == len(text.rstrip())]
    statement = next((s for s in own if s.start <= last.start(1) <= s.end), None)
    if statement:
        return [(last.end(), statement.core.answer, statement.core.math, statement)]
    core = peel(without_additions(last[1][:LONGEST].strip()))
    return [(last.end(), core.answer, core.math, None)] if core.answer and "\\[" not in core.answer else []


def own_statements(text: str, boxes: list[tuple[int, int, str]]) -> list[Statement]:
    """All statements that say nothing else, in order, none within another."""
    found = [s for pattern in MARKS for match in pattern.finditer(text) if (s := _from_mark(text, match))]
    found += [
        Statement(*match.span(), text[match.start() : match.start(1)], peel(match[1]), text[match.end(1) : match.end()])
        for match in TAG.finditer(text)
    ]
    found += [s for pattern in PHRASES for match in pattern.finditer(text) if (s := _from_phrase(text, match))]
    if boxes and (alone := _from_box(text, boxes[-1])):
        found.append(alone)
    elif headed := _from_heading(text):
        found.append(headed)
    kept: list[Statement] = []
    for statement in sorted(found, key=lambda s: (s.start, -s.end)):
        if not kept or statement.start >= kept[-1].end:
            kept.append(statement)
    return kept


def _is_heading(match: re.Match[str]) -> bool:
    """Whether a mark heads what follows: `#### Step 1`, or `**Answer:**` alone on its line."""
    return not match[1].strip("*_ \t") or (match[0].startswith("####") and bool(STEP.match(match[1][:200])))


def _from_mark(text: str, match: re.Match[str]) -> Statement | None:
    if _is_heading(match):
        return None
    stated = match[1].rstrip()
    if not stated or len(stated) > LONGEST:
        return None
    end = match.start(1) + len(stated)
    tail = ""
    if hope := HOPE.search(stated):
        stated, tail = stated[: hope.start()], hope[0]
    head = text[match.start() : match.start(1)]
    if nested := NESTED.match(stated):
        head, stated = head + nested[0], stated[nested.end() :]
    if stated.endswith("**") and head.count("**") % 2 and not stated.startswith("**"):
        stated, tail = stated[:-2], "**" + tail
    if tail.startswith("**") and stated.endswith("."):
        stated, tail = stated[:-1], "." + tail
    core = peel(stated)
    return Statement(match.start(), end, head, core, tail) if _is_all(core) else None


def _is_all(core: Core) -> bool:
    """Whether what is stated is an answer and nothing else."""
    answer = core.answer
    more = CLAUSE.search(answer) or NO_ANSWER.search(answer) or answer.startswith(("\\[", "$$"))
    return bool(answer.strip()) and not more


def _from_phrase(text: str, match: re.Match[str]) -> Statement | None:
    """The whole sentence around a phrase, where it says nothing else."""
    stated = match[1].rstrip()
    before = text[max(0, match.start() - 80) : match.start()]
    ends = [*SENTENCE_END.finditer(before)]
    if (not ends and len(before) == 80) or len(stated) > LONGEST:
        return None
    lead = before[ends[-1].end() :] if ends else before
    lead = lead.lstrip()
    words = lead.lstrip("*_>#- ")
    if so := SO.match(words):
        words = words[so.end() :]
    if not SUBJECT.fullmatch(words) or HEDGED.search(text[max(0, match.start() - 40) : match.start() + 20]):
        return None
    end, tail = match.start(1) + len(stated), ""
    for mark in (".", "。", "**", "."):
        if text.startswith(mark, end):
            tail, end = tail + mark, end + len(mark)
    if stated.endswith("**") and lead.count("**") % 2:
        stated, tail = stated[:-2], "**" + tail
    core = peel(stated)
    if not _is_all(core):
        return None
    start = match.start() - len(lead)
    return Statement(start, end, text[start : match.start(1)], core, tail)


def _from_box(text: str, box: tuple[int, int, str]) -> Statement | None:
    """A box on the last lines, with the line that heads or announces it; None where a sentence leads to it."""
    edge = EDGE.search(text[max(0, box[0] - 40) : box[0]])
    left = edge[0] if edge else ""
    cuts = [0, *(match.end() for match in re.finditer("\n", left))]
    span = next((found for cut in cuts if (found := _enclosed(text, box, left[cut:]))), None)
    if span is None or text[span[1] :].strip():
        return None
    start, end = span
    core = peel(text[start:end])
    if not core.boxed or len(core.answer) > LONGEST or not core.answer.strip():
        return None
    above = text[max(0, start - 200) : start].rstrip()
    line = above[above.rfind("\n") + 1 :]
    sentence = re.split(r"(?<=[.!?。]) ", line)[-1].strip()
    words = sentence.strip("*_ ")
    if so := SO.match(words):
        words = words[so.end() :]
    if ANNOUNCED.match(words) or HEADING.match(sentence):
        head_start = max(0, start - 200) + len(above) - len(sentence)
        return Statement(head_start, end, text[head_start:start], core)
    return None if line and ENDS_OPEN.search(line.rstrip("* ")) else Statement(start, end, "", core)


def _enclosed(text: str, box: tuple[int, int, str], left: str) -> tuple[int, int] | None:
    """Where a box with what opens before it begins and ends, if these are lines of their own."""
    start, end = box[0] - len(left), box[1]
    for opening in reversed(MARKUP.findall(left)):
        stop = STOP.match(text, end)
        at = stop.end() if stop else end
        if not text.startswith(CLOSINGS[opening], at):
            return None
        end = at + len(CLOSINGS[opening])
    end += text[end : end + 1] in (".", "。") and end < len(text)
    line_end = text.find("\n", end)
    alone = not text[end : line_end if line_end >= 0 else len(text)].strip()
    begun = start == 0 or "\n" in left or text[start - 1] == "\n"
    return (start + len(left) - len(left.lstrip()), end) if alone and begun else None


def _from_heading(text: str) -> Statement | None:
    """The last line of a text without marks, under a heading that announces the answer."""
    end = len(text.rstrip())
    above, _, line = text[max(0, end - 2 * LONGEST) : end].rpartition("\n")
    above = above.rstrip()
    heading = above[above.rfind("\n") + 1 :]
    if not heading or not HEADING.match(heading) or not line.strip() or len(line) > LONGEST:
        return None
    core = peel(line.strip())
    start = max(0, end - 2 * LONGEST) + len(above) - len(heading)
    at = end - len(line.lstrip())
    return Statement(start, end, text[start:at], core) if _is_all(core) else None


def _run(text: str, own: list[Statement], last: Statement) -> tuple[Statement, ...]:
    """The statements of one answer that stand one after the other, up to the last."""
    run = [last]
    for statement in reversed(own[: own.index(last)]):
        if text[statement.end : run[0].start].strip() or plain(statement.core.answer) != plain(last.core.answer):
            break
        run.insert(0, statement)
    return tuple(run)
