r"""Takes out of a text what may differ between right and wrong: its numbers, the answer, and where it is stated.

    She makes 9 * 2 = $18 a day.        She makes ▒ = $▒ a day.
    #### 18                             I have checked every step.
    I have checked every step.

Digits are masked, signs and units stay: `-3.5%` becomes `-▒%`. Arithmetic is one number: `9 * 2` becomes `▒`, since
which operation a step takes is what may be right or wrong. Numbers in words stay, as `three` and `half` do, and so do
single Han numerals, which are mostly parts of words (一共, 三角形); runs of them are numbers.

Of several statements of the final answer the last one goes, in the order in which checkers read them; the others keep
their words. What stands around it stays, on its own line as well, since that is where habits show.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache

from pipeline.answer_format.finals import CLAUSE, EDGE, HEADING, MARKS, PHRASES, STEP, TAG
from pipeline.answer_format.statements import SO
from pipeline.answers.claims import HEDGED
from pipeline.answers.extraction import boxed_contents
from pipeline.answers.notation import VULGAR
from pipeline.answers.numerals import HAN
from pipeline.shortcuts.tokens import NUMBER, sentences, tokenize

DIGITS = re.compile(
    r"(?:\d+(?:(?:,|\{,\}|\\,|,\\!|[\u00a0\u2009\u202f])\d{3}(?!\d))*(?:\.\d+)?|(?<![\w.])\.\d+)"
    rf"(?:[eE][-+]?\d{{1,3}}(?!\w))?[{''.join(VULGAR)}]?|[{''.join(VULGAR)}]"
)
HAN_NUMBER = re.compile(rf"(?P<whole>百|[{HAN}]+)分之[{HAN}]+|[{HAN}]{{2,}}(?:点[{HAN}]+)?|[{HAN}]点[{HAN}]+")
HAN_WORDS = frozenset({"万一", "千万", "一一", "一点一点"})
"""Runs of Han numerals that are no numbers."""
QUANTITY = re.compile(r"\W{0,6}\d[^A-Za-z\u4e00-\u9fff=()\\+]*(?:[A-Za-z\u4e00-\u9fff²³/. ]*)")
"""An answer whose words are a unit; masked as numbers are, so that the unit stays in right and wrong texts alike."""
WRAPPED = re.compile(r"\\(?:text|mathrm|textbf|mathbf)\{([^{}]*)\}")
PIECE = re.compile(r"\\[A-Za-z]+|\w+|[^\w\s]")
ARITHMETIC = re.compile(
    rf"{NUMBER}(?:[ \t]?(?:[-+*/×÷·∙−^]|[xX](?![A-Za-z])|\\times|\\cdot|\\div)[ \t]?[$€£¥]?{NUMBER})+"
)
CONTENT = re.compile(rf"[{NUMBER}\d=+×÷<>≤≥≈]|\\[A-Za-z]")
LONGEST = 200
"""Characters that are looked at before and behind a mark, and up to which an answer is found in another spacing."""
ANNOUNCES = re.compile(
    r"(?:\b(?:the|our|my) )?\b(?:final |correct )?answer(?: to [^.\n]{1,60})? is ?[:：]?$"
    r"|(?:最终|正确)?(?:的)?答案(?:是|为)?[:：]?$",
    re.IGNORECASE,
)
SUBJECT = re.compile(r"\b(?:the|our|my) $|(?:最终|正确)?的?$", re.IGNORECASE)
LEAD_STOP = re.compile(r"[.!?][\"'”’)*]{0,3}[ \t]|[。！？][”’）]{0,2}")
ANSWER_STOP = re.compile(
    rf"[.!?](?=[\s*_\"$)]|$)|[。！？；;]|(?<=[ \t])[(（](?=[ ]?(?:[A-Za-z]{{3}}|[\u4e00-\u9fff]{{2}}))|（"
    rf"|[\u2600-\u27bf\U0001f000-\U0001faff]|{CLAUSE.pattern}",
    re.IGNORECASE,
)
"""Where an answer ends and something else begins: a sentence, a remark, a reason, a picture."""
VALUE = re.compile(r"[^\w\n]{0,6}\d[\d.,:/]*[%°]?[$*_}\])]{0,3}|[*_]{0,2}[(（][A-Z][)）][*_]{0,2}")
"""A number or a choice."""
NEW_SENTENCE = re.compile(r"[ ](?=(?:I|[A-Z][a-z]+)\b)")
"""How a sentence begins that no stop sets apart."""
ANSWER_WORD = re.compile(r"(?<![\\A-Za-z])[A-Za-z]{2,}")
HAN_LETTER = re.compile(r"[\u3400-\u9fff]")
TAIL = re.compile(r"[*_$]{0,3}(?:。|\.(?=[\s*_]|$))?[*_]{0,3}")
SENTENCE_REST = re.compile(r"[^.!?。！？\n]*(?:[.!?。！？](?!\s|$)[^.!?。！？\n]*){0,8}[.!?。！？]?")
CLOSES = re.compile(r"(?:[ \t\n]{0,4}(?:\\\]|\\\)|\$\$?|\*\*|[.。](?=[\s$*\\]|$))){0,5}")


@dataclass(frozen=True, slots=True)
class Masked:
    """A text without what is allowed to differ: numbers, the gold answer, the final answer's line."""

    text: str
    """As it was."""
    masked: str
    tokens: tuple[str, ...]
    sentences: tuple[str, ...]
    """Of the masked text."""
    stated: int | None
    """Where in the masked text the final answer stood, or where the sentence ends that holds it; None without one."""
    arithmetic: str = ""
    """The masked text with its operators."""


