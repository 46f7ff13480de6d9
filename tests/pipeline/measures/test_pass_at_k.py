"""pass@k counts what drawing every set of k samples counts."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from math import prod

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.measures.pass_at_k import pass_at, pass_at_k
from pipeline.types import Grade, Verdict

VERDICTS: dict[str, Verdict] = {"c": "correct", "w": "wrong", "u": "unknown"}


def grade_all(letters: str, extracted: Sequence[str | None] | None = None) -> tuple[Grade, ...]:
    """One grade a letter: c correct, w wrong, u unknown."""
    answers = extracted or ["1"] * len(letters)
    return tuple(
        Grade(verdict=VERDICTS[letter], extracted=answer, reason="")
        for letter, answer in zip(letters, answers, strict=True)
    )


@pytest.mark.parametrize("n", range(1, 8))
def test_all_sets_of_k_are_counted(n: int) -> None:
    for c, k in itertools.product(range(n + 1), range(1, n + 1)):
        sets = list(itertools.combinations([True] * c + [False] * (n - c), k))
        assert pass_at_k(n, c, k) == pytest.approx(sum(map(any, sets)) / len(sets), abs=1e-15)


@given(st.integers(1, 300), st.data())
def test_it_is_the_papers_product(n: int, data: st.DataObject) -> None:
    c, k = data.draw(st.integers(0, n)), data.draw(st.integers(1, n))
    # Chen et al. 2021, figure 3: 1 - prod(1 - k / i for i in n-c+1 .. n), and 1 where n - c < k
    paper = 1.0 if n - c < k else 1 - prod(1 - k / i for i in range(n - c + 1, n + 1))
    assert pass_at_k(n, c, k) == pytest.approx(paper, abs=1e-12)


@given(st.integers(1, 60), st.data())
def test_more_right_ones_and_more_tries_never_hurt(n: int, data: st.DataObject) -> None:
    c, k = data.draw(st.integers(0, n - 1)), data.draw(st.integers(1, n))
    assert 0 <= pass_at_k(n, c, k) <= pass_at_k(n, c + 1, k) <= 1
    assert pass_at_k(n, c, 1) == c / n
    if k < n:
        assert pass_at_k(n, c, k) <= pass_at_k(n, c, k + 1)


def test_known_values() -> None:
    assert pass_at_k(200, 1, 100) == 0.5
    assert pass_at_k(5, 2, 2) == 0.7
    assert pass_at_k(10_000, 1, 3) == pytest.approx(3e-4, rel=1e-12)  # 1 - (1 - 3e-4) would lose four digits
    assert pass_at_k(4, 0, 4) == 0
    assert pass_at_k(4, 1, 4) == 1


@pytest.mark.parametrize(("n", "c", "k"), [(4, 5, 1), (4, 1, 5), (4, -1, 1), (4, 1, 0), (-1, 0, 1), (0, 0, 1)])
def test_impossible_counts_are_refused(n: int, c: int, k: int) -> None:
    with pytest.raises(ValueError, match="needs 0 <= c <= n and 1 <= k <= n"):
        pass_at_k(n, c, k)


def test_problems_are_averaged_and_unknown_is_not_right() -> None:
    told = pass_at([grade_all("cwwu"), grade_all("uuuu"), grade_all("cccc"), grade_all("ccww")], 2)
    assert told is not None
    assert told.value == pytest.approx((0.5 + 0 + 1 + 5 / 6) / 4, abs=5e-5)
    assert told.interval[0] < told.value < told.interval[1]


def test_problems_with_too_few_samples_are_left_out() -> None:
    told = pass_at([grade_all("cw"), grade_all("w"), ()], 2)
    assert told is not None
    assert told.value == 1
    assert pass_at([grade_all("cw")], 3) is None
    assert pass_at([], 1) is None
