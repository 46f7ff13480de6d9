r"""Sides of equations in running text: `She sold 48/2 = $24.`, `3 boxes \times 4 = 12`, with units in between.

An expression grows token by token and ends where a token does not fit; one pass, nothing is read twice.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from pipeline.steps.reach import changes_number, reaches_over
from pipeline.steps.tokens import FILLED, NAMES, OPERANDS, SIGNS, Token, tokenise

LONGEST = 100
"""Parts beyond which an expression is not read."""
FAR = 5
"""Words at most between a number and the operator after it."""
JOINING = frozenset("and in per for at of to from with a an each every".split())
"""Words that tie a number to the number before it."""
SPOKEN = {"times": "*", "plus": "+", "minus": "-", "over": "/", "divided": "/", "multiplied": "*"}


@dataclass
class Expression:
    """One side of an equation as it is written."""

    start: int
    alone: bool
    """Whether its line begins with it."""
    doubtful: bool
    """Whether it may be but a part of what is meant."""
    end: int = 0
    parts: list[str] = field(default_factory=list)
    """What `answers.syntax` reads, but for `%` behind a number."""
    complete: int = 0
    """So many parts are an expression by themselves."""
    needs: bool = True
    """Whether an operand is to come."""
    opened: list[int] = field(default_factory=list)
    operators: int = 0
    words: list[str] = field(default_factory=list)
    idle: int = 0
    """Words since the last number."""
    dash: int = 0
    """Index behind a first dash with a space before it, which may be no minus."""
    dotted: bool = False
    """Whether dots go on where its last number ends."""

    @property
    def text(self) -> str:
        """The parts as one text."""
        return "".join(self.parts[: self.complete])


@dataclass
class Chain:
    """Sides, and whether the sign before each but the first says `about`."""

    sides: list[Expression] = field(default_factory=list)
    about: list[bool] = field(default_factory=list)


def find_chains(text: str) -> list[Chain]:
    """Every run of two and more sides joined by `=` or `≈`, in order."""
    reader = _Reader(tokenise(text))
    reader.read()
    reader.end()
    return [chain for chain in reader.chains if len(chain.sides) > 1]


def read_whole(text: str) -> Expression | None:
    """The expression that a text is from its start to its end, None where it is anything else."""
    reader = _Reader(tokenise(text))
    reader.read()
    found = reader.grown
    if found is None or found.opened or found.doubtful or reader.chains or reader.chain.sides:
        return None
    return found if found.start == reader.tokens[0].start else None


class _Reader:
    """Walks over the tokens: `now` is the expression that grows, `chain` holds the sides before it."""

    def __init__(self, tokens: list[Token]) -> None:
        self.tokens, self.at = tokens, 0
        self.chains: list[Chain] = []
        self.chain = Chain()
        self.now: Expression | None = None
        self.pending = False
        """Whether something before the next number may reach over it."""
        self.linked = False
        """Whether a sign of equality stands right before."""
        self.before: list[str] = []
        """Words since the last number or stop."""

    def read(self) -> None:
        """Take every token."""
        while self.at < len(self.tokens):
            token = self.tokens[self.at]
            self.at += 1
            getattr(self, f"take_{token.kind}")(token)
            if self.now is not None and len(self.now.parts) > LONGEST:
                self.end(pending=True)

    @property
    def grown(self) -> Expression | None:
        """What grows, where an operator may follow it."""
        return None if self.now is None or self.now.needs else self.now

    def next(self, skip: int = 0) -> Token | None:
        return self.tokens[self.at + skip] if self.at + skip < len(self.tokens) else None

    def last(self) -> Token | None:
        return self.tokens[self.at - 2] if self.at > 1 else None

    def operand_follows(self, skip: int = 0) -> bool:
        token = self.next(skip)
        return token is not None and token.kind in OPERANDS

    # how expressions begin, grow and end

    def begin(self, token: Token) -> None:
        reached = not self.linked and reaches_over(self.before)
        self.now = Expression(token.start, alone=token.first, doubtful=self.pending or reached)
        self.pending, self.before = False, []

    def grow(self, part: str, token: Token, *, needs: bool) -> None:
        """Add a part; `needs` says whether an operand is to follow it."""
        now = self.now
        assert now is not None
        now.parts.append(part)
        now.needs, now.idle = needs, 0
        if not needs and not now.opened:
            now.complete, now.end = len(now.parts), token.end

    def operand(self, part: str, token: Token) -> None:
        if (now := self.grown) is not None:
            apart = self.is_label(now) or (now.operators == 0 and self.before and self.before[-1] not in JOINING)
            before = self.before
            self.end(doubtful=True, pending=not apart)
            self.before = before
        if self.now is None:
            self.begin(token)
        assert self.now is not None
        last = self.last()
        self.now.doubtful |= token.glued and last is not None and last.kind == "word"  # x3
        self.grow(part, token, needs=False)

    def operator(self, sign: str, token: Token, *, doubtful: bool = False) -> None:
        assert self.now is not None
        self.now.operators += 1
        self.now.doubtful |= doubtful
        self.grow(sign, token, needs=True)

    def is_label(self, now: Expression) -> bool:
        """Whether it is the `(1)` at the start of a line."""
        return now.alone and now.operators == 0 and len(now.parts) == 3 and now.parts[0] == "("

    def end(self, *, doubtful: bool = False, pending: bool = False) -> None:
        """No sign of equality follows what grows: it closes its chain, or is dropped where it has none."""
        if self.now is not None and self.chain.sides and self.now.complete:
            self.now.doubtful |= doubtful or self.now.needs
            self.chain.sides.append(self.now)
        if self.chain.sides:
            self.chains.append(self.chain)
        self.chain, self.now = Chain(), None
        self.linked, self.pending, self.before = False, pending, []

    def equate(self, *, about: bool) -> None:
        side = self.grown
        if side is not None and side.opened:
            self.enter(side)
        if side is None:
            self.end()
        elif not side.operators and not self.chain.sides and (side.words or not side.alone):
            self.now = None  # Area of 4 bedrooms = 121 * 4
        elif self.chain.sides and side.idle:
            self.end()  # = 169 so x = 13
        else:
            self.chain.sides.append(side)
            self.chain.about.append(about)
            self.now = None
        self.linked, self.pending, self.before = True, False, []

    def enter(self, side: Expression) -> None:
        """Keep what stands behind the last open bracket: `(3 + 4 = 7)`."""
        at = side.opened[-1] + 1
        side.doubtful |= at > 1
        side.parts, side.opened, side.dash = side.parts[at:], [], 0
        side.complete = len(side.parts)
        if self.chain.sides:
            self.chains.append(self.chain)
            self.chain = Chain()

    # what tokens do

    def take_number(self, token: Token) -> None:
        plain = re.sub(r"[^\d.eE+-]", "", token.text)
        now = self.grown
        if now is None or now.idle or not self.is_mixed(now, plain):
            self.operand(plain, token)
            assert self.now is not None
            self.now.doubtful |= len(plain) > 2 and plain.isdigit() and plain[0] == "0"  # 0730 hours

    def is_mixed(self, now: Expression, top: str) -> bool:
        """Whether this makes one number of `2 1/2`; it is read, then."""
        slash, bottom = self.next(), self.next(1)
        if slash is None or bottom is None or slash.text != "/" or not bottom.text.isdigit() or not top.isdigit():
            return False
        if not now.parts[-1].isdigit() or len(bottom.text) > 4 or len(top) > 4 or int(top) >= int(bottom.text):
            return False
        now.parts[-1] = f"({now.parts[-1]}+{top}/{bottom.text})"
        now.end, now.doubtful = bottom.end, True
        self.at += 2
        return True

    def take_fraction(self, token: Token) -> None:
        inside = re.findall(FILLED, token.text) or re.findall(r"\d", token.text)
        parts = [read_whole(part.removeprefix("{").removesuffix("}")) for part in inside]
        read = [part for part in parts if part is not None]
        if len(read) < len(parts):
            self.take_other(token)
            return
        quotient = "/".join(f"({part.text})" for part in read)
        if (now := self.grown) is not None and now.parts[-1].isdigit():
            quotient = f"{now.parts.pop()}+{quotient}"  # 2\frac{1}{2}: one number or a product
            now.needs = now.doubtful = True
        self.operand(f"({quotient})", token)
        assert self.now is not None
        self.now.operators += 1
        self.now.words += [word for part in read for word in part.words]

    def take_operator(self, token: Token) -> None:
        sign = SIGNS.get(token.text, token.text)
        now, after = self.grown, self.next()
        if token.text == "**" and (now is None or not self.operand_follows()):
            return  # bold
        glued = after is not None and after.glued
        if now is not None:
            if after is not None and after.kind in NAMES and (sign == "/" or (sign == "-" and token.glued and glued)):
                now.doubtful |= after.kind == "word" and len(after.text) == 1
                return  # a unit: 7 stickers/page, 6-ounce cups
            if sign == "-" and not token.glued and now.operators == 0:
                now.dash = len(now.parts) + 1
                now.doubtful |= glued and now.idle > 0  # the sum of the two is -3 + 5
            several = sign == "/" and "/" in now.parts[-2:]  # 6 / 1/30
            self.operator(sign, token, doubtful=several or (sign == "^" and now.idle > 0))  # 5 ft^2
            return
        last = self.last()
        signed = sign in "+-" and glued and self.operand_follows()
        if self.now is not None and signed:
            self.now.doubtful |= sign == "+"
            self.grow(sign, token, needs=True)
        elif signed and (self.linked or last is None or last.kind in ("stop", "row")):
            self.begin(token)
            self.grow(sign, token, needs=True)
        elif not token.first:
            self.end(doubtful=True, pending=True)

    def take_raised(self, token: Token) -> None:
        if (now := self.grown) is None or now.idle:
            self.take_other(token)
        else:
            self.operator("^", token)
            self.grow("23"["²³".index(token.text)], token, needs=False)

    def take_percent(self, token: Token) -> None:
        if (now := self.grown) is None or not now.parts[-1][-1].isdigit():
            self.take_other(token)
        else:
            now.parts[-1] += "%"
            now.end = token.end

    def take_about(self, token: Token) -> None:
        self.equate(about=True)

    def take_equals(self, token: Token) -> None:
        self.equate(about=False)

    def take_open(self, token: Token) -> None:
        after = self.next()
        named = after is not None and after.kind in NAMES
        if (now := self.grown) is not None and named:
            now.doubtful |= token.glued and after is not None and after.kind == "word"  # .1(Number of Minutes)
            self.skip_note()
            return
        if now is not None and token.glued:
            self.operator("*", token, doubtful="/" in now.parts)  # 1/2(3 + 4)
        elif now is not None:
            self.end(doubtful=True, pending=True)
        if self.now is None:
            self.begin(token)
        assert self.now is not None
        last = self.last()
        self.now.doubtful |= token.glued and last is not None and last.kind == "word"  # f(3)
        self.now.opened.append(len(self.now.parts))
        self.grow("{" if token.text == "{" else "(", token, needs=True)

    def skip_note(self) -> None:
        """Pass over a unit in brackets; anything longer ends what grows."""
        for skip in range(4):
            token = self.next(skip)
            if token is not None and token.kind == "close":
                self.at += skip + 1
                return
            if token is None or token.kind not in NAMES:
                break
        self.end(doubtful=True)

    def take_close(self, token: Token) -> None:
        if self.now is None:
            return
        if self.now.needs or not self.now.opened:
            self.end(doubtful=self.now.needs)
        else:
            opening = self.now.parts[self.now.opened.pop()]
            self.grow("}" if opening == "{" else ")", token, needs=False)

    def take_unit(self, token: Token) -> None:
        for word in re.findall(r"[^\W\d_]+|[\d°¢]", token.text[token.text.find("{") + 1 :]):
            if word.isdigit():
                self.take_other(token)
            else:
                self.name(word, glued=False)

    def take_han(self, token: Token) -> None:
        self.name(token.text, glued=token.glued)

    def take_word(self, token: Token) -> None:
        word, now = token.text.lower(), self.grown
        if now is None:
            self.name(token.text, glued=token.glued)
        elif word == "x" and self.operand_follows():
            self.operator("*", token)
        elif word in SPOKEN and self.operand_follows(skip := int(word.endswith("ed"))):
            self.at += skip  # divided by
            self.operator(SPOKEN[word], token, doubtful=True)
        elif word == "of" and self.operand_follows():
            part = "".join(now.parts[-3:])
            if now.idle == 0 and ("/" in part or part.endswith("%")):
                self.operator("*", token, doubtful=True)
            else:
                self.end(doubtful=True, pending=True)
        elif word == "percent":
            self.take_percent(token)
        elif word == "equals":
            self.equate(about=False)
        else:
            self.name(token.text, glued=token.glued)

    def name(self, word: str, *, glued: bool) -> None:
        """A word that is no operator: a unit behind a number, else something that ends what grows."""
        now = self.grown
        if now is None:
            pending = self.pending or (self.now is not None and not set(self.now.parts) <= {"(", "{"})
            before = self.before
            self.end(doubtful=True, pending=pending)
            self.before = [*before[-1:], word]
            return
        now.idle += 1
        now.words.append(word)
        self.before.append(word)
        now.doubtful |= now.idle <= 3 and changes_number(word, glued=glued)
        if now.idle > FAR:
            before = self.before
            self.end()
            self.before = before[-2:]

    def take_dots(self, token: Token) -> None:
        now = self.grown
        if now is not None and token.glued and not now.opened:
            now.dotted, now.end = True, token.end
        else:
            self.take_other(token)

    def take_row(self, token: Token) -> None:
        """A line's end ends what grows, unless the next line goes on with `=`."""
        skip = int((after := self.next()) is not None and after.kind == "row" and token.text != "\n")
        after = self.next(skip)
        if after is not None and after.kind in ("equals", "about"):
            self.at += skip
        else:
            self.end()

    def take_stop(self, token: Token) -> None:
        last, after = self.last(), self.next()
        amid = self.now is not None and self.now.needs
        if last is not None and after is not None and last.kind == after.kind == "number":
            amid = (token.glued and after.glued) or (token.text == "," and len(after.text) == 3)  # 3:45, 14, 400
        self.end(doubtful=amid, pending=amid)

    def take_other(self, token: Token) -> None:
        self.end(doubtful=True, pending=True)