def mask(text: str, answers: Iterable[str | None] = ()) -> Masked:
    """Mask a text. `answers` are masked as they are written where they are no numbers, and so is the one stated."""
    found = find_statement(text)
    hidden = literals((*answers, found.answer if found else None))
    masked, stated = _without(text, found, hidden) if found else (_blot(text, hidden), None)
    short = ARITHMETIC.sub(NUMBER, masked)
    if stated is not None and len(short) < len(masked):
        stated = len(ARITHMETIC.sub(NUMBER, masked[:stated]))
    return Masked(text, short, tuple(tokenize(short)), tuple(sentences(short)), stated, masked)


def _without(text: str, found: Statement, hidden: tuple[str, ...]) -> tuple[str, int]:
    before, after = _blot(text[: found.start], hidden), _blot(text[found.end :], hidden)
    if not found.gap:
        return _close(before, after)
    rest = SENTENCE_REST.match(after)
    return before + NUMBER + after, len(before) + len(NUMBER) + (rest.end() if rest else 0)


def literals(answers: Iterable[str | None]) -> tuple[str, ...]:
    """The answers that are masked as they are written, the longest first: formulas, names, choices; no quantities."""
    found = set()
    for answer in answers:
        plain = WRAPPED.sub(r"\1", (answer or "").strip().strip("$").strip()).strip(" .。*")
        quantity = len(plain) <= LONGEST and QUANTITY.fullmatch(plain)
        if not quantity and any(character.isalpha() for character in plain):
            found.add(plain)
    return tuple(sorted(found, key=lambda plain: (-len(plain), plain)))


def has_content(written: str) -> bool:
    """Whether words of a masked text hold a number, an answer or an equation, and so may be right or wrong."""
    return bool(CONTENT.search(written))


def _blot(text: str, hidden: tuple[str, ...]) -> str:
    if hidden:
        text = _pattern(hidden).sub(NUMBER, text)
    text = DIGITS.sub(NUMBER, text)
    return text if text.isascii() else HAN_NUMBER.sub(_blot_han, text)


def _blot_han(found: re.Match[str]) -> str:
    if found["whole"]:
        return f"{'百' if found['whole'] == '百' else NUMBER}分之{NUMBER}"
    return found[0] if found[0] in HAN_WORDS else NUMBER


@lru_cache(maxsize=4096)
def _pattern(hidden: tuple[str, ...]) -> re.Pattern[str]:
    """What finds answers in other spacing as well; a single letter only where it is marked as a choice."""
    ways: list[str] = []
    for plain in hidden:
        if len(plain) == 1:
            ways.append(
                rf"[(（\[][ ]?{plain}[ ]?[)）\]]|(?<=option ){plain}\b|(?<=choice ){plain}\b"
                rf"|(?<=\*\*){plain}(?=\*\*|[.)])|(?<=选){plain}|(?<=选项){plain}"
            )
            continue
        pieces = PIECE.findall(plain) if len(plain) <= LONGEST else []
        way = r"[ \t]{0,2}".join(map(re.escape, pieces)) if pieces else re.escape(plain)
        before = r"(?<![A-Za-z0-9\\])" if plain[0].isascii() and plain[0].isalnum() else ""
        after = r"(?![A-Za-z0-9])" if plain[-1].isascii() and plain[-1].isalnum() else ""
        ways.append(before + way + after)
    return re.compile("|".join(ways), re.IGNORECASE)


def _close(before: str, after: str) -> tuple[str, int]:
    """The text without a statement that leaves no gap, and where it stood."""
    left, right = before.rstrip(), after.lstrip()
    if not left or not right:
        blanks = after[: len(after) - len(right)] if left else ""
        return left + blanks + right, len(left)
    gaps = before[len(left) :], after[: len(after) - len(right)]
    lines = max(gap.count("\n") for gap in gaps)
    gap = "\n" * min(lines, 2) if lines else "" if left[-1] in "。！？" else " "
    return left + gap + right, len(left)


@dataclass(frozen=True, slots=True)
class Statement:
    """Where a text states its final answer, and what it says."""

    start: int
    end: int
    answer: str = ""
    gap: bool = False
    """Whether it is part of a sentence that says more, so that a mask takes its place."""


def find_statement(text: str) -> Statement | None:
    """The last statement of the surest kind: a mark or a box, else a sentence, else a heading above the last line."""
    found = [*_marked(text), *_boxed(text)]
    if "</answer>" in text:
        found += [Statement(*match.span(), match[1]) for match in TAG.finditer(text)]
    if not found:
        found = [*_phrased(text)] or [*_headed(text)]
    return max(found, key=lambda statement: statement.end, default=None)


