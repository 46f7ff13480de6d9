"""Generated answers: a value in many notations is one answer, another value is not, and no text breaks the reader."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.checkers.math import INTERNAL, Settings
from pipeline.types import Grade, Problem

PIECES = (
    r"\frac|{|}|(|)|[|]|1|2|0|3.5|x|y|n|+|-|*|/|^|_|=|<|\le |\pm |\sqrt|,|;| or |和|\{|\}|\infty|\cup |\pi "
    r"|\text{cm}|%|$|^\circ|!|\sum_{k=1}^{n}|f(x)|\sin |\log|\binom|度|元|万|三|.|:|\overline|\begin{pmatrix}"
    r"|\end{pmatrix}|&|\\|\in |\mathbb{Z}|\pmod|even|no|½|²|C_|A_{16}|\lfloor|\rfloor|\max|4:30|p.m.|March"
    r"|is|not|不|为|是|点|月|1,234|\boxed{|\n|A: "
).split("|")


@pytest.fixture(scope="module")
def grade() -> Iterator[Callable[[str, str], Grade]]:
    """Grades with one checker, so that its workers start once."""
    loop = asyncio.new_event_loop()
    checker = Settings(workers=1, limit=20.0).create()
    loop.run_until_complete(checker.__aenter__())

    def run(gold: str, text: str) -> Grade:
        return loop.run_until_complete(checker.check(Problem(id="p", question="q", answer=gold), text))

    yield run
    loop.run_until_complete(checker.__aexit__(None, None, None))
    loop.close()


Grader = Callable[[str, str], Grade]


def spell(value: Fraction) -> list[str]:
    """One rational number in many notations."""
    n, d = value.numerator, value.denominator
    sign, size = ("-" if value < 0 else ""), abs(value)
    forms = [
        f"\\frac{{{n}}}{{{d}}}",
        f"{n}/{d}",
        f"x = {n}/{d}",
        f"{sign}\\dfrac{{{abs(n)}}}{{{d}}}",
        f"\\left({n}/{d}\\right)",
    ]
    if d == 1:
        wide = str(n).translate(str.maketrans("0123456789-", "０１２３４５６７８９－"))
        forms += [
            str(n),
            f"{n:,}",
            f"{n}.0",
            f"{n} \\text{{ apples}}",
            wide,
            f"\\${abs(n)}" if n >= 0 else str(n),
            f"共{n}个",
        ]
    elif set(prime_factors(d)) <= {2, 5}:
        forms += [str(float(value)), f"{float(100 * value)}\\%"]
    if size > 1 and d > 1:
        forms.append(f"{sign}{size.numerator // d}\\frac{{{size.numerator % d}}}{{{d}}}")
    return forms


def prime_factors(number: int) -> list[int]:
    return [p for p in range(2, number + 1) if number % p == 0 and all(p % q for q in range(2, p))]


RATIONALS = st.fractions(min_value=-400, max_value=400, max_denominator=40)
WRAPPED = st.sampled_from(["\\boxed{{{}}}", "#### {}", "The answer is ${}$.", "**Answer:** {}", "因此，答案是 ${}$。"])


@given(value=RATIONALS, data=st.data())
@settings(max_examples=150, deadline=None)
def test_one_number_in_two_notations_is_the_same_answer(grade: Grader, value: Fraction, data: st.DataObject) -> None:
    gold, answer = (data.draw(st.sampled_from(spell(value))) for _ in range(2))
    told = grade(gold.removeprefix("x = "), data.draw(WRAPPED).format(answer))
    assert told.verdict == "correct", (gold, answer, told)


@given(value=RATIONALS, off=RATIONALS.filter(bool), data=st.data())
@settings(max_examples=150, deadline=None)
def test_another_number_is_never_the_same_answer(
    grade: Grader, value: Fraction, off: Fraction, data: st.DataObject
) -> None:
    gold, answer = data.draw(st.sampled_from(spell(value))), data.draw(st.sampled_from(spell(value + off)))
    assert grade(gold, data.draw(WRAPPED).format(answer)).verdict != "correct"


def polynomial(coefficients: Sequence[int], order: Sequence[int]) -> str:
    terms = [f"{coefficients[power]:+d}x^{{{power}}}" for power in order]
    return "".join(terms).removeprefix("+")


@given(coefficients=st.lists(st.integers(-9, 9), min_size=3, max_size=4).filter(lambda c: any(c[1:])), data=st.data())
@settings(max_examples=60, deadline=None)
def test_a_polynomial_is_the_same_in_any_order_and_another_with_one_coefficient_changed(
    grade: Grader, coefficients: list[int], data: st.DataObject
) -> None:
    powers = list(range(len(coefficients)))
    gold = polynomial(coefficients, powers)
    answer = polynomial(coefficients, data.draw(st.permutations(powers)))
    assert grade(gold, f"\\boxed{{{answer}}}").verdict == "correct"
    place = data.draw(st.sampled_from(powers))
    changed = [*coefficients[:place], coefficients[place] + 1, *coefficients[place + 1 :]]
    assert grade(gold, f"\\boxed{{{polynomial(changed, powers)}}}").verdict == "wrong"


@given(items=st.lists(st.integers(-50, 50), min_size=2, max_size=5, unique=True), data=st.data())
@settings(max_examples=60, deadline=None)
def test_a_set_has_no_order_and_a_tuple_has_one(grade: Grader, items: list[int], data: st.DataObject) -> None:
    shuffled = data.draw(st.permutations(items))
    inside = [", ".join(map(str, order)) for order in (items, shuffled)]
    assert grade(f"\\{{{inside[0]}\\}}", f"\\boxed{{\\{{{inside[1]}\\}}}}").verdict == "correct"
    assert grade(f"\\{{{inside[0]}\\}}", f"\\boxed{{\\{{{inside[1]}, 77\\}}}}").verdict == "wrong"
    told = grade(f"({inside[0]})", f"\\boxed{{({inside[1]})}}")
    assert told.verdict == ("correct" if shuffled == items else "wrong")


@given(low=st.integers(-30, 30), width=st.integers(1, 40), ends=st.sampled_from(["()", "[]", "[)", "(]"]))
@settings(max_examples=60, deadline=None)
def test_an_interval_is_the_same_as_its_inequality_and_another_with_one_end_changed(
    grade: Grader, low: int, width: int, ends: str
) -> None:
    high = low + width
    left, right = ("<" if mark in "()" else "\\le" for mark in ends)
    inequality = f"\\boxed{{{low} {left} x {right} {high}}}"
    assert grade(f"{ends[0]}{low}, {high}{ends[1]}", inequality).verdict == "correct"
    assert grade(f"{ends[0]}{low}, {high + 1}{ends[1]}", inequality).verdict == "wrong"


@given(
    pieces=st.lists(st.sampled_from(PIECES), min_size=1, max_size=14),
    gold=st.sampled_from(["5", "x+1", "(1,2)", "yes"]),
)
@settings(max_examples=300, deadline=None)
def test_no_text_breaks_the_reader(grade: Grader, pieces: list[str], gold: str) -> None:
    found = grade(gold, "".join(pieces))
    assert INTERNAL not in found.reason


@given(text=st.text(max_size=200))
@settings(max_examples=200, deadline=None)
def test_no_characters_break_the_reader(grade: Grader, text: str) -> None:
    assert INTERNAL not in grade("5", text).reason
    assert INTERNAL not in grade("5", f"\\boxed{{{text}}}").reason
