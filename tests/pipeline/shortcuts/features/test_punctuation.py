"""Signs, blanks around operators, and ends of lines are counted."""

from __future__ import annotations

import pytest

from pipeline.shortcuts.features.punctuation import Settings
from pipeline.shortcuts.mask import mask


@pytest.mark.parametrize(
    ("text", "name", "number"),
    [
        ("So, yes, it is!! Wow!", ",", 2),
        ("So, yes, it is!! Wow!", "!!", 1),
        ("So, yes, it is!! Wow!", "!", 1),
        ("----------", "---…", 1),
        ("所以，一共有5个。对！", "，", 1),
        ("NOTE that USA is I", "word in capitals", 2),
        ("5+3 and 5 + 3 and 5 +3", "tight operators", 1),
        ("5+3 and 5 + 3 and 5 +3", "spaced operators", 1),
        ("5+3 and 5 + 3 and 5 +3", "uneven operators", 1),
        ("5 * 3 = <<5*3=15>>15", "spaced operators", 2),
        ("5 x 3, 5x3 and 5 × 3", "multiplied by x", 2),
        (r"5 \times 3 \cdot 2", r"multiplied by \times", 1),
        ("One.\nTwo\nThree 3\nFour:\n\n五。", "line ends in a word or number", 2),
        ("One.\nTwo\nThree 3\nFour:\n\n五。", "line ends in .", 1),
        ("One.\nTwo\nThree 3\nFour:\n\n五。", "line ends in 。", 1),
        ("One  \n  two", "line with blanks at its end", 1),
        ("One  \n  two", "indented line", 1),
        (" One", "white space before the text", 1),
        ("One\n", "white space behind the text", 1),
    ],
)
def test_each_habit_is_counted(text: str, name: str, number: int) -> None:
    assert Settings().count(mask(text))[name] == number


def test_notes_masks_words_latex_and_emoji_are_no_operators_or_signs() -> None:
    found = Settings().count(mask(r"A step-by-step 5 <<5*3=15>> \frac ✅"))
    assert not {"tight operators", "multiplied by *", "▒", "\\frac", "✅"} & set(found)


def test_what_a_text_does_not_have_is_left_out() -> None:
    assert Settings().count(mask("one")) == {"line ends in a word or number": 1}
    assert Settings().count(mask("")) == {}
