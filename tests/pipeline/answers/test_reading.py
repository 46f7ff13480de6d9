"""One notation, trees, and what they mean."""

from __future__ import annotations

from fractions import Fraction

import pytest

from pipeline.answers.evaluation import EXACT_BITS, NoValue, evaluate, is_close
from pipeline.answers.notation import MAX_LENGTH, normalise
from pipeline.answers.reading import Formula, Items, Meaning, Named, Phrase, Quantity, read
from pipeline.answers.syntax import parse
from pipeline.answers.times import Clock, Date
from pipeline.answers.tree import Style, Unreadable


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("$\\dfrac{1}{2}$", "\\frac {1}{2}"),
        ("１２３", "123"),
        ("x²", "x^{2}"),
        ("14{,}916", "14916"),
        ("3 \\leq x", "3 <= x"),
        ("**5**", "5"),
        ("\\boxed{7}", "{7}"),
        ("\\text{even}", "‹even›"),
        ("5\\%", "5%"),
        ("3 比 4", "3:4"),
        ("a，b；c", "a,b;c"),
    ],
)
def test_notations_become_one(text: str, plain: str) -> None:
    assert normalise(text) == plain


def test_what_is_too_long_is_not_read() -> None:
    with pytest.raises(Unreadable, match="longer than"):
        read("1" * (MAX_LENGTH + 1))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("\\frac12", Fraction(1, 2)),
        ("1\\frac12", Fraction(3, 2)),
        ("-2\\frac{1}{3}", Fraction(-7, 3)),
        ("2^{10}", 1024),
        ("2^10", 1024),
        ("\\sqrt{49}", 7),
        ("\\sqrt[3]{-8}", -2),
        ("0.\\overline{36}", Fraction(4, 11)),
        ("0.1\\dot{6}", Fraction(1, 6)),
        ("\\binom{10}{3}", 120),
        ("C_{10}^{3}", 120),
        ("A_5^2", 20),
        ("5!", 120),
        ("204_5", 54),
        ("2A_{16}", 42),
        ("\\log_2 8", 3),
        ("\\sum_{k=1}^{10} k^2", 385),
        ("\\lfloor 7/2 \\rfloor", 3),
        ("50\\%", Fraction(1, 2)),
        ("1.5e3", 1500),
        ("1 000", 1000),
        ("|-3|", 3),
        ("\\begin{vmatrix}1&2\\\\3&4\\end{vmatrix}", -2),
        ("\\gcd(12,18)", 6),
        ("2^{7} \\bmod 5", 3),
    ],
)
def test_an_expression_has_its_exact_value(text: str, value: Fraction | int) -> None:
    assert evaluate(parse(normalise(text))) == value


@pytest.mark.parametrize(("text", "same"), [("\\sin 30^\\circ", "\\frac12"), ("e^{i\\pi}", "-1"), ("\\ln e^2", "2")])
def test_what_is_not_rational_is_known_to_sixty_digits(text: str, same: str) -> None:
    assert is_close(*(evaluate(parse(normalise(side))) for side in (text, same)))


@pytest.mark.parametrize("text", ["9^{9^{9^{9}}}", "1/0", "(10^{13})!", "\\sum_{k=1}^{100000} k", "x", "\\text{five}"])
def test_what_has_no_value_within_bounds_says_so(text: str) -> None:
    with pytest.raises(NoValue):
        evaluate(parse(normalise(text)))


def test_powers_beyond_the_exact_ones_are_told_apart_all_the_same() -> None:
    assert EXACT_BITS < 10**6
    first, second = (evaluate(parse(f"2^{{{exponent}}}")) for exponent in (10**6, 10**6 + 1))
    assert is_close(first, first)
    assert not is_close(first, second)


@pytest.mark.parametrize("text", ["(", "1+", "\\frac{1}", "{" * 100, "\\unknown{2}", "()", "1 2 ^^ 3"])
def test_what_cannot_be_read_says_where_it_stops(text: str) -> None:
    with pytest.raises(Unreadable):
        parse(normalise(text))


def test_a_notation_that_can_be_read_in_two_ways_is_told() -> None:
    style = Style()
    parse("1/2x", style)
    assert style.ambiguous == {"tight"}


def kind(text: str) -> type[Meaning]:
    return type(read(text)[0].meaning)


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        ("12 apples", Quantity),
        ("x = 5", Named),
        ("f(x) = x^2", Named),
        ("AB = 5", Named),
        ("最大值为 3", Named),
        ("(1, 2)", Items),
        ("1, 2 和 3", Items),
        ("\\pm 3", Items),
        ("x > 2", Formula),
        ("2x - y = 1", Formula),
        ("\\mathbb{R}", Formula),
        ("4:30 p.m.", Clock),
        ("下午4点30分", Clock),
        ("March 14", Date),
        ("5月20日", Date),
        ("even", Phrase),
        ("不存在", Phrase),
        ("二十四", Quantity),
        ("two thirds", Quantity),
    ],
)
def test_an_answer_is_read_as_what_it_is(text: str, meaning: type[Meaning]) -> None:
    assert kind(text) is meaning


@pytest.mark.parametrize(
    ("text", "unit", "factor"),
    [
        ("5 cm", "length", Fraction(1, 100)),
        ("15\\text{ cm}^2", "length^2", Fraction(1, 10_000)),
        ("72 km/h", "length/time", Fraction(1000, 3600)),
        ("3 平方米", "length^2", 1),
        ("$5", "dollar", 1),
        ("12元", "yuan", 1),
        ("1 hour 30 minutes", "time", 1),
    ],
)
def test_a_unit_says_what_is_measured(text: str, unit: str, factor: Fraction | int) -> None:
    meaning = read(text)[0].meaning
    assert isinstance(meaning, Quantity)
    assert meaning.unit is not None
    assert (meaning.unit.kind, meaning.unit.factor) == (unit, factor)


def test_an_unlikely_reading_is_marked_as_such() -> None:
    assert [reading.loose for reading in read("2h")] == [False, True]
