"""Markdown, LaTeX, emoji and scripts are counted, and arithmetic is none of them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pipeline.shortcuts.features.markup import Settings
from pipeline.shortcuts.mask import mask


@pytest.mark.parametrize(
    ("text", "name", "number"),
    [
        ("**So** it is **5** now", "bold", 2),
        ("it is *really* so", "italics", 1),
        ("it is _really_ so", "italics by underscores", 1),
        ("# One\n## Two\n#no", "heading", 2),
        ("- one\n* two\n  • three", "bullet", 3),
        ("1. one\n2) two\n(3) three", "numbered line", 3),
        ("Step 1: one\n**Step 2:** two\n第一步：", "step label", 3),
        ("```\nx\n```", "code fence", 2),
        ("run `x` now", "inline code", 1),
        (r"so \(x\) and \(y\)", "inline formula", 2),
        ("so $x = y$ and $z$.", "inline formula in dollars", 2),
        (r"\[ \frac{1}{2} \times 3 \]", "LaTeX command", 2),
        (r"\[ x \]", "display formula", 1),
        ("$$x$$\nand $$y$$", "display formula in dollars", 2),
        ("| a | b |\n|---|---|", "table row", 2),
        ("one\n\n---\n\ntwo", "horizontal rule", 1),
        ("one\n\n---\n\ntwo", "blank line", 2),
        ("see [this](http://x.y)", "link", 1),
        ("done ✅ 🎉👍🏽", "emoji", 3),
        ("5+3=<<5+3=8>>8", "calculator note", 1),
        ("<b>so</b>", "HTML tag", 2),
        ("all of it is plain", "mainly Latin", 1),
        ("小明有5个苹果 ok", "mainly Han", 1),
        ("小明有5个苹果 ok", "letters beside the main script: Latin", 2),
        ("He has 5 apples 所以", "letters beside the main script: Han", 2),
    ],
)
def test_each_kind_is_counted(text: str, name: str, number: int) -> None:
    assert Settings().count(mask(text))[name] == number


@pytest.mark.parametrize(
    "text",
    [
        "so 5 * 3 * 2 = 30 and 2*3*4 = 24",
        "$5 + $3 = $8, and $5*$3=$15, $2 each and $4 more",
        "5 - 3 = 2\n-3 is less",
        "x_1 + x_2 and a*b*c",
        "if a < b and b > c",
        "△ABC ■ ▒ → ≥",
    ],
)
def test_arithmetic_and_money_are_no_markup(text: str) -> None:
    assert set(Settings().count(mask(text))) <= {"mainly Latin"}


def test_the_length_of_a_text_is_no_format(shared_data: Path) -> None:
    rows = (shared_data / "gsm8k" / "example_model_solutions.jsonl").read_text().splitlines()[:100]
    for row in rows:
        text = json.loads(row)["175b_verification"]["solution"]
        lines = text.rpartition("\n")[0]
        once, twice = Settings().count(mask(lines)), Settings().count(mask(lines + "\n" + lines))
        assert once["mainly Latin"] == twice["mainly Latin"] == 1
