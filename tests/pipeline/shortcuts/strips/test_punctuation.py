"""Signs that mean nothing are replaced; factorials, ranges, sequences and subtractions stay."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.shortcuts.features import punctuation
from pipeline.shortcuts.marker import Marker
from pipeline.shortcuts.mask import mask
from pipeline.shortcuts.safe import same_reasoning
from pipeline.shortcuts.strips.punctuation import RULES, WAYS, Settings

STRIP = Settings()
STAR = Settings(times="*")
NAMES = sorted({name for rule in RULES for name in rule.names} | {*WAYS, "indented line"})


def strip(text: str, *features: str, settings: Settings = STRIP) -> str:
    return settings.apply(text, [Marker("punctuation", feature, "chosen") for feature in features])


@pytest.mark.parametrize(
    ("feature", "text", "left"),
    [
        ("!", "So we add! (Great!) It is 5! = 120, n! ways!", "So we add. (Great.) It is 5! = 120, n! ways."),
        ("!!", "Wow!! Sure!?", "Wow. Sure!?"),
        ("！", "太好了！3！", "太好了。3！"),
        ("...", "Hmm... we add... Then 1, 2, ..., n and 0.333...", "Hmm, we add. Then 1, 2, ..., n and 0.333..."),
        ("…", "让我想想……好", "让我想想，好"),
        ("line ends in ;", "3 + 4 = 7;\nit is so; yes", "3 + 4 = 7.\nit is so; yes"),
        (";", "it is so; we add\n(1;2)", "it is so, we add\n(1;2)"),
        ("—", "We add—carefully — now, 3—5", "We add, carefully, now, 3—5"),
        (
            "-",
            "We add - which is easy; revenue - cost, well-known, 5 - 3",
            "We add, which is easy; revenue - cost, well-known, 5 - 3",
        ),
        ("“", "he said “no” so", 'he said "no" so'),
        ("’", "it’s Tom’s", "it's Tom's"),
        ("line ends in .", "So it is.\nAt 5 p.m.\n1.\n3 + 4 = 7.", "So it is\nAt 5 p.m.\n1.\n3 + 4 = 7"),
        ("line with blanks at its end", "one  \ntwo \nthree", "one\ntwo\nthree"),
        ("white space behind the text", "one\n \n", "one"),
        ("indented line", "  one\n   two\n\tthree", "one\ntwo\nthree"),
        (",", "我有3个,他也有,共3,400个", "我有3个，他也有，共3,400个"),
        ("，", "apples，and pears", "apples, and pears"),
        ("spaced operators", r"2 * 3 = 6, 2 * x, <<2 * 3=6>>6, \(2 * 3\)", r"2*3=6, 2 * x, <<2 * 3=6>>6, \(2 * 3\)"),
        ("tight operators", "2*3 = 6 and 2**3", "2 * 3 = 6 and 2**3"),
        ("tight operators", "10-3=7, 3-5 days, 2020-05-01", "10 - 3 = 7, 3-5 days, 2020-05-01"),
        ("tight operators", "6/2 = 3, 1 1/2 cups, 5/12/2020", "6 / 2 = 3, 1 1/2 cups, 5/12/2020"),
        ("uneven operators", "3 +4 = 7, 3+ 4, 3+4", "3 + 4 = 7, 3 + 4, 3+4"),
        ("spaced operators", "3 + 4 = <<3+4=7>>7", "3+4=<<3+4=7>>7"),
    ],
)
def test_signs_become_plain(feature: str, text: str, left: str) -> None:
    assert STRIP.handles(Marker("punctuation", feature, "chosen"))
    assert strip(text, feature) == left
    assert same_reasoning(text, left) is None


@pytest.mark.parametrize(
    "text",
    [
        "#### 7.",
        "So the answer is 7!",
        "```\nx = 1;\n  y = 2  \n```",
        r"\[ a;  b! \]",
        "def f(x):\n    return x",
        "5! and (n-1)!",
        "",
    ],
)
def test_what_may_mean_something_stays(text: str) -> None:
    assert strip(text, *NAMES) == text


def test_a_product_is_written_as_the_others_write_it() -> None:
    text = r"3 x 4 = 12, a 3 x 4 photo, 2x + 3x, 2x3=6, 0x3, \(3 \times 4\)"
    assert not STRIP.handles(Marker("punctuation", "multiplied by x", "chosen"))
    assert not STAR.handles(Marker("punctuation", "multiplied by *", "chosen"))
    assert STAR.handles(Marker("punctuation", "multiplied by x", "chosen"))
    left = strip(text, "multiplied by x", settings=STAR)
    assert left == r"3 * 4 = 12, a 3 x 4 photo, 2x + 3x, 2*3=6, 0x3, \(3 \times 4\)"
    assert same_reasoning(text, left) is None
    assert strip("3 × 4", "multiplied by ×", settings=STAR) == "3 * 4"


def test_doubled_blanks_are_known_by_their_characters() -> None:
    marker = Marker("characters", ".␣␣A", "chosen")
    assert STRIP.handles(marker)
    assert STRIP.apply("So.  And   so\n  on", [marker]) == "So. And so\n  on"
    assert not STRIP.handles(Marker("characters", "a␣b", "chosen"))
    assert STRIP.handles(Marker("words", "!", "chosen", "!"))
    assert not STRIP.handles(Marker("punctuation", "word in capitals", "chosen"))


@pytest.mark.parametrize(
    ("feature", "text"),
    [
        ("!", "We add! Then it is so."),
        ("...", "Hmm... we add. So it is."),
        ("—", "We add—so it is."),
        ("line ends in .", "We add.\nSo it is\nfour"),
        ("line with blanks at its end", "We add  \nso"),
        ("indented line", "We add\n  so"),
        ("spaced operators", "4 * 6 = 24 is so"),
        ("tight operators", "4+6 = 10 is so"),
        ("uneven operators", "6 /2 = 3 is so"),
    ],
)
def test_what_is_replaced_is_counted_under_its_name(feature: str, text: str) -> None:
    count = punctuation.Settings().count
    assert count(mask(text)).get(feature), count(mask(text))
    assert feature not in count(mask(strip(text, feature)))


PIECES = [
    "!",
    ".",
    "...",
    "…",
    ";",
    "—",
    " - ",
    "-",
    "“",
    "’",
    "，",
    ",",
    "a",
    "so ",
    "我",
    "3",
    " ",
    "  ",
    "\n",
    "+",
    "*",
    "/",
    "=",
    "$",
]


@given(st.lists(st.sampled_from(PIECES), max_size=20), st.sets(st.sampled_from(NAMES), min_size=1, max_size=4))
def test_stripping_twice_is_stripping_once(pieces: list[str], features: set[str]) -> None:
    once = strip("".join(pieces), *features)
    assert strip(once, *features) == once


def test_real_solutions_keep_numbers_formulas_and_answers(shared_data: Path) -> None:
    lines = (shared_data / "gsm8k" / "example_model_solutions.jsonl").read_text(encoding="utf-8").splitlines()
    texts = [json.loads(line)["175b_verification"]["solution"] for line in lines[::4]]
    for name in (
        "line ends in .",
        "’",
        "!",
        "spaced operators",
        "tight operators",
        "tight operators",
        "tight operators",
        "multiplied by x",
    ):
        changed = [(text, after) for text in texts if (after := strip(text, name, settings=STAR)) != text]
        assert [why for text, after in changed if (why := same_reasoning(text, after))] == [], name


@pytest.mark.parametrize(
    "unit", ["!", "a!", "a...", "a;\n", " ", "  a", "1+1", "1 - 1 =", "1x1=", "a — ", "“", "a.\n", "，a"]
)
def test_long_texts_take_linear_time(unit: str) -> None:
    text = unit * (100_000 // len(unit))
    for name in (
        "!",
        "...",
        ";",
        "—",
        "“",
        "line ends in .",
        "line with blanks at its end",
        "tight operators",
        "spaced operators",
    ):
        strip(text, name)
    strip(text, "multiplied by x", "indented line", settings=STAR)
