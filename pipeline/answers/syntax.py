r"""One notation ──▶ trees: a recursive-descent parser for the mathematics that final answers are made of.

It reads characters, not tokens, because LaTeX does: `\frac12` is one half, `2^10` is meant as a thousand. Where a
notation can be read in two ways (`1\frac12`, `1/2x`), `Style` says which, and `ambiguous` tells that it mattered.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from fractions import Fraction

MAX_DEPTH = 40
"""Nesting beyond which an answer is not read."""

CONSTANTS = frozenset({"pi", "e", "i", "infty"})
NUMBER_SETS = frozenset({"reals", "integers", "naturals", "rationals", "complexes", "emptyset"})
GREEK = frozenset(
    "alpha beta gamma delta varepsilon zeta eta theta kappa lambda mu nu xi rho sigma tau phi chi psi omega"
    " Gamma Delta Theta Lambda Sigma Phi Omega ell".split()
)
FUNCTIONS = frozenset(
    "sin cos tan cot sec csc arcsin arccos arctan arccot sinh cosh tanh log ln lg exp max min gcd lcm abs floor ceil det".split()
)
WORDY = FUNCTIONS | {
    "sqrt",
    "pi",
    "infty",
    "infinity",
    "binom",
    "mod",
    "frac",
    "cup",
    "cap",
    "and",
    "or",
    "union",
    "inf",
    "oo",
}
PRODUCTS = frozenset("abc bcd abd acd abcd xyz xyt pqr uvw rst mnp mnk mnr abx aby abn abk".split())
SHORT_WORDS = frozenset("by is of we at in on to so be an as if it the for are has get see no".split())
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
    r"\s*(?:(?:,|;|\bor\b|\band\b|或者?|和|与|及|且|并且|以及|\\wedge |\\vee |\\iff |\\row |‹\s*(?:,\s*)?(?:and|or|和|或|且|与)\s*(?:,\s*)?›)\s*)+"
)


class Unreadable(ValueError):
    """The text is no mathematics that this parser knows; the message says where it stopped."""


@dataclass(frozen=True)
class Number:
    """A literal; `places` are its decimal places, None for an integer."""

    value: Fraction
    places: int | None = None


@dataclass(frozen=True)
class Symbol:
    """A variable, a constant (`pi e i infty`) or a set of numbers (`reals`)."""

    name: str


@dataclass(frozen=True)
class Apply:
    """An operator or function with its arguments: `+ * / ^ neg pm sqrt sin log call sum …`."""

    name: str
    args: tuple[Node, ...]


@dataclass(frozen=True)
class Group:
    """Several items in brackets, or bare: `list` (bare), `set`, or the brackets themselves: `()`, `[)`, …"""

    kind: str
    items: tuple[Node, ...]
    joined: str = ","
    """How the items are joined: `,`, `or`, `and`."""


@dataclass(frozen=True)
class Matrix:
    """Rows of entries."""

    rows: tuple[tuple[Node, ...], ...]


@dataclass(frozen=True)
class Relation:
    """A chain `a < b <= c`: sides and the signs between them."""

    sides: tuple[Node, ...]
    signs: tuple[str, ...]


@dataclass(frozen=True)
class Word:
    """Words among the mathematics: a unit, a name, an answer in words."""

    text: str


Node = Number | Symbol | Apply | Group | Matrix | Relation | Word


@dataclass
class Style:
    """Which reading of an ambiguous notation is taken."""

    mixed: bool = True
    """`1\\frac12` is one and a half."""
    tight: bool = False
    """`1/2x` is 1/(2x)."""
    thousands: bool = True
    """`1,234` is one number."""
    decimal_comma: bool = False
    """`1,5` is one and a half."""
    ambiguous: set[str] = field(default_factory=set)
    """Names of the choices above that mattered in this text."""


def parse(text: str, style: Style | None = None) -> Node:
    """The tree of a text in the one notation. Raises Unreadable."""
    text += " "  # commands end in a space
    parser = _Parser(text, style or Style())
    node = parser.items()
    parser.skip()
    if parser.at < len(text):
        raise Unreadable(f"cannot read {text[parser.at : parser.at + 40]!r}")
    return node


class _Parser:
    def __init__(self, text: str, style: Style) -> None:
        self.text, self.at, self.style, self.depth = text, 0, style, 0
        self.bars = 0
        self.brackets = 0

    # ---- characters

    def skip(self) -> None:
        while self.at < len(self.text) and self.text[self.at].isspace():
            self.at += 1

    def sees(self, *options: str) -> str | None:
        """The first of the options that stands here."""
        self.skip()
        return next((option for option in options if self.text.startswith(option, self.at)), None)

    def takes(self, *options: str) -> str | None:
        seen = self.sees(*options)
        if seen is not None:
            self.at += len(seen)
        return seen

    def needs(self, *options: str) -> str:
        taken = self.takes(*options)
        if taken is None:
            raise Unreadable(f"expected {options[0]!r} at {self.text[self.at : self.at + 40]!r}")
        return taken

    def match(self, pattern: str) -> re.Match[str] | None:
        self.skip()
        found = re.compile(pattern).match(self.text, self.at)
        if found is not None:
            self.at = found.end()
        return found

    def peeks(self, pattern: str) -> re.Match[str] | None:
        self.skip()
        return re.compile(pattern).match(self.text, self.at)

    # ---- lists and relations

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
        if (
            signs
            and signs[-1] == r"\equiv"
            and (
                mod := self.match(
                    r"\(?\s*\\(?:pmod|bmod|mod|pod)\s*\{?\s*(\d+)\s*\}?\s*\)?|\(\s*mod\s*(\d+)\s*\)|mod\s*(\d+)"
                )
            )
        ):
            modulus = Number(Fraction(next(filter(None, mod.groups()))))
            return Apply("congruent", (sides[-1], modulus))
        if self.match(r"\(?\s*\\pmod\s*\{?\s*(?=\d)|\(\s*(?:\\bmod|\\mod|mod)\s+(?=\d)"):
            modulus = self.number()
            self.match(r"\s*[})]+")
            return Apply("congruent", (sides[-1], modulus))
        if signs == [r"\equiv"] and isinstance(sides[0], Apply) and sides[0].name == "call":
            signs = ["="]
        return Relation(tuple(sides), tuple(signs)) if signs else sides[0]

    def union(self) -> Node:
        left = self.sum()
        while sign := self.takes(r"\cup ", r"\cap ", r"\setminus ", "∪"):
            left = Apply({"∪": "cup"}.get(sign, sign.strip("\\ ")), (left, self.sum()))
        word = self.peeks(r"U(?=\s*[\[(])|union\b")
        if word and isinstance(left, Group) and left.kind in _INTERVALS:
            self.at = word.end()
            return Apply("cup", (left, self.union()))
        return left

    # ---- arithmetic

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
                r"\\(?:cup|cap|setminus|in|notin|equiv|cong|sim|subset|parallel|perp|pm|mp|row|wedge|vee|iff|to|rfloor|rceil|rangle"
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

    def degrees(self, node: Node) -> Node:
        """Degrees, with minutes and seconds of arc; a temperature keeps its letter."""
        if letter := self.match(r"[CF](?![A-Za-z])"):
            return Apply("*", (node, Word(f"°{letter[0]}")))
        arc = self.match(r"(\d+(?:\.\d+)?)\s*'(?:\s*(\d+(?:\.\d+)?)\s*(?:''|\"))?")
        if arc:
            extra = Fraction(arc[1]) / 60 + (Fraction(arc[2]) / 3600 if arc[2] else 0)
            node = Apply("+", (node, Number(extra)))
        return Apply("deg", (node,))

    def based(self, digits: Number) -> Node:
        found = self.match(
            r"_\s*\{?\s*\(?\s*(\d{1,2})\s*\)?\s*\}?|_\s*\{\s*‹\s*(two|three|four|five|six|seven|eight|nine|ten)\s*›\s*\}"
        )
        if not found or digits.value.denominator != 1:
            raise Unreadable("a subscript of a number that is no base")
        names = ["two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"]
        base = int(found[1]) if found[1] else names.index(found[2]) + 2
        return Apply("based", (digits, Number(Fraction(base))))

    # ---- operands

    def primary(self) -> Node:
        self.skip()
        if self.at >= len(self.text):
            raise Unreadable("the expression ends too early")
        here = self.text[self.at]
        if here.isdigit() or (here == "." and self.peeks(r"\.\d")):
            return self.number()
        if here in "([":
            return self.bracketed()
        if here == "{":
            self.needs("{")
            inner = self.items(("}",))
            self.needs("}")
            return inner
        if here == "|":
            return self.absolute()
        if here == "‹":
            if hexadecimal := self.match(_HEXADECIMAL):
                return _hexadecimal(hexadecimal)
            found = self.match(r"‹([^‹›]*)›")
            if found is None:
                raise Unreadable("a text that does not end")
            return Word(found[1].strip())
        if here == "\\":
            return self.command()
        if here.isalpha():
            return self.letters()
        raise Unreadable(f"cannot read {self.text[self.at : self.at + 40]!r}")

    def number(self) -> Node:
        inside = self.brackets > 0
        if hexadecimal := self.peeks(_HEXADECIMAL):
            self.at = hexadecimal.end()
            return _hexadecimal(hexadecimal)
        thousands = r"[1-9]\d{0,2}(?:,\d{3})+(?![\d,])(?:\.\d+)?"
        if self.peeks(thousands) and not inside:
            self.style.ambiguous.add("thousands")
            if self.style.thousands:
                return _number(self.match(thousands)[0].replace(",", ""))  # type: ignore[index]
        spaced = self.match(r"\d{1,3}(?: \d{3})+(?![\d ]|\s*/)(?:\.\d+)?")
        if spaced:
            return _number(spaced[0].replace(" ", ""))
        comma = r"(0),(\d+)(?![\d,.])|(\d+),(\d{1,2}|\d{4,})(?![\d,.])"
        if self.peeks(comma) and not inside:
            self.style.ambiguous.add("decimal_comma")
            if self.style.decimal_comma and (found := self.match(comma)):
                return _number(f"{found[1] or found[3]}.{found[2] or found[4]}")
        mixed = self.peeks(r"(\d+)\s+(\d+)\s*/\s*(\d+)(?![\d.])")
        if mixed and int(mixed[3]):
            self.at = mixed.end()
            return Number(int(mixed[1]) + Fraction(int(mixed[2]), int(mixed[3])))
        found = self.match(
            r"\d+\.\\overline \{?(\d+)\}?|(\d*\.\d*?)\\overline \s*\{?\s*(\d+)\s*\}?|(\d*\.?\d*?)\\dot \s*\{?(\d)\}?(?:(\d*?)\\dot \s*\{?(\d)\}?)?"
        )
        if found:
            return _repeating(found)
        scientific = self.match(r"(\d+(?:\.\d+)?)[eE]([+-]?\d{1,4})(?![\w.])")
        if scientific:
            return Number(Fraction(scientific[1]) * Fraction(10) ** int(scientific[2]))
        plain = self.match(r"\d+(?:\.\d+)?|\.\d+|\d+\.")
        assert plain is not None
        if plain[0].endswith("."):
            self.at -= 1
        return _number(plain[0].rstrip("."))

    def bracketed(self) -> Node:
        opening = self.needs("(", "[")
        bars, self.bars = self.bars, 0
        if self.takes(")", "]"):
            raise Unreadable("empty brackets")
        self.brackets += 1
        inner = self.items((")", "]"))
        closing = self.needs(")", "]")
        self.bars = bars
        self.brackets -= 1
        if isinstance(inner, Group) and inner.kind == "list":
            return Group(opening + closing, inner.items)
        if opening == "(" and closing == ")":
            return self.based(inner) if isinstance(inner, Number) and self.peeks(r"_\s*\{?\s*\(?\d") else inner
        if opening == "[" and closing == "]":
            return inner
        raise Unreadable(f"brackets {opening} {closing} around one thing")

    def absolute(self) -> Node:
        self.needs("|")
        self.bars += 1
        inner = self.sum()
        self.needs("|")
        self.bars -= 1
        return Apply("abs", (inner,))

    def argument(self) -> Node:
        r"""One argument of a command as LaTeX takes it: `{…}`, one digit or one letter."""
        self.skip()
        if self.takes("{"):
            inner = self.items(("}",))
            self.needs("}")
            return inner
        if digit := self.match(r"\d"):
            return Number(Fraction(digit[0]))
        if letter := self.match(r"[A-Za-z]"):
            return _symbol(letter[0])
        return self.primary()

    def command(self) -> Node:
        found = self.match(r"\\([A-Za-z]+|\{|\})\s*")
        if found is None:
            raise Unreadable(f"cannot read {self.text[self.at : self.at + 40]!r}")
        name = found[1]
        if name == "frac":
            return Apply("/", (self.argument(), self.argument()))
        if name == "binom":
            return Apply("binom", (self.argument(), self.argument()))
        if name == "sqrt":
            return self.root()
        if name == "{":
            return self.braces()
        if name == "begin":
            return self.environment()
        if name in ("lfloor", "lceil"):
            inner = self.items()
            self.needs(r"\rfloor", r"\rceil")
            return Apply("floor" if name == "lfloor" else "ceil", (inner,))
        if name == "langle":
            inner = self.items((r"\rangle",))
            self.needs(r"\rangle")
            return Group("()", inner.items) if isinstance(inner, Group) else inner
        if name in ("sum", "prod"):
            return self.series(name)
        if name in FUNCTIONS:
            return self.function(name)
        if name in CONSTANTS or name in NUMBER_SETS:
            suffix = self.match(r"\^?\s*\{?\s*([+*-])\s*\}?(?![\w(\\])") if name in NUMBER_SETS else None
            return Symbol(name + suffix[1] if suffix else name)
        if name in GREEK:
            return self.subscripted(name)
        if name in ("angle", "triangle", "vec", "hat", "overline", "widehat", "odot"):
            braced = self.match(r"\{?\s*([A-Za-z]{1,4})\s*\}?")
            if braced:
                return Symbol(f"{name} {braced[1]}")
        if name == "dollar":
            return Apply("*", (Word("$"), self.power()))
        if name == "mathbf":
            return self.primary()
        raise Unreadable(f"the command \\{name}")

    def root(self) -> Node:
        degree: Node = Number(Fraction(2))
        if self.takes("["):
            degree = self.items(("]",))
            self.needs("]")
        if self.sees("(", "{"):
            return Apply("sqrt", (self.argument(), degree))
        number = self.peeks(r"\d+(?:\.\d+)?")
        return Apply("sqrt", (self.number() if number else self.argument(), degree))

    def braces(self) -> Node:
        r"""`\{1, 2\}`, also `\{x | x > 2\}`."""
        if self.takes(r"\}"):
            return Symbol("emptyset")
        builder = self.match(r"[A-Za-z]\s*(?:\\in \s*\\(?:reals|(?P<whole>integers))\s*)?(?:\||:)\s*")
        bars, self.bars = self.bars, 0
        brackets, self.brackets = self.brackets, self.brackets + 1
        inner = self.items((r"\}",))
        self.needs(r"\}")
        self.bars, self.brackets = bars, brackets
        if builder:
            return Apply("whole", (inner,)) if builder["whole"] else inner
        items = inner.items if isinstance(inner, Group) and inner.kind == "list" else (inner,)
        return Group("set", items)

    def environment(self) -> Node:
        found = self.match(r"\{([a-z]*)(?:matrix|array|cases)\*?\}\s*(?:\{[clr| ]*\})?\s*")
        if found is None:
            raise Unreadable("an environment that is no matrix")
        rows: list[tuple[Node, ...]] = []
        row: list[Node] = []
        while True:
            self.skip()
            if end := self.match(r"\\end\s*\{[a-z]*\*?\}"):
                if row:
                    rows.append(tuple(row))
                break
            if self.takes(r"\row"):
                if row:
                    rows.append(tuple(row))
                row = []
            elif not self.takes("&"):
                row.append(self.relation())
                self.takes(",", ";")
        del end
        if not rows or len({len(row) for row in rows}) > 1:
            raise Unreadable("a matrix with rows of different lengths")
        if found[0].startswith("{case"):
            return Group("list", tuple(item for row in rows for item in row), "and")
        matrix = Matrix(tuple(rows))
        return Apply("det", (matrix,)) if found[1] == "v" else matrix

    def series(self, name: str) -> Node:
        self.needs("_")
        self.needs("{")
        index = self.match(r"([A-Za-z])\s*=\s*")
        if index is None:
            raise Unreadable("a sum without an index")
        low = self.sum()
        self.needs("}")
        self.needs("^")
        high = self.script()
        return Apply(name, (Symbol(index[1]), low, high, self.product()))

    def function(self, name: str) -> Node:
        exponent: Node | None = None
        base: Node | None = None
        for _ in range(2):
            if self.takes("^"):
                exponent = self.script()
            elif name == "log" and self.takes("_"):
                base = self.argument_number()
        if self.sees("(", "{", r"\{"):
            argument = self.primary()
        elif name in ("max", "min", "gcd", "lcm"):
            argument = self.argument()
        else:
            argument = self.signed_factor()
            while self.operand_follows() and not self.peeks(r"\\?(?:" + "|".join(FUNCTIONS) + r")\b|\("):
                argument = Apply("*", (argument, self.power()))
        args = argument.items if isinstance(argument, Group) and name in ("max", "min", "gcd", "lcm") else (argument,)
        inverse = isinstance(exponent, Apply) and exponent == Apply("neg", (Number(Fraction(1)),))
        if inverse and name in ("sin", "cos", "tan", "cot"):
            return Apply("arc" + name, args)
        node: Node = Apply(name, args if base is None else (*args, base))
        return node if exponent is None else Apply("^", (node, exponent))

    def signed_factor(self) -> Node:
        return Apply("neg", (self.power(),)) if self.takes("-") else self.power()

    def argument_number(self) -> Node:
        if self.sees("{"):
            return self.argument()
        return self.number() if self.peeks(r"\d") else self.argument()

    def letters(self) -> Node:
        """Variables, functions written plainly, or a word."""
        found = self.peeks(r"[^\W\d_]+")
        assert found is not None
        run = found[0]
        if run in FUNCTIONS:
            self.at = found.end()
            return self.function(run)
        if run in ("sqrt", "pi", "infty", "infinity", "inf", "oo"):
            self.at = found.end()
            return self.root() if run == "sqrt" else Symbol("pi" if run == "pi" else "infty")
        if choice := self.match(
            r"([CA])\s*_\s*(?:\{\s*(\w+)\s*\}|(\w))\s*\^\s*(?:\{\s*(\w+)\s*\}|(\w))|(C)\s*(?=\(\s*\d+\s*,\s*\d+\s*\))"
        ):
            return self.choice(choice)
        if hexadecimal := self.match(_HEXADECIMAL):
            return _hexadecimal(hexadecimal)
        if run.lower() in SHORT_WORDS and self.peeks(run + r"(?:\s+[A-Za-z\\]|\s*,)"):
            self.at = found.end()
            return Word(run)
        if not run.isascii() or (len(run) >= 3 and not _is_product(run)):
            self.at = found.end()
            return Word(run)
        self.at += 1
        return self.subscripted(run[0])

    def choice(self, found: re.Match[str]) -> Node:
        """`C_{10}^{3}` combinations, `A_{10}^{3}` arrangements, `C(10, 3)`."""
        if found[6]:
            pair = self.bracketed()
            assert isinstance(pair, Group)
            return Apply("binom", pair.items)
        above, below = (parse(part) for part in (found[2] or found[3], found[4] or found[5]))
        chosen = Apply("binom", (above, below))
        return chosen if found[1] == "C" else Apply("*", (chosen, Apply("!", (below,))))

    def subscripted(self, name: str) -> Node:
        """A symbol with its subscript and primes; `f(…)` as a call where `f` is a function's letter."""
        index: Node | None = None
        if self.peeks(r"_"):
            if found := self.match(r"_\s*(?:\{\s*([\w\s,\\‹›'+-]*?)\s*\}|(\w))"):
                inside = (found[1] if found[1] is not None else found[2]).strip("‹› ")
                if re.fullmatch(r"[A-Za-z]\s*[+-]\s*\w+|[nmkij]", inside):
                    index = parse(inside)
                else:
                    name = f"{name}_{' '.join(inside.split())}"
            elif self.takes("_"):
                index = self.argument()
        if primes := self.match(r"'+"):
            name += primes[0]
        if index is not None:
            return Apply("call", (Symbol(name), index))
        called = (
            r"\(" if name[0] in "fgFGPQWVRS" and name[1:].strip("_'0123456789") == "" else r"\((?=\s*[a-z]\s*\)\s*=)"
        )
        if name in ("zeta", "Gamma", "phi"):
            called = r"\("
        if name not in CONSTANTS and self.peeks(called):
            inner = self.bracketed()
            args = inner.items if isinstance(inner, Group) and inner.kind == "()" else (inner,)
            return Apply("call", (Symbol(name), *args))
        return _symbol(name)


