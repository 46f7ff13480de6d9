"""Same and different each have their reason; what may be either is unclear."""

from __future__ import annotations

import pytest

from pipeline.answers.comparison import compare_readings
from pipeline.answers.outcome import Context, Result, make_context
from pipeline.answers.reading import read


def compare(gold: str, answer: str, context: Context | None = None) -> Result:
    return compare_readings(read(gold), read(answer), context or Context())


SAME = [
    ("\\frac{1}{2}", "0.5"),
    ("1.5 h", "90 minutes"),
    ("3:2", "6:4"),
    ("3:2", "\\frac32"),
    ("90^\\circ", "\\frac{\\pi}{2}"),
    ("90^\\circ", "90"),
    ("10", "10 \\text{ people}"),
    ("16:30", "4:30 p.m."),
    ("March 14", "14 March"),
    ("yes", "是"),
    ("Monday", "星期一"),
    ("no solution", "无解"),
    ("x = \\pm 3", "3, -3"),
    ("(x,y)=(1,2)", "x=1, y=2"),
    ("\\{1,2\\}", "\\{2,1\\}"),
    ("x \\ge 2", "[2,\\infty)"),
    ("x < 1", "-x > -1"),
    ("|x| < 3", "(-3,3)"),
    ("x \\ne 0", "(-\\infty,0)\\cup(0,\\infty)"),
    ("x^2/4 + y^2/3 = 1", "3x^2 + 4y^2 = 12"),
    ("f(x)=x^2+1", "f(t)=t^2+1"),
    ("x \\equiv 3 \\pmod 7", "7k+3"),
    ("k\\pi+\\frac{\\pi}{4} (k\\in\\mathbb{Z})", "n\\pi-\\frac{3\\pi}{4}, n\\in\\mathbb{Z}"),
    ("\\begin{pmatrix}1\\\\2\\end{pmatrix}", "(1,2)"),
    ("2\\begin{pmatrix}1&0\\\\0&1\\end{pmatrix}", "\\begin{pmatrix}2&0\\\\0&2\\end{pmatrix}"),
    ("\\frac{n(n+1)}{2}", "\\sum_{k=1}^{n} k"),
    ("(-1)^{n+1}", "(-1)^{n-1}"),
    ("\\sqrt{12}", "2\\sqrt3"),
    ("\\frac{x+2}{7}", "\\frac{x}{7}+\\frac{2}{7}"),
    ("\\infty", "+\\infty"),
    ("最大值为7，最小值为3", "min = 3, max = 7"),
]
DIFFERENT = [
    ("\\frac{1}{2^{99}}", "\\frac{1}{2^{98}}"),
    ("5 cm", "5 m"),
    ("5 kg", "5 m"),
    ("3:2", "2:3"),
    ("1:\\sqrt3:2", "1:2:\\sqrt3"),
    ("4:30 a.m.", "4:30 p.m."),
    ("March 14", "March 15"),
    ("yes", "否"),
    ("2, 3", "2"),
    ("\\{1,2\\}", "\\{1,2,3\\}"),
    ("(1,2)", "(2,1)"),
    ("[0,1)", "[0,1]"),
    ("x > 5", "x < 5"),
    ("2x-y+1=0", "2x-y-1=0"),
    ("x+1", "x-1"),
    ("x \\equiv 3 \\pmod 7", "x \\equiv 4 \\pmod 7"),
    ("\\sqrt{2}", "\\sqrt{3}"),
    ("1+i", "1-i"),
    ("n!", "(n-1)!"),
    ("x=4", "x=1 or x=4"),
    ("5", "no solution"),
    ("\\begin{pmatrix}1&2\\\\3&4\\end{pmatrix}", "\\begin{pmatrix}1&3\\\\2&4\\end{pmatrix}"),
    ("convergent", "not convergent"),
]
UNCLEAR = [
    ("10", "10\\%"),
    ("\\frac13", "0.333"),
    ("x+1", "y+1"),
    ("x=5", "n=5"),
    ("24\\text{ cm}^2", "24\\text{ cm}"),
    ("90", "1.5 h"),
    ("(1,2)", "\\{1,2\\}"),
    ("\\sqrt{x^2}", "x"),
    ("204_5", "54"),
    ("F_{n+1}", "F_n + F_{n-1}"),
    ("5", "5, 7"),
    ("(1,2)", "[1,2]"),
]


@pytest.mark.parametrize(("gold", "answer"), SAME)
def test_equal_answers_are_the_same_in_either_order(gold: str, answer: str) -> None:
    assert compare(gold, answer)[0] == "same"
    assert compare(answer, gold)[0] in ("same", "unclear")


@pytest.mark.parametrize(("gold", "answer"), DIFFERENT)
def test_other_answers_are_different(gold: str, answer: str) -> None:
    assert compare(gold, answer)[0] == "different"
    assert compare(answer, gold)[0] in ("different", "unclear")


@pytest.mark.parametrize(("gold", "answer"), UNCLEAR)
def test_what_may_be_either_is_unclear(gold: str, answer: str) -> None:
    outcome, why = compare(gold, answer)
    assert outcome == "unclear"
    assert why


def test_the_question_says_whether_order_counts() -> None:
    asked = make_context("Find the first three terms, respectively", 1e-8)
    assert compare("1, 2, 3", "3, 2, 1")[0] == "same"
    assert compare("1, 2, 3", "3, 2, 1", asked)[0] == "unclear"


def test_the_question_says_whether_a_pair_is_an_interval() -> None:
    asked = make_context("求函数的定义域", 1e-8)
    assert compare("(1,2)", "[1,2]", asked)[0] == "different"
