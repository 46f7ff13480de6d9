"""Fifty texts that cost whoever reads them too much: towers, nests, bombs for regular expressions and for sympy."""

from __future__ import annotations

from helpers.checked_texts import Case

GOLDS = ("5", "\\frac{\\sqrt{5}}{2}")
KB_100 = 100_000


def hostile_cases() -> list[Case]:
    """None of them answers its gold answer."""
    texts = [f"\\boxed{{{answer}}}" for answer in (*TOWERS, *FACTORIALS, *_nests(), *SYMBOLIC, *_long_answers())]
    texts += _bombs()
    assert len(texts) == 50, len(texts)
    golds = ("x^2+1" if "x" in text.replace("boxed", "") else GOLDS[i % 2] for i, text in enumerate(texts))
    return [Case("", gold, text, False) for gold, text in zip(golds, texts, strict=True)]


TOWERS = (
    "9^9^9^9",
    "9^{9^{9^{9}}}",
    "9**9**9**9",
    "2^{10^{10}}",
    "(10^{10})^{10^{10}}",
    "10^{10^{100}} - 1",
    "e^{e^{e^{e^{e}}}}",
    "0.5^{-10^{9}}",
    "1e999999999",
    "\\log(10^{10^{10}}!)",
)
FACTORIALS = (
    "1000000!",
    "10000000!",
    "((5!)!)!",
    "5!!!!!!",
    "\\frac{100000!}{99999!}",
    "\\binom{10^9}{5 \\cdot 10^8}",
    "\\prod_{k=1}^{10^7} k",
)
SYMBOLIC = (
    "\\sum_{i=1}^{10^9}\\sum_{j=1}^{10^9}\\sum_{k=1}^{10^9} \\frac{1}{i^j+k}",
    "\\sum_{n=1}^{\\infty} \\frac{\\sin(n^n)}{n!}",
    "\\sum_{n=1}^{1000} \\sqrt[n]{n}",
    "\\int_0^1 x^{x^{x^x}} dx",
    "\\int_0^\\infty \\frac{\\sin(x^3) e^{-x}}{\\ln(2+x^x)} dx",
    "\\lim_{x \\to 0} \\frac{\\sin(\\tan x)-\\tan(\\sin x)}{\\arcsin(\\arctan x)-\\arctan(\\arcsin x)}",
    "(x+1)^{10000}",
    "(a+b+c+d+e+f)^{60}",
    "(x+y)^{(x+y)^{(x+y)^{(x+y)}}}",
    "\\sin^{200}(x)+\\cos^{200}(x)",
    "x^{1000}-x^{999}+x^{998} = 0",
    "\\sqrt[97]{x^{101}+\\sqrt[89]{x^{103}+\\sqrt[83]{x^{107}+1}}}",
)


def _nests() -> list[str]:
    return [
        "{" * (KB_100 // 2) + "1" + "}" * (KB_100 // 2),
        "{" * 400 + "1" + "}" * 400,
        "(" * 5000 + "1" + ")" * 5000,
        "(" * 200 + "x" + ")^2" * 80 + ")" * 120,
        "\\frac{1}{1+" * 70 + "x" + "}" * 70,
        "\\frac{1}{1+" * 5000 + "x" + "}" * 5000,
        "\\sqrt{2+" * 100 + "x" + "}" * 100,
        "a_{" * 200 + "1" + "}" * 200,
    ]


def _long_answers() -> list[str]:
    row = " & ".join(["x"] * 15)
    return [
        "1+" * (KB_100 // 2) + "1",
        "7" * KB_100,
        "\\frac{1}{" + "7" * 900 + "}",
        "\\begin{pmatrix}" + " \\\\ ".join([row] * 15) + "\\end{pmatrix}",
        "\\{" + ",".join(f"\\sqrt{{{n}}}+x" for n in range(2, 62)) + "\\}",
    ]


def _bombs() -> list[str]:
    return [
        "\\boxed{" * 10_000,
        "\\boxed{" * 10_000 + "7" + "}" * 10_000,
        "answer is " * 10_000,
        "#### " * 20_000,
        "Answer: " * 10_000 + "$",
        "1," * (KB_100 // 2) + "x",
        "$" * (KB_100 + 1),
        "\n" * KB_100 + "= " * 10_000,
    ]