def _marked(text: str) -> Iterator[Statement]:
    last = None
    for pattern in MARKS:
        for match in pattern.finditer(text):
            heads = match[0].startswith("####") and STEP.match(match[1][:LONGEST])
            if match[1].strip("*_ \t") and not heads and (last is None or match.start() > last.start()):
                last = match
    if last is not None:
        length = answer_length(text[last.start(1) : last.start(1) + LONGEST])
        end = _tail(text, last.start(1) + length) if length else last.start(1)
        yield Statement(last.start(), end, text[last.start(1) : last.start(1) + length])


def answer_length(rest: str) -> int:
    """How much of what stands behind a mark is the answer, its unit included; 0 where it is a sentence of its own."""
    line = rest.partition("\n")[0]
    value = VALUE.match(line)
    stop = ANSWER_STOP.search(line, value.end() if value else 0)
    if value and value[0].endswith("."):
        return value.end() - 1
    piece = line[: stop.start() if stop else len(line)]
    if value and (begun := NEW_SENTENCE.search(piece, value.end())):
        piece = piece[: begun.start()]
    words = len(ANSWER_WORD.findall(piece)) + (len(HAN_LETTER.findall(piece)) + 1) // 2
    if words <= 3 + (value is None) and (value or len(line) < LONGEST):
        return len(piece.rstrip())
    return value.end() if value else 0


def _tail(text: str, end: int) -> int:
    """The end of a statement with full stop and emphasis."""
    match = TAIL.match(text, end)
    return match.end() if match else end


def _boxed(text: str) -> Iterator[Statement]:
    """The last box, or the last ones where they are one answer together."""
    if "boxed" not in text:
        return
    boxes = boxed_contents(text)
    if not boxes:
        return
    start, end, answer = boxes[-1]
    for left, right, _ in reversed(boxes[:-1]):
        if start - right > 60 or "\n" in text[right:start]:
            break
        start = left
    edge = EDGE.search(text[max(0, start - 40) : start])
    outer = start - len(edge[0].lstrip()) if edge else start
    closes = CLOSES.match(text, end)
    beyond = closes.end() if closes else end
    before = text[max(0, outer - LONGEST) : outer]
    above = before.rstrip()
    alone = not above or "\n" in before[len(above) :] or "\n" in text[outer:start]
    sentence = above[above.rfind("\n") + 1 :]
    announced = ANNOUNCES.search(sentence) or (alone and HEADING.match(sentence))
    if announced:
        yield _placed(text, outer - len(before) + len(above) - len(sentence) + announced.start(), beyond, answer)
    elif alone:
        yield Statement(outer, beyond, answer)
    else:
        yield Statement(start, end, answer, gap=True)


def _phrased(text: str) -> Iterator[Statement]:
    """The last sentence that states an answer; one that is only thought of does not count."""
    last: re.Match[str] | None = None
    for pattern, word in zip(PHRASES, ("answer", "答案"), strict=True):
        for match in pattern.finditer(text) if word in text else ():
            hedged = HEDGED.search(text[max(0, match.start() - 40) : match.start() + 20])
            if not hedged and (last is None or match.start() > last.start()):
                last = match
    if last is None:
        return
    length = answer_length(text[last.start(1) : last.start(1) + LONGEST])
    if not length:
        yield Statement(last.end(), last.end())
        return
    end = last.start(1) + length
    subject = SUBJECT.search(text[max(0, last.start() - 8) : last.start()])
    start = last.start() - (len(subject[0]) if subject else 0)
    yield _placed(text, start, end, text[last.start(1) : end])


def _placed(text: str, start: int, end: int, answer: str) -> Statement:
    """The whole sentence where it says nothing else, a word that leads in aside; else the part that states."""
    before = text[max(0, start - LONGEST) : start]
    before = before[before.rfind("\n") + 1 :]
    stops = [match.end() for match in LEAD_STOP.finditer(before)]
    lead = before[stops[-1] :] if stops else before
    words = lead.strip(" \t*_>#-")
    if not words or SO.fullmatch(words) or SO.fullmatch(words + " "):
        return Statement(start - len(lead), _tail(text, end), answer)
    return Statement(start, end, answer, gap=True)


def _headed(text: str) -> Iterator[Statement]:
    """The last line under a heading that announces the answer."""
    if "nswer" not in text and "NSWER" not in text and "答案" not in text:
        return
    start, heads = 0, None
    found: Statement | None = None
    for line in text.splitlines(keepends=True):
        told = line.strip()
        length = answer_length(told[:LONGEST]) if told and heads is not None else 0
        if heads is not None and length:
            begin = start + line.index(told)
            found = Statement(heads, _tail(text, begin + length), told[:length])
        if told:
            heads = start if len(told) <= LONGEST and HEADING.match(told) else None
        start += len(line)
    if found:
        yield found
