"""The completion cache: what is known is not asked again, and nothing else is taken for known."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from pipeline.access import Access
from pipeline.cache import CachedEngine, CompletionCache, completion_key
from pipeline.engines.base import Request
from pipeline.engines.endpoint import Settings as Endpoint
from pipeline.engines.scripted import Scripted
from pipeline.errors import ConfigError, RequestFailed, StoppedEarly
from pipeline.types import Completion, Message, SamplingParams
from tests.conftest import Server

ASK = (Message(role="user", content="q"),)
PARAMS = SamplingParams()


def make_engine(tmp_path: Path, fail: Sequence[int] = ()) -> tuple[CachedEngine, Scripted]:
    script = Scripted(lambda messages, i: RequestFailed("no") if i in fail else f"{messages[0].content}-{i}")
    return CachedEngine(script, CompletionCache(tmp_path / "cache.sqlite")), script


def texts(made: Sequence[Completion]) -> list[str]:
    return [completion.text for completion in made]


def test_only_the_missing_samples_are_asked_for(tmp_path: Path) -> None:
    engine, script = make_engine(tmp_path)
    assert texts(asyncio.run(engine.complete(ASK, n=2, params=PARAMS))) == ["q-0", "q-1"]
    assert texts(asyncio.run(engine.complete(ASK, n=4, params=PARAMS))) == ["q-0", "q-1", "q-2", "q-3"]
    assert script.asked == 4
    other, fresh = make_engine(tmp_path)
    assert len(asyncio.run(other.complete(ASK, n=4, params=PARAMS))) == 4
    assert (fresh.asked, other.meter.from_cache) == (0, 4)


def test_equal_requests_at_the_same_time_are_asked_once(tmp_path: Path) -> None:
    engine, script = make_engine(tmp_path)

    async def ask() -> list[list[Completion]]:
        return await asyncio.gather(*(engine.complete(ASK, params=PARAMS) for _ in range(8)))

    assert {texts(made)[0] for made in asyncio.run(ask())} == {"q-0"}
    assert script.asked == 1


def test_a_failure_is_not_remembered_and_the_group_goes_on(tmp_path: Path) -> None:
    engine, _ = make_engine(tmp_path, fail=[0])
    group = [Request(messages=ASK, params=PARAMS), Request(messages=ASK, params=PARAMS, offset=1)]
    failed, fine = asyncio.run(engine.complete_many(group))
    assert isinstance(failed, RequestFailed)
    assert not isinstance(fine, Exception)
    assert texts(fine) == ["q-1"]
    healthy, script = make_engine(tmp_path)
    asyncio.run(healthy.complete_many(group))
    assert script.asked == 1


def test_the_key_depends_on_messages_parameters_index_and_identity_and_on_all_of_them() -> None:
    other = (Message(role="user", content="q2"),)
    system = (Message(role="system", content="q"),)
    hot = SamplingParams(temperature=0.5)
    keys = {
        completion_key("m", ASK, PARAMS, 0),
        completion_key("m2", ASK, PARAMS, 0),
        completion_key("m", other, PARAMS, 0),
        completion_key("m", system, PARAMS, 0),
        completion_key("m", ASK, hot, 0),
        completion_key("m", ASK, PARAMS, 1),
    }
    assert len(keys) == 6
    assert completion_key("m", ASK, SamplingParams(), 0) in keys


def test_a_file_that_is_no_cache_is_named(tmp_path: Path) -> None:
    (tmp_path / "cache.sqlite").write_text("not a database " * 100)
    with pytest.raises(ConfigError, match=r"cache\.sqlite"):
        CompletionCache(tmp_path / "cache.sqlite")


def test_samples_with_gaps_between_them_are_filled_and_nothing_else_is_asked(tmp_path: Path) -> None:
    engine, _ = make_engine(tmp_path, fail=[1])
    for index in (0, 2, 3):
        asyncio.run(engine.complete(ASK, params=PARAMS, offset=index))
    other, script = make_engine(tmp_path)
    assert texts(asyncio.run(other.complete(ASK, n=5, params=PARAMS))) == ["q-0", "q-1", "q-2", "q-3", "q-4"]
    assert script.asked == 2


WRITER = """
import asyncio, sys
from pathlib import Path
from pipeline.access import Access
from pipeline.engines.scripted import Settings
from pipeline.types import Message, SamplingParams

async def main(name):
    async with Access(Path(sys.argv[1]), name) as access:
        engine = await access.open("student", Settings(function="tests_script:reply"))
        for i in range(300):
            asked = Message(role="user", content=f"{name if i % 2 else 'both'} {i}")
            await engine.complete((asked,), params=SamplingParams())

asyncio.run(main(sys.argv[2]))
"""


def test_several_processes_write_one_cache(tmp_path: Path) -> None:
    (tmp_path / "tests_script.py").write_text("def reply(messages, index): return messages[-1].content + '!'\n")
    (tmp_path / "writer.py").write_text(WRITER)
    path = os.pathsep.join([str(tmp_path), str(Path(__file__).parents[2])])
    command = [sys.executable, str(tmp_path / "writer.py"), str(tmp_path / "cache.sqlite")]
    environment = {**os.environ, "PYTHONPATH": path}
    writers = [subprocess.Popen([*command, name], env=environment) for name in ("a", "b", "c")]
    assert [writer.wait(120) for writer in writers] == [0, 0, 0]
    cache = CompletionCache(tmp_path / "cache.sqlite")
    stored = cache._reader.execute("SELECT count(*) FROM texts").fetchone()[0]
    assert stored == 150 + 3 * 150, "what is equal is there once, what differs is all there"
    for name in ("a", "b", "c"):
        assert cache.spent(name)["student"].completions <= 300
    cache.close()


def test_once_the_disk_is_full_no_request_is_sent_that_could_not_be_kept(
    tmp_path: Path, serve: Callable[[Callable[[dict[str, Any]], Any]], Server]
) -> None:
    server = serve(lambda body: ["x" * 5000])
    settings = Endpoint(base_url=server.url, model="m", max_concurrency=4)

    async def run() -> list[BaseException | list[Completion]]:
        async with Access(tmp_path / "cache.sqlite", "run") as access:
            engine = await access.open("student", settings)
            assert isinstance(access.cache, CompletionCache)
            access.cache._writer.execute("PRAGMA max_page_count = 60")
            asks = [(Message(role="user", content=f"q{number}"),) for number in range(1000)]
            return await asyncio.gather(*(engine.complete(ask, params=PARAMS) for ask in asks), return_exceptions=True)

    made = asyncio.run(run())
    kept = [one for one in made if isinstance(one, list)]
    assert kept
    assert {type(one) for one in made if isinstance(one, BaseException)} == {StoppedEarly}
    assert "the disk is full" in str(next(one for one in made if isinstance(one, StoppedEarly)))
    assert len(server.bodies) < 500, "what was under way, and on its way to the disk"
    again, _ = make_engine(tmp_path)
    assert again.cache.spent("run")["student"].completions == len(kept)
