"""Operands: brackets, commands, roots, matrices, sums, functions, symbols and words."""

from __future__ import annotations

import re
from abc import abstractmethod
from fractions import Fraction

from pipeline.answers.literals import HEXADECIMAL, Literals, read_hexadecimal
from pipeline.answers.tree import Apply, Group, Matrix, Node, Number, Style, Symbol, Unreadable, Word

CONSTANTS = frozenset({"pi", "e", "i", "infty"})

NUMBER_SETS = frozenset({"reals", "integers", "naturals", "rationals", "complexes", "emptyset"})

GREEK = frozenset(
    "alpha beta gamma delta varepsilon zeta eta theta kappa lambda mu nu xi rho sigma tau phi chi psi omega"
    " Gamma Delta Theta Lambda Sigma Phi Omega ell".split()
)

FUNCTIONS = frozenset(
    "sin cos tan cot sec csc arcsin arccos arctan arccot sinh cosh tanh log ln lg exp max min gcd lcm abs floor"
    " ceil det".split()
)

PRODUCTS = frozenset("abc bcd abd acd abcd xyz xyt pqr uvw rst mnp mnk mnr abx aby abn abk".split())

SHORT_WORDS = frozenset("by is of we at in on to so be an as if it the for are has get see no".split())


class Operands(Literals):
    """Reads what operators stand between; how they bind is for the parser."""

    @abstractmethod
    def items(self, close: tuple[str, ...] = ()) -> Node:
        """Relations joined by commas and the like."""

    @abstractmethod
    def relation(self) -> Node:
        """One relation."""

    @abstractmethod
    def sum(self) -> Node:
        """Terms."""

    @abstractmethod
    def product(self) -> Node:
        """Factors."""

    @abstractmethod
    def power(self) -> Node:
        """A base with its exponent."""

    @abstractmethod
    def script(self) -> Node:
        """What stands after `^`."""

    @abstractmethod
    def postfix(self, node: Node) -> Node:
        """Marks after an operand."""

    @abstractmethod
    def operand_follows(self) -> bool:
        """Whether what comes next multiplies."""

    def read_part(self, text: str) -> Node:
        """The tree of a text inside of this one."""
        return type(self)(text + " ", Style()).items()

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
            if hexadecimal := self.match(HEXADECIMAL):
                return read_hexadecimal(hexadecimal)
            found = self.match(r"‹([^‹›]*)›")
            if found is None:
                raise Unreadable("a text that does not end")
            return Word(found[1].strip())
        if here == "\\":
            return self.command()
        if here.isalpha():
            return self.letters()
        raise Unreadable(f"cannot read {self.text[self.at : self.at + 40]!r}")

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
        if hexadecimal := self.match(HEXADECIMAL):
            return read_hexadecimal(hexadecimal)
        if run.lower() in SHORT_WORDS and self.peeks(run + r"(?:\s+[A-Za-z\\]|\s*,|\s*$)"):
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
        above, below = (self.read_part(part) for part in (found[2] or found[3], found[4] or found[5]))
        chosen = Apply("binom", (above, below))
        return chosen if found[1] == "C" else Apply("*", (chosen, Apply("!", (below,))))

    def subscripted(self, name: str) -> Node:
        """A symbol with its subscript and primes; `f(…)` as a call where `f` is a function's letter."""
        index: Node | None = None
        if self.peeks(r"_"):
            if found := self.match(r"_\s*(?:\{\s*([\w\s,\\‹›'+-]*?)\s*\}|(\w))"):
                inside = (found[1] if found[1] is not None else found[2]).strip("‹› ")
                if re.fullmatch(r"[A-Za-z]\s*[+-]\s*\w+|[nmkij]", inside):
                    index = self.read_part(inside)
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


def _symbol(name: str) -> Symbol:
    return Symbol(name)


def _is_product(run: str) -> bool:
    """Whether letters in a row are variables side by side (`abc`), not a word."""
    return run in PRODUCTS or (len(run) <= 4 and (run.isupper() or not re.search(r"[aeiouy]", run.lower())))
