"""A text that breaks off is found by what it left open; one that merely ends without a full stop is not."""

from __future__ import annotations

import pytest

from pipeline.filters.base import Texts
from pipeline.filters.truncated import Settings
from tests.pipeline.filters.conftest import make_pair


@pytest.mark.parametrize(
    ("text", "rest"),
    [
        ("<think>She has 9 eggs.\nSo she makes 18.", "<think>She has"),
        ("Run this:\n```python\nprint(9 * 2)\n", "```python"),
        ("We have\n\\begin{align}\nx &= 9 \\\\\ny &= 18", "\\begin{align}"),
        ("So \\[ x = \\frac{18}{2}", "\\[ x"),
        ("Thus \\(x = 9", "\\(x"),
        ("Hence $$x = 9 + y$$ and $$y = 4", "$$y = 4"),
        ("She has 16 - (3 + 4", "(3 + 4"),
        ("She has 16 - 3 = <<16-3", "<<16-3"),
        ("So the answer is $\\boxed{18", "{18"),
        ("Therefore $x = 9", "$x = 9"),
        ("She sells the eggs and **makes 18", "**makes"),
        ("She has 16 - 3 = 13 eggs and then", "then"),
        ("She has 9 eggs, so she makes 9 * 2 =", " ="),
        ("She sells 9 eggs,", ","),
        ("The answer is:", ":"),
        ("She eats three eggs. She bakes with four. Then she goes to the mark", "Then she goes"),
        ("她吃掉三个蛋。做松饼用了四个蛋。剩下的蛋拿到市场上", "剩下的蛋"),
        ("她有16个蛋，因为", "因为"),
        ("每天剩下（16 - 3", "（16 - 3"),
    ],
)
def test_what_is_left_open_is_found(text: str, rest: str) -> None:
    found = Settings().find(make_pair(text))
    assert found is not None
    assert found.action == "drop"
    assert found.span is not None
    assert text[found.span[0] :].lstrip().startswith(rest.lstrip())
    assert found.span[1] == len(text.rstrip())


@pytest.mark.parametrize(
    "text",
    [
        "#### 94",
        "A: 18",
        "The answer is $\\boxed{5}$",
        "So $x = 5$.\n\n$$\\boxed{5}$$",
        "She makes 9 * 2 = 18 dollars",
        "She makes 9 * 2 = $<<9*2=18>>18",
        "He will charge 10+5 = $$<<10+5=15>>15",
        "She eats three.\nShe bakes with four.\n- sell the rest",
        "She eats three.\nShe bakes with four.\n**Answer:** 12 in",
        "The solution set is $[0, 5)$",
        "The range is (1, 2]",
        "\\left\\{ x : x > 0 \\right\\}",
        "1) 5\n2) 7",
        "The answer is a",
        "The answer is (B)",
        "答案：18",
        "所以每天卖 18 元",
        "```\nprint(18)\n```",
        "\\begin{align} x = 9 \\end{align}",
        "<think>9 * 2</think>18",
        "It costs $5 and then $6, $11 in all",
        "She has nine eggs left over at the end",
        "",
    ],
)
def test_an_end_without_a_full_stop_is_an_end(text: str) -> None:
    assert Settings().find(make_pair(text)) is None


def test_real_solutions_are_whole_and_formulas_cut_in_two_are_found(real_pairs: list[Texts]) -> None:
    found = [finding.reason for pair in real_pairs if (finding := Settings().find(pair))]
    assert len(found) <= 0.001 * len(real_pairs), found
    formulas = [pair.chosen for pair in real_pairs if pair.chosen.count("\\[") > 2]
    cut = [text[: text.rindex("\\[", 0, text.rindex("\\[")) + 6] for text in formulas]
    assert sum(Settings().find(make_pair(text)) is not None for text in cut) >= 0.99 * len(cut) > 100
