"""Numbers, units, times and words in English and Chinese."""

from __future__ import annotations

from fractions import Fraction

import pytest

from pipeline.answers.numerals import read_numeral
from pipeline.answers.regions import NoRegion, find_region, same_region
from pipeline.answers.syntax import parse
from pipeline.answers.times import Clock, Date, read_clock, read_date
from pipeline.answers.units import find_unit
from pipeline.answers.words import read_class


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("seven", 7),
        ("twenty-four", 24),
        ("three hundred and five", 305),
        ("two million", 2_000_000),
        ("one half", Fraction(1, 2)),
        ("two thirds", Fraction(2, 3)),
        ("minus six", -6),
        ("a dozen", 12),
        ("十", 10),
        ("二十四", 24),
        ("三百零五", 305),
        ("三百五", 350),
        ("两万五", 25_000),
        ("一亿零三", 100_000_003),
        ("三点一四", Fraction("3.14")),
        ("负五", -5),
        ("四分之三", Fraction(3, 4)),
        ("一又二分之一", Fraction(3, 2)),
        ("百分之五", Fraction(1, 20)),
        ("半", Fraction(1, 2)),
    ],
)
def test_a_number_in_words_has_its_value(text: str, value: Fraction | int) -> None:
    assert read_numeral(text) == value


@pytest.mark.parametrize("text", ["", "and", "one two", "twenty thirty", "apple", "5", "five apples", "点五", "万岁"])
def test_what_is_no_number_in_words_has_none(text: str) -> None:
    assert read_numeral(text) is None


@pytest.mark.parametrize(
    ("text", "kind"), [("cm", "length"), ("square meters", "length^2"), ("m/s", "length/time"), ("元", "yuan")]
)
def test_a_unit_is_known_by_its_names(text: str, kind: str) -> None:
    unit = find_unit(text)
    assert unit is not None
    assert unit.kind == kind


@pytest.mark.parametrize("text", ["apples", "people", "个", "", "per", "/"])
def test_what_merely_counts_is_no_unit(text: str) -> None:
    assert find_unit(text) is None


@pytest.mark.parametrize(
    ("text", "clock"),
    [
        ("4:30 p.m.", Clock(990, True)),
        ("16:30", Clock(990, True)),
        ("4:30", Clock(270, False)),
        ("下午四点半", Clock(990, True)),
        ("noon", Clock(720, True)),
        ("12:15 a.m.", Clock(15, True)),
    ],
)
def test_a_time_of_day_is_minutes_since_midnight(text: str, clock: Clock) -> None:
    assert read_clock(text) == clock


@pytest.mark.parametrize("text", ["25:00", "4:75", "3:2", "5", "half"])
def test_what_is_no_time_of_day_is_none(text: str) -> None:
    assert read_clock(text) is None


def test_a_date_is_read_in_its_usual_forms() -> None:
    assert (
        read_date("February 29, 2024")
        == read_date("29 February 2024")
        == read_date("2024年2月29日")
        == Date(2, 29, 2024)
    )
    assert read_date("Mayor 5") is None


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("yes", "正确"),
        ("odd", "n为奇数"),
        ("all primes p", "素数"),
        ("no real solutions", "无实数解"),
        ("Yes, it is", "是"),
    ],
)
def test_words_of_one_meaning_are_one_class(one: str, other: str) -> None:
    assert read_class(one) == read_class(other) is not None


def test_opposites_share_a_class_and_are_not_the_same() -> None:
    even, odd = read_class("even"), read_class("奇数")
    assert even is not None
    assert odd is not None
    assert even[0] == odd[0]
    assert even[1] != odd[1]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("(1,3)\\cup [3,5)", "(1,5)"),
        ("x^2 < 4", "(-2,2)"),
        ("x^2 >= 4", "(-\\infty ,-2]\\cup [2,\\infty )"),
        ("\\reals \\setminus \\{0\\}", "x != 0"),
        ("1 < 2x <= 4", "(1/2,2]"),
        ("x > 1 or x < 0", "(-\\infty ,0)\\cup (1,\\infty )"),
        ("x > 1, x < 3", "(1,3)"),
    ],
)
def test_a_set_of_numbers_is_the_same_however_it_is_written(one: str, other: str) -> None:
    assert same_region(find_region(parse(one)), find_region(parse(other)))


@pytest.mark.parametrize("text", ["x + y > 1", "(5,1)", "x^3 > 1", "7"])
def test_what_is_no_set_of_numbers_in_one_unknown_is_refused(text: str) -> None:
    with pytest.raises(NoRegion):
        find_region(parse(text))
