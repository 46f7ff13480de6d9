"""Several endpoints for one model: work moves on when one is paused, broken or refuses."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path
from typing import Any

from pipeline.access import Access
from pipeline.engines.pool import Settings
from pipeline.errors import EngineUnusable, RequestFailed
from pipeline.types import Message, SamplingParams

PARAMS = SamplingParams()
FAST = {"model": "m", "retry_wait": 0.005, "max_retries": 2, "breaker_failures": 3, "breaker_pause": 30.0}


def ask_all(tmp_path: Path, count: int, n: int = 1, **endpoints: dict[str, Any]) -> tuple[list[Any], Access]:
    settings = Settings.model_validate({"endpoints": {name: {**FAST, **e} for name, e in endpoints.items()}})

    async def run() -> tuple[list[Any], Access]:
        async with Access(tmp_path / "cache.sqlite", "run") as access:
            pool = await access.open("teacher", settings)
            calls = [pool.complete((Message(role="user", content=f"q{i}"),), n=n, params=PARAMS) for i in range(count)]
            return await asyncio.gather(*calls, return_exceptions=True), access

    return asyncio.run(run())


def broken(body: dict[str, Any]) -> Any:
    return 500, {"error": {"message": "down"}}


def test_a_broken_endpoint_is_left_alone_and_the_next_one_does_the_work(tmp_path: Path, serve) -> None:
    count = iter(range(1000))
    first = serve(lambda body: ["first"] if next(count) < 5 else broken(body))
    second = serve(lambda body: ["second"])
    made, access = ask_all(tmp_path, 100, a={"base_url": first.url, "max_concurrency": 4}, b={"base_url": second.url})
    texts = [m[0].text for m in made]
    assert texts.count("first") == 5
    assert texts.count("second") == 95
    assert len(first.bodies) < 30, "its circuit opened: it was not asked a hundred times"
    assert access.meters["teacher/a"].completions == 5
    assert access.meters["teacher/b"].completions == 95


def test_the_first_endpoint_does_all_while_it_works(tmp_path: Path, serve) -> None:
    first, second = serve(lambda body: ["first"]), serve(lambda body: ["second"])
    made, _ = ask_all(tmp_path, 30, a={"base_url": first.url}, b={"base_url": second.url})
    assert {m[0].text for m in made} == {"first"}
    assert second.bodies == []


def test_a_wrong_key_takes_one_endpoint_out_and_is_told(tmp_path: Path, serve, caplog) -> None:
    locked = serve(lambda body: (401, {"error": {"message": "bad key"}}))
    second = serve(lambda body: ["second"])
    with caplog.at_level(logging.WARNING):
        made, _ = ask_all(tmp_path, 20, a={"base_url": locked.url, "max_concurrency": 2}, b={"base_url": second.url})
    assert {m[0].text for m in made} == {"second"}
    assert len(locked.bodies) <= 2
    assert "teacher/a leaves the pool" in caplog.text


def test_when_none_is_left_the_error_of_the_first_is_told(tmp_path: Path, serve) -> None:
    a, b = serve(lambda body: (401, {})), serve(lambda body: (404, {}))
    made, _ = ask_all(tmp_path, 3, a={"base_url": a.url}, b={"base_url": b.url})
    assert all(isinstance(error, EngineUnusable) for error in made)
    assert "refuses the key" in str(made[0])


def test_what_one_refuses_another_may_take(tmp_path: Path, serve) -> None:
    short = serve(lambda body: (400, {"error": {"message": "context too long"}}))
    long = serve(lambda body: ["long"])
    made, _ = ask_all(tmp_path, 3, a={"base_url": short.url}, b={"base_url": long.url})
    assert {m[0].text for m in made} == {"long"}
    made, _ = ask_all(tmp_path / "other", 1, a={"base_url": short.url}, b={"base_url": short.url + "/"})
    assert isinstance(made[0], RequestFailed)
    assert "teacher/a: HTTP 400: context too long; teacher/b: HTTP 400" in str(made[0])


def test_waiting_for_a_paused_member_takes_no_processor_time(tmp_path: Path, serve, monkeypatch) -> None:
    naps: list[float] = []

    async def count(seconds: float, *_: Any) -> None:
        naps.append(seconds)
        await real_sleep(seconds)

    real_sleep = asyncio.sleep
    monkeypatch.setattr("pipeline.engines.pool.asyncio.sleep", count)
    down = iter([False] + [True] * 4)
    paused = serve(lambda body: broken(body) if next(down, False) else ["back"])
    refuses = serve(lambda body: (400, {"error": {"message": "no"}}))
    quick = {"base_url": paused.url, "breaker_pause": 0.2, "max_retries": 0, "max_concurrency": 1}
    made, _ = ask_all(tmp_path, 8, a=quick, b={"base_url": refuses.url})
    assert sum(isinstance(m, list) for m in made) >= 2, "before the pause, and after it"
    assert naps, "the pause was met"
    assert len(naps) < 500


def test_what_any_member_wrote_before_is_not_paid_again(tmp_path: Path, serve) -> None:
    down, second = serve(broken), serve(lambda body: ["second"])
    ask_all(tmp_path, 10, n=2, a={"base_url": down.url}, b={"base_url": second.url})
    asked = len(second.bodies)
    down.answer = lambda body: ["first"] * body.get("n", 1)
    made, _ = ask_all(tmp_path, 10, n=2, a={"base_url": down.url}, b={"base_url": second.url})
    assert {m[0].text for m in made} == {"second"}
    assert len(second.bodies) == asked
