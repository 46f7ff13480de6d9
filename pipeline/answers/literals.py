"""Numbers as they are written: separators, mixed, repeating, scientific, degrees, bases."""

from __future__ import annotations

import re
from fractions import Fraction

from pipeline.answers.scanner import Scanner
from pipeline.answers.tree import Apply, Node, Number, Unreadable, Word

HEXADECIMAL = r"‹?\s*([0-9A-F]*[A-F][0-9A-F]*)\s*›?\s*_\s*\{?\s*\(?(16)\)?\s*\}?"


class Literals(Scanner):
    """Reads numbers."""

    def number(self) -> Node:
        inside = self.brackets > 0
        if hexadecimal := self.peeks(HEXADECIMAL):
            self.at = hexadecimal.end()
            return read_hexadecimal(hexadecimal)
        thousands = r"[1-9]\d{0,2}(?:,\d{3})+(?![\d,])(?:\.\d+)?"
        if self.peeks(thousands) and not inside:
            self.style.ambiguous.add("thousands")
            if self.style.thousands:
                return _number(self.match(thousands)[0].replace(",", ""))  # type: ignore[index]
        spaced = self.match(r"\d{1,3}(?: \d{3})+(?!\d| \d|\s*/)(?:\.\d+)?")
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
            r"\d+\.\\overline \{?(\d+)\}?|(\d*\.\d*?)\\overline \s*\{?\s*(\d+)\s*\}?|(\d*\.?\d*?)\\dot"
            r" \s*\{?(\d)\}?(?:(\d*?)\\dot \s*\{?(\d)\}?)?"
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
            r"_\s*\{?\s*\(?\s*(\d{1,2})\s*\)?\s*\}?|_\s*\{\s*‹\s*(two|three|four|five|six|seven|eight|nine"
            r"|ten)\s*›\s*\}"
        )
        if not found or digits.value.denominator != 1:
            raise Unreadable("a subscript of a number that is no base")
        names = ["two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"]
        base = int(found[1]) if found[1] else names.index(found[2]) + 2
        return Apply("based", (digits, Number(Fraction(base))))


def _number(text: str) -> Number:
    return Number(Fraction(text), len(text.split(".")[1]) if "." in text else None)


def read_hexadecimal(found: re.Match[str]) -> Node:
    """Digits with letters and their base."""
    try:
        value = int(found[1], int(found[2]))
    except ValueError as error:
        raise Unreadable(str(error)) from error
    return Apply("in base", (Number(Fraction(value)), Number(Fraction(int(found[2])))))


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
