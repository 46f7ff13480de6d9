r"""One notation ──▶ trees: a recursive-descent parser for the mathematics that final answers are made of.

It reads characters, not tokens, because LaTeX does: `\frac12` is one half, `2^10` is meant as a thousand. Where a
notation can be read in two ways (`1\frac12`, `1/2x`), `Style` says which, and `ambiguous` tells that it mattered.
"""

from __future__ import annotations

import re
from fractions import Fraction

from pipeline.answers.operands import Operands
from pipeline.answers.tree import Apply, Group, Node, Number, Relation, Style, Unreadable

MAX_DEPTH = 40
"""Nesting beyond which an answer is not read."""
RELATIONS = (
    "<=",
    ">=",
    "!=",
    "~=",
    "==",
    "=",
    "<",
    ">",
    r"\in ",
    r"\notin ",
    r"\equiv ",
    r"\cong ",
    r"\sim ",
    r"\subset ",
    r"\parallel ",
    r"\perp ",
)
CONNECTIVES = re.compile(
    r"\s*(?:(?:,|;|\bor\b|\band\b|或者?|和|与|及|且|并且|以及|\\wedge |\\vee |\\iff |\\row "
    r"|‹\s*(?:,\s*)?(?:and|or|和|或|且"
    r"|与)\s*(?:,\s*)?›)\s*)+"
)
MODULUS = r"\(?\s*\\(?:pmod|bmod|mod|pod)\s*\{?\s*(\d+)\s*\}?\s*\)?|\(\s*mod\s*(\d+)\s*\)|mod\s*(\d+)"
_INTERVALS = frozenset({"()", "[]", "(]", "[)"})


def parse(text: str, style: Style | None = None) -> Node:
    """The tree of a text in the one notation. Raises Unreadable."""
    text += " "  # commands end in a space
    parser = _Parser(text, style or Style())
    node = parser.items()
    parser.skip()
    if parser.at < len(text):
        raise Unreadable(f"cannot read {text[parser.at : parser.at + 40]!r}")
    return node


