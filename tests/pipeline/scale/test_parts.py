"""Problems are cut at multiples of the student's groups, and come back as they were."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.errors import ConfigError
from pipeline.scale.parts import MOST, Parts, part_size, write_parts
from pipeline.types import Problem

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)
EXTRAS = st.one_of(
    TEXTS, st.integers(-(2**63), 2**63), st.floats(allow_nan=False), st.booleans(), st.none(), st.tuples(TEXTS, TEXTS)
)


@given(st.integers(1, 3_000_000), st.integers(1, 500), st.integers(1, 200), st.sampled_from([1, 2, 7, 64]))
def test_parts_are_whole_groups_and_never_too_many(problems: int, wanted: int, workers: int, group: int) -> None:
    size = part_size(problems, wanted, workers, group)
    assert size % group == 0
    assert math.ceil(problems / size) <= MOST
    assert size < max(wanted, problems / MOST) + 1 + group


def test_few_problems_are_spread_over_all_workers() -> None:
    assert part_size(100, 50, 5, 1) == 5
    assert part_size(1319, 50, 2, 1) == 50
    assert part_size(1_000_000, 50, 8, 1) == 200


@settings(deadline=None, max_examples=25)
@given(st.lists(st.dictionaries(TEXTS, EXTRAS, max_size=3), min_size=1, max_size=12), st.integers(1, 5))
def test_problems_come_back_as_they_were(tmp_path_factory: pytest.TempPathFactory, extras: list, size: int) -> None:
    problems = [
        Problem(id=f"p{n}", question="What?", answer=None if n % 2 else "1", extras=more, source=f"f:{n}")
        for n, more in enumerate(extras)
    ]
    file = tmp_path_factory.mktemp("parts") / "new" / "problems.parquet"
    sizes = write_parts(file, problems, size)
    parts = Parts(file, size)
    assert list(parts) == list(enumerate(problems))
    assert [len(parts.read(part)) for part in range(len(parts))] == sizes
    for (_, problem), wanted in zip(parts, problems, strict=True):
        assert [type(value) for value in problem.extras.values()] == [type(v) for v in wanted.extras.values()]
    parts.close()


def test_a_node_that_does_not_see_the_run_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="storage that all nodes share"):
        Parts(tmp_path / "problems.parquet", 5)
