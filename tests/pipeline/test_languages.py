"""A solution in another script than the question's is told; arithmetic belongs to every language."""

from __future__ import annotations

import pytest

from pipeline.languages import differs_in_language, main_script

CHINESE = "小明有 23 个苹果，又买了 4 盒，每盒 6 个。现在他有多少个苹果？"
ENGLISH = "Tom has 23 apples and buys 4 boxes of 6. How many apples does he have?"


@pytest.mark.parametrize(
    ("text", "script"),
    [
        (ENGLISH, "LATIN"),
        (CHINESE, "HAN"),
        ("トムはりんごを23個持っています。", "JAPANESE"),
        ("У Тома двадцать три яблока.", "CYRILLIC"),
        ("4 * 6 = 24", None),
        (r"设 $x = \frac{1}{2}$，则 \boxed{\text{x}} 为所求的值。", "HAN"),
    ],
)
def test_the_script_of_most_letters(text: str, script: str | None) -> None:
    assert main_script(text) == script


def test_another_script_is_told_and_arithmetic_is_not() -> None:
    assert differs_in_language(CHINESE, "First, 4 boxes of 6 apples are 24 apples.")
    assert differs_in_language(ENGLISH, "先算四盒共有多少个苹果：一共二十四个。")
    assert differs_in_language(CHINESE, "4 * 6 = 24\n#### 47") is None
    assert differs_in_language(CHINESE, "每盒 6 个，4 盒共 24 个，所以一共 47 个苹果。") is None