_HEXADECIMAL = r"‹?\s*([0-9A-F]*[A-F][0-9A-F]*)\s*›?\s*_\s*\{?\s*\(?(16)\)?\s*\}?"
_INTERVALS = frozenset({"()", "[]", "(]", "[)"})


def _number(text: str) -> Number:
    return Number(Fraction(text), len(text.split(".")[1]) if "." in text else None)


def _hexadecimal(found: re.Match[str]) -> Node:
    """Digits with letters and their base."""
    try:
        value = int(found[1], int(found[2]))
    except ValueError as error:
        raise Unreadable(str(error)) from error
    return Apply("in base", (Number(Fraction(value)), Number(Fraction(int(found[2])))))


def _symbol(name: str) -> Symbol:
    return Symbol(name)


def _is_product(run: str) -> bool:
    """Whether letters in a row are variables side by side (`abc`), not a word."""
    return run in PRODUCTS or (len(run) <= 4 and (run.isupper() or not re.search(r"[aeiouy]", run.lower())))


def _repeating(found: re.Match[str]) -> Number:
    r"""`0.1\overline{6}`, `0.1\dot{6}`, `0.\dot{1}4\dot{2}`."""
    text = found[0]
    digits = re.sub(r"[^\d.]", "", text)
    if "overline" in text:
        period = re.findall(r"\d+", text.split("\\overline")[1])[0]
    else:
        period = re.sub(r"\D", "", text[text.index("\\dot") :])
    whole, _, rest = digits.partition(".")
    head = rest[: len(rest) - len(period)]
    value = Fraction(
        int((whole or "0") + head + period) - int((whole or "0") + head or "0"),
        10 ** len(head) * (10 ** len(period) - 1),
    )
    return Number(value)
