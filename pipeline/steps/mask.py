"""A worked solution with its numbers blotted out: its way is shown, and where it leads is not."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

from pipeline.answer_format.finals import STEP, own_statements
from pipeline.answers.evaluation import NoValue, evaluate
from pipeline.answers.extraction import boxed_contents
from pipeline.answers.notation import VULGAR
from pipeline.answers.numerals import DOZENS, HAN, PARTS, SCALES, SMALL, TENS, read_numeral
from pipeline.answers.reading import Items, Meaning, Named, Quantity, read
from pipeline.answers.times import Clock, Date
from pipeline.answers.tree import Apply, Node, Unreadable
from pipeline.checkers.base import FINAL_MARKERS, PHRASE_MARKERS
from pipeline.steps.arithmetic import NOTE

NUMBER = r"(?:\d{1,3}(?:(?:,|\{,\}|\\,|,\\!|[ \u00a0\u2009])\d{3})+(?!\d)(?:\.\d+)?|\d+(?:\.\d+)?|(?<!\d)\.\d+)"
_WORD = "|".join(
    sorted((*SMALL, *TENS, *SCALES, *DOZENS, *PARTS, *(f"{part}s" for part in PARTS)), key=len, reverse=True)
)
TOKEN = re.compile(
    rf"""
    (?P<label>(?m:^)[ \t>*\#_-]{{0,8}}(?:step[ ]|第)?[(（]?\d{{1,2}}(?:[.)）:：、](?=\s)|步))
  | (?P<fraction>\\[dtc]?frac[ ]?(?:\{{[ ]?{NUMBER}[ ]?\}}[ ]?\{{[ ]?{NUMBER}[ ]?\}}|\d[ ]?\d))
  | (?P<name>\\[a-z]+|_(?:\{{[^{{}}\n]{{0,40}}\}}|\w+)
      |(?<![a-z\d.])(?<!\d[ ])(?!(?:usd|us|rs|rmb|eur|cny)\d)[a-z]+\d\w*)
  | (?=[\d.{"".join(VULGAR)}])(?:
      (?P<scaled>{NUMBER}[ ]?(?:(?:{"|".join((*SCALES, *DOZENS))})\b|[百千万亿]+))
    | (?P<mixed>\d+[ ]\d+[ ]?/[ ]?\d+)
    | (?P<quotient>{NUMBER}[ ]?/[ ]?{NUMBER})
    | (?P<ordinal>\d+(?:st|nd|rd|th)\b)
    | (?P<plain>{NUMBER}(?:[ ]?\\?%)?|[{"".join(VULGAR)}]))
  | (?P<spelled>\b(?:an?[ ])?(?:{_WORD})(?:[ -](?:and[ ])?(?:{_WORD}))*\b)
  | (?P<han>[{HAN}]+(?:又[{HAN}]+)?(?:分之[{HAN}]+|点[{HAN}]+)?|半)
    """,
    re.VERBOSE | re.IGNORECASE,
)
"""A number in any writing, or what has digits and is none: numbers of steps, commands, indices, names."""
IN_A_WORD = re.compile(r"一[共样些起定般直旦下]|[第统唯]一")
MARKERS = tuple(re.compile(pattern, re.MULTILINE) for pattern in FINAL_MARKERS)
PHRASES = tuple(re.compile(pattern, re.MULTILINE | re.IGNORECASE) for pattern in PHRASE_MARKERS)
LONGEST = 200
"""Characters of an answer up to which it is found in other writings than its own."""


def mask_numbers(rationale: str, *, question: str, answer: str, mark: str = "■") -> str:
    """The worked solution without its final answer and without the numbers that the question does not have.

    The gold answer goes in every writing, as a number in words as well; so do literal occurrences of an answer that is
    no number and has more than one character. Calculators' notes go, and numerals within words and commands stay.
    """
    text = NOTE.sub("", rationale)
    blotter = _Blotter(frozenset(_gold_values(answer)), frozenset(_values(question)), mark)
    pieces, position = [], 0
    for start, end in sorted({*_stated(text), *_literal(text, answer)}):
        if end > max(start, position):
            pieces += [blotter.blot(text[position : max(start, position)]), mark if start >= position else ""]
            position = end
    return "".join([*pieces, blotter.blot(text[position:])])


@dataclass(frozen=True)
class _Blotter:
    gold: frozenset[Fraction]
    asked: frozenset[Fraction]
    mark: str

    def blot(self, text: str) -> str:
        return TOKEN.sub(self._replace, text)

    def _replace(self, token: re.Match[str]) -> str:
        kind, told = token.lastgroup, token[0]
        if kind == "name":
            return told
        if kind in ("label", "ordinal"):
            return re.sub(r"\d+", lambda digits: self.mark if _value(digits[0]) in self.gold else digits[0], told)
        if kind in ("spelled", "han"):
            return self._numeral(token)
        value = _value(told)
        if value in self.gold and (kind in ("scaled", "mixed", "plain") or (value and value.denominator > 1)):
            return self.mark
        if value is not None and "%" in told and value / 100 in self.gold:
            return self.mark
        parts = [_value(part) for part in _parts(told).findall(told)]
        if kind in ("scaled", "mixed", "plain") and value in self.asked and not self.gold & set(parts):
            return told
        if kind == "plain":
            return self.mark
        return _parts(told).sub(lambda part: part[0] if _value(part[0]) in self.asked - self.gold else self.mark, told)

    def _numeral(self, token: re.Match[str]) -> str:
        """A number in words: only the gold answer goes."""
        told, text, (start, end) = token[0], token.string, token.span()
        value = read_numeral(told)
        if value is None:  # several numbers: one and two
            return re.sub(r"[A-Za-z]+", lambda word: self.mark if read_numeral(word[0]) in self.gold else word[0], told)
        if told == "一" and IN_A_WORD.search(text[max(0, start - 1) : end + 1]):
            return told
        return self.mark if value in self.gold else told


_PART = re.compile(rf"{NUMBER}|[{''.join(VULGAR)}]")
_DIGIT = re.compile(r"\d")
_SEPARATOR = re.compile(r"(?<=\d)(?:,\\!|\{,\}|\\,|[, \u00a0\u2009])(?=\d{3}(?!\d))")


def _value(told: str) -> Fraction | None:
    """The value of a token that has digits; None for one that is too long to be meant."""
    if len(told) > LONGEST:
        return None
    plain = _SEPARATOR.sub("", told).replace("\\", "").replace("%", "").strip().lower()
    plain = VULGAR.get(plain, plain)
    try:
        if plain.lstrip("dtc").startswith("frac"):
            top, bottom = re.findall(r"[\d.]+", plain) if "{" in plain else [c for c in plain if c.isdigit()]
            return Fraction(top) / Fraction(bottom)
        if "/" in plain:
            whole, _, rest = plain.rpartition(" ") if re.fullmatch(r"\d+ \d+/\d+", plain) else ("0", "", plain)
            top, bottom = rest.split("/")
            return Fraction(whole) + Fraction(top.strip()) / Fraction(bottom.strip())
        return Fraction(plain) if plain[-1].isdigit() else read_numeral(plain)
    except ZeroDivisionError:
        return None


def _parts(told: str) -> re.Pattern[str]:
    r"""What finds the numbers within a token; each digit is one in `\frac34`."""
    return _DIGIT if "frac" in told and "{" not in told else _PART


def _values(text: str) -> Iterator[Fraction]:
    """The values of all numbers of a text."""
    for token in TOKEN.finditer(text):
        if token.lastgroup in ("spelled", "han"):
            found = [read_numeral(token[0])]
        elif token.lastgroup == "name":
            continue
        else:
            found = [_value(token[0]), *(_value(part) for part in _parts(token[0]).findall(token[0]))]
        yield from (value for value in found if value is not None)


def _gold_values(answer: str) -> Iterator[Fraction]:
    """The numbers that a gold answer is or is made of; none for other answers."""
    try:
        meaning = read(answer)[0].meaning
    except Unreadable:
        return
    yield from _numbers_of(meaning, answer)


def _numbers_of(meaning: Meaning, answer: str) -> Iterator[Fraction]:
    if isinstance(meaning, Items):
        for item in meaning.items:
            yield from _numbers_of(item, "")
    elif isinstance(meaning, Named):
        yield from _numbers_of(meaning.value, "")
    elif isinstance(meaning, Clock | Date):
        yield from _values(answer)
    elif isinstance(meaning, Quantity) and (value := _constant(meaning.node)) is not None:
        yield value
        if isinstance(meaning.node, Apply) and meaning.node.name == "%":
            yield value * 100
        if meaning.unit and value not in (told := list(_values(answer))):
            yield from told  # 3 hours 20 minutes


def _constant(node: Node) -> Fraction | None:
    """The size of a rational number."""
    while isinstance(node, Apply) and node.name in ("neg", "deg"):
        node = node.args[0]
    try:
        value = evaluate(node)
    except NoValue:
        return None
    return abs(value) if isinstance(value, Fraction) else None


def _stated(text: str) -> Iterator[tuple[int, int]]:
    """Where final statements and boxes hold their answer."""
    boxes = boxed_contents(text)
    for pattern in (*MARKERS, *PHRASES):
        for match in pattern.finditer(text):
            if not (match[0].startswith("####") and STEP.match(match[1][:200])):
                yield match.span(1)
    for statement in own_statements(text, boxes):
        yield statement.start + len(statement.head), statement.end - len(statement.tail)
    for _, end, content in boxes:
        yield end - 1 - len(content), end - 1


def _literal(text: str, answer: str) -> Iterator[tuple[int, int]]:
    """Where an answer stands in its own writing, blanks and braces aside; numbers are found by their value."""
    plain = answer.strip().strip("$").strip()
    if len(plain) < 2 or re.fullmatch(NUMBER, plain):
        return
    if len(plain) > LONGEST:
        yield from (match.span() for match in re.finditer(re.escape(plain), text))
        return
    pieces = re.findall(r"\\[dtc]?frac(?![A-Za-z])|\\[A-Za-z]+|\S", plain)
    written = r"\s{0,2}".join(
        r"\\[dtc]?frac" if piece.endswith("frac") and len(piece) > 4 else rf"{re.escape(piece)}{'?' * (piece in '{}')}"
        for piece in pieces
    )
    before = r"(?<![A-Za-z0-9])" if plain[0].isascii() and plain[0].isalnum() else ""
    after = r"(?![A-Za-z0-9])" if plain[-1].isascii() and plain[-1].isalnum() else ""
    yield from (match.span() for match in re.finditer(before + written + after, text, re.IGNORECASE))
