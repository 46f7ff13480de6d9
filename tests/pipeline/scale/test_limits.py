"""What a setting allows all workers together is divided; what decides a text is not touched."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pipeline.config import RunSettings
from pipeline.engines.endpoint import Settings as Endpoint
from pipeline.scale.cluster import Node
from pipeline.scale.limits import capacity_of, exceeded, gpus_needed, group_size_of, meter_names, share_limits
from tests.pipeline.scale.lesson import make_settings

SERVER = {"engine": "endpoint", "base_url": "http://127.0.0.1:1/v1", "max_concurrency": 30}


def settings_of(tmp_path: Path, **sections: Any) -> RunSettings:
    teachers = {
        "one": {**SERVER, "model": "a", "requests_per_minute": 600, "min_concurrency": 20},
        "two": {"engine": "pool", "endpoints": {"x": {**SERVER, "model": "b"}, "y": {**SERVER, "model": "c"}}},
    }
    student = {"engine": "vllm", "model": "m", "tensor_parallel": 2, "replicas": 2, "max_concurrency": 100}
    whole = {"student": student, "teachers": {**teachers, "teacher": {**SERVER, "model": "d"}}, **sections}
    return make_settings(tmp_path, tmp_path / "problems.jsonl", **whole)


def test_an_endpoints_caps_are_divided_and_a_workers_own_server_has_its_own(tmp_path: Path) -> None:
    settings = settings_of(tmp_path)
    shared = share_limits(settings, 8, 7)
    one = shared.teachers["one"]
    assert isinstance(one, Endpoint)
    assert (one.max_concurrency, one.min_concurrency, one.requests_per_minute) == (3, 3, 75.0)
    assert one.tokens_per_minute is None
    assert [member.max_concurrency for member in shared.teachers["two"].members.values()] == [3, 3]  # type: ignore[attr-defined]
    assert shared.student == settings.student
    assert share_limits(settings, 100).teachers["one"].max_concurrency == 1  # type: ignore[attr-defined]
    assert settings.teachers["one"].max_concurrency == 30  # type: ignore[attr-defined]


def test_all_workers_together_have_what_the_setting_says_and_at_least_one_each(tmp_path: Path) -> None:
    settings = settings_of(tmp_path)

    def total(workers: int) -> int:
        shares = [share_limits(settings, workers, number) for number in range(workers)]
        return sum(shared.teachers["one"].max_concurrency for shared in shares)  # type: ignore[attr-defined]

    assert [total(workers) for workers in (1, 7, 8, 30, 31, 50)] == [30, 30, 30, 30, 31, 50]
    assert exceeded(settings, 30) == []
    assert exceeded(settings, 31) == ["one", "two/x", "two/y", "teacher"]
    assert exceeded(settings_of(tmp_path, scale={"share_limits": False}), 31) == []


def test_each_worker_may_have_the_caps_for_itself(tmp_path: Path) -> None:
    settings = settings_of(tmp_path, scale={"share_limits": False})
    assert share_limits(settings, 8) == settings


def test_a_judges_endpoint_is_divided_and_a_checker_keeps_to_its_processors(tmp_path: Path) -> None:
    judge = {"checker": "judge", "engine": {**SERVER, "model": "j"}}
    checker = {"checker": "chain", "first": {"checker": "math", "workers": 64}, "second": judge}
    settings = settings_of(tmp_path, checker=checker, scale={"cpus": 3.5})
    shared: Any = share_limits(settings, 10).checker
    assert (shared.first.workers, shared.second.engine.max_concurrency) == (4, 3)


def test_gpus_are_counted_where_models_are_served_or_loaded(tmp_path: Path) -> None:
    assert gpus_needed(settings_of(tmp_path)) == 4
    loaded = {"engine": "transformers", "model": "m"}
    assert gpus_needed(settings_of(tmp_path, student=loaded)) == 1
    assert gpus_needed(settings_of(tmp_path, student=loaded | {"device": "cpu"})) == 0
    assert group_size_of(settings_of(tmp_path, student=loaded | {"group_size": 7})) == 7


def test_engines_are_known_before_they_are_opened(tmp_path: Path) -> None:
    settings = settings_of(tmp_path)
    assert meter_names(settings) == ["student", "one", "two/x", "two/y", "teacher"]
    assert capacity_of(settings) == [200, 30, 30, 30, 30]
    assert group_size_of(settings) == 1
    assert group_size_of(settings_of(tmp_path, student=settings.teachers["two"].model_dump(mode="json"))) == 1


@pytest.mark.parametrize(
    ("node", "wanted", "room"),
    [((8, 2), (1, 0), 8), ((8, 2), (3, 0), 2), ((8, 2), (1, 1), 2), ((1, 4), (2, 1), 0), ((8, 0), (1, 1), 0)],
)
def test_workers_fit_where_processors_and_gpus_do(node: tuple[int, int], wanted: tuple[int, int], room: int) -> None:
    assert Node("id", "host", *node).room(*wanted) == room
