"""A solution in another script than the question's is told; arithmetic belongs to every language."""

from __future__ import annotations

import pytest

from pipeline.languages import count_scripts, differs_in_language

CHINESE = "小明有 23 个苹果，又买了 4 盒，每盒 6 个。现在他有多少个苹果？"
ENGLISH = "Tom has 23 apples and buys 4 boxes of 6. How many apples does he have?"


@pytest.mark.parametrize(
    ("text", "script"),
    [
        (ENGLISH, "LATIN"),
        (CHINESE, "HAN"),
        ("トムはりんごを23個持っています。", "JAPANESE"),
        ("У Тома двадцать три яблока.", "CYRILLIC"),
        (r"设 $x = \frac{1}{2}$，则 \boxed{\text{x}} 为所求的值。", "HAN"),
    ],
)
def test_the_script_of_most_letters(text: str, script: str) -> None:
    assert count_scripts(text).most_common(1)[0][0] == script


@pytest.mark.parametrize(
    ("question", "text"),
    [
        ("在三角形ABC中，AB=AC，求∠B的度数。", "因为AB=AC，所以∠ABC=∠ACB，又∠A=40°，则∠B=70°。"),
        ("求f(x)=sin x+cos x的最大值。", "f(x)=sin x+cos x=√2 sin(x+45°)，最大值为√2。"),
        ("りんごはいくつありますか。全部でなんこですか。", "合計二十四個，答案二十四個。"),
        ("Translate: 你好，世界，今天天气很好。", "Hello, world, the weather is fine today."),
    ],
)
def test_formulas_kanji_and_quotations_are_no_other_language(question: str, text: str) -> None:
    assert differs_in_language(question, text) is None


def test_another_script_is_told_and_arithmetic_is_not() -> None:
    assert differs_in_language(CHINESE, "First, 4 boxes of 6 apples are 24 apples.")
    assert differs_in_language(ENGLISH, "先算四盒共有多少个苹果：一共二十四个。")
    assert differs_in_language(CHINESE, "4 * 6 = 24\n#### 47") is None
    assert differs_in_language(CHINESE, "每盒 6 个，4 盒共 24 个，所以一共 47 个苹果。") is None