class _Parser(Operands):
    """How operators bind, from lists down to powers."""

    def items(self, close: tuple[str, ...] = ()) -> Node:
        """Relations joined by commas and the like; one alone is itself."""
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise Unreadable(f"nested more than {MAX_DEPTH} deep")
        found = [self.relation()]
        joined = ","
        while True:
            self.skip()
            if close and self.sees(*close):
                break
            start = self.at
            connective = CONNECTIVES.match(self.text, self.at)
            if connective is None:
                break
            self.at = connective.end()
            self.skip()
            if self.at >= len(self.text) or (close and self.sees(*close)):
                break  # a trailing comma
            if re.search(r"or|或|vee", connective[0]):
                joined = "or"
            elif joined == "," and re.search(r"and|和|且|与|及|wedge", connective[0]):
                joined = "and"
            if self.at == start:
                break
            found.append(self.relation())
        self.depth -= 1
        return found[0] if len(found) == 1 else Group("list", tuple(found), joined)

    def relation(self) -> Node:
        sides = [self.union()]
        signs: list[str] = []
        while sign := self.takes(*RELATIONS):
            signs.append({"==": "="}.get(sign.strip(), sign.strip()))
            sides.append(self.union())
        if (modulus := self.modulus(bool(signs))) is not None:
            return Apply("congruent", (sides[-1], modulus))
        if signs == [r"\equiv"] and isinstance(sides[0], Apply) and sides[0].name == "call":
            signs = ["="]
        return Relation(tuple(sides), tuple(signs)) if signs else sides[0]

    def modulus(self, after_sign: bool) -> Node | None:
        """`(mod 7)` after a relation, in all its spellings."""
        if after_sign and (found := self.match(MODULUS)):
            return Number(Fraction(next(filter(None, found.groups()))))
        if not self.match(r"\(?\s*\\pmod\s*\{?\s*(?=\d)|\(\s*(?:\\bmod|\\mod|mod)\s+(?=\d)"):
            return None
        number = self.number()
        self.match(r"\s*[})]+")
        return number

    def union(self) -> Node:
        left = self.sum()
        while sign := self.takes(r"\cup ", r"\cap ", r"\setminus ", "∪"):
            left = Apply({"∪": "cup"}.get(sign, sign.strip("\\ ")), (left, self.sum()))
        word = self.peeks(r"U(?=\s*[\[(])|union\b")
        if word and isinstance(left, Group) and left.kind in _INTERVALS:
            self.at = word.end()
            return Apply("cup", (left, self.union()))
        return left

    def sum(self) -> Node:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise Unreadable(f"nested more than {MAX_DEPTH} deep")
        terms = [self.product()]
        while sign := self.takes("+-", "+", "-", r"\pm ", r"\mp "):
            term = self.product()
            if sign in ("-", "+-"):
                term = Apply("neg", (term,))
            elif sign != "+":
                term = Apply(sign.strip("\\ "), (term,))
            terms.append(term)
        total: Node = terms[0] if len(terms) == 1 else Apply("+", tuple(terms))
        if self.sees(":") and not self.peeks(r":\s*=") and not self.peeks(r":\s*$"):
            parts = [total]
            while self.takes(":"):
                parts.append(self.sum())
            flat = [
                part
                for node in parts
                for part in (node.args if isinstance(node, Apply) and node.name == ":" else (node,))
            ]
            total = Apply(":", tuple(flat))
        self.depth -= 1
        return total

    def product(self) -> Node:
        left = self.signed()
        slashed = False
        while True:
            if self.takes("*"):
                left = Apply("*", (left, self.signed()))
                slashed = False
            elif self.sees("/") and not self.sees("//"):
                self.needs("/")
                left, slashed = self.quotient(left), True
            elif self.match(r"\\(?:bmod|mod) |%(?=\s*\d)"):
                left = Apply("mod", (left, self.signed()))
            elif self.operand_follows():
                if slashed:
                    self.style.ambiguous.add("tight")
                right = self.power()
                left = self.juxtapose(left, right)
            else:
                return left

    def quotient(self, top: Node) -> Node:
        bottom = self.signed()
        while self.style.tight and self.operand_follows():
            bottom = Apply("*", (bottom, self.power()))
        return Apply("/", (top, bottom))

    def juxtapose(self, left: Node, right: Node) -> Node:
        whole = left.args[0] if isinstance(left, Apply) and left.name == "neg" else left
        mark = right.name if isinstance(right, Apply) and right.name in ("%", "deg") else ""
        part = right.args[0] if mark and isinstance(right, Apply) else right
        quotient = part.args if isinstance(part, Apply) and part.name == "/" else ()
        if (
            isinstance(whole, Number)
            and whole.places is None
            and all(isinstance(n, Number) for n in quotient)
            and quotient
        ):
            proper = quotient[0].value < quotient[1].value  # type: ignore[union-attr]
            if not proper:
                self.style.ambiguous.add("mixed")
            if proper or self.style.mixed:
                total = Apply("+", (whole, part))
                total = Apply("neg", (total,)) if whole is not left else total
                return Apply(mark, (total,)) if mark else total
        return Apply("*", (left, right))

    def signed(self) -> Node:
        if sign := self.takes("-", "+", r"\pm ", r"\mp "):
            inner = self.signed()
            if sign == "+":
                return inner
            return Apply("neg" if sign == "-" else sign.strip("\\ "), (inner,))
        return self.power()

    def operand_follows(self) -> bool:
        """Whether what comes next multiplies what stood before."""
        self.skip()
        if self.at >= len(self.text):
            return False
        here = self.text[self.at]
        if here in "({[‹" or (here == "|" and not self.bars):
            return not (
                here == "[" or CONNECTIVES.match(self.text, self.at) or self.peeks(r"\(\s*(?:mod|\\pmod|\\bmod|\\mod)")
            )
        if here == "\\":
            return not self.peeks(
                r"\\(?:cup|cap|setminus|in|notin|equiv|cong|sim|subset|parallel|perp|pm|mp|row|wedge|vee|iff|to"
                r"|rfloor|rceil|rangle"
                r"|\}|pmod|bmod|mod|end|ldots)(?![A-Za-z])"
            )
        if here.isdigit() or here == ".":
            return bool(re.match(r"\.?\d", self.text[self.at :]))
        if CONNECTIVES.match(self.text, self.at):
            return False
        return here.isalpha() and not self.peeks(r"U\s*[\[(]|mod\b")

    def power(self) -> Node:
        base = self.postfix(self.primary())
        if self.takes("^"):
            if self.peeks(r"\{?\s*'"):
                raise Unreadable("a prime")
            exponent = self.script()
            return self.postfix(Apply("^", (base, exponent)))
        return base

    def script(self) -> Node:
        """What stands after `^`: a group, a signed number or one symbol."""
        if self.takes("{"):
            inner = self.items(("}",))
            self.needs("}")
            return inner
        if self.takes("-"):
            return Apply("neg", (self.script(),))
        if self.takes("+"):
            return self.script()
        return self.postfix(self.primary())

    def postfix(self, node: Node) -> Node:
        while True:
            if self.sees("!") and not self.sees("!="):
                self.needs("!")
                node = Apply("!!", (node,)) if self.takes("!") else Apply("!", (node,))
            elif self.sees("%", r"\% ") and not self.peeks(r"%\s*\d"):
                self.needs("%", r"\% ")
                node = Apply("%", (node,))
            elif self.takes(r"\deg "):
                node = self.degrees(node)
            elif isinstance(node, Number) and self.sees("_"):
                node = self.based(node)
            else:
                return node
