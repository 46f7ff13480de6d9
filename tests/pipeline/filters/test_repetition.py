"""Loops are found and measured; tables, and steps that are alike but for their numbers, are none."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.filters.base import Texts
from pipeline.filters.repetition import Settings
from tests.pipeline.filters.conftest import RIGHT, RIGHT_ZH, make_pair, read_attempts

LINE = "Dividing both sides by 2, we get 33 / 2 = 2x / 2"


@pytest.mark.parametrize(
    "loop",
    [
        f"{LINE}\n" * 12,
        "So the answer is 18. " * 20,
        "the " * 60,
        "所以答案是十八。" * 15,
        "3" * 400,
        "啊" * 200,
        "= " * 100,
    ],
)
def test_a_loop_is_found_with_its_share(loop: str) -> None:
    for start in (RIGHT, RIGHT_ZH):
        text = f"{start}\n{loop}"
        found = Settings().find(make_pair(text))
        assert found is not None
        assert found.action == "drop"
        assert found.score is not None
        assert 0.2 < found.score < 1
        assert found.span is not None
        assert found.span[0] >= len(start)
        assert text[slice(*found.span)] in text


@pytest.mark.parametrize(
    "text",
    [
        RIGHT,
        RIGHT_ZH,
        f"{LINE}\n" * 2,
        "\n".join(f"On day {n} he has {n} * 4 = {4 * n} eggs in the basket." for n in range(1, 40)),
        "\n".join(f"第{n}天有 {n} * 4 = {4 * n} 个蛋在篮子里。" for n in range(1, 40)),
        "| day | eggs |\n|---|---|\n" + "\n".join(f"| {n} | {n * n} |" for n in range(1, 40)),
        "1/3 = 0.33333333333333331",
        "",
    ],
)
def test_tables_and_steps_that_are_alike_are_no_loop(text: str) -> None:
    assert Settings().find(make_pair(text)) is None


def test_the_bound_is_a_setting() -> None:
    text = f"{RIGHT}\n" + f"{LINE}\n" * 12
    found = Settings().find(make_pair(text))
    assert found is not None
    assert found.score is not None
    assert Settings(at_most=round(found.score + 0.01, 2)).find(make_pair(text)) is None
    assert Settings(times=30).find(make_pair(text)) is None


def test_no_right_solution_is_a_loop_and_the_known_loops_are_found(real_pairs: list[Texts], shared_data: Path) -> None:
    assert [pair.chosen for pair in real_pairs if Settings().find(pair)] == []
    wrong = [pair for pair in read_attempts(shared_data, right=False) if Settings().find(pair)]
    assert len(wrong) == 5
    assert any(pair.chosen.endswith("3" * 100) for pair in wrong)


@given(st.text(max_size=300))
def test_the_score_is_a_share_and_the_span_lies_in_the_text(text: str) -> None:
    found = Settings(times=2, at_most=0.01).find(make_pair(text * 5))
    if found is not None:
        assert found.score is not None
        assert 0 < found.score <= 1
        assert found.span is not None
        assert 0 <= found.span[0] < found.span[1] <= len(text * 5)
