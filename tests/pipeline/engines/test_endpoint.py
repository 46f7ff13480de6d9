"""The endpoint engine against a real HTTP server on loopback."""

from __future__ import annotations

import asyncio
import tempfile
import threading
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from pipeline.access import Access
from pipeline.engines.endpoint import Settings
from pipeline.errors import ConfigError, EngineUnusable, RequestFailed
from pipeline.types import Completion, Message, SamplingParams

ASK = (Message(role="user", content="2 + 2?"),)
PARAMS = [SamplingParams(), SamplingParams(temperature=0.5)]


def complete(
    settings: Settings, *, n: int = 1, params: SamplingParams | None = None, offset: int = 0
) -> list[Completion]:
    async def ask() -> list[Completion]:
        async with Access(Path(tempfile.mkdtemp()) / "cache.sqlite", "run") as access:
            engine = await access.open("m", settings)
            return await engine.complete(ASK, n=n, params=params or SamplingParams(), offset=offset)

    return asyncio.run(ask())


def test_texts_finish_reason_and_usage_come_back(serve) -> None:
    server = serve(lambda body: ["4", "five"])
    texts = complete(Settings(base_url=server.url, model="m"), n=2)
    assert [t.text for t in texts] == ["4", "five"]
    assert texts[0].finish_reason == "stop"
    assert sum(t.usage.prompt_tokens for t in texts) == 11
    assert sum(t.usage.completion_tokens for t in texts) == 14
    assert server.bodies[0]["n"] == 2


def test_samples_with_a_seed_are_single_requests_with_their_own_seeds(serve) -> None:
    server = serve(lambda body: [str(body["seed"])])
    params = SamplingParams(seed=100)
    assert [t.text for t in complete(Settings(base_url=server.url, model="m"), n=2, offset=3, params=params)] == [
        "103",
        "104",
    ]
    assert all("n" not in body for body in server.bodies)


def test_a_server_that_fails_on_seeds_need_not_be_sent_any(serve) -> None:
    server = serve(lambda body: ["4"] * body.get("n", 1))
    settings = Settings(base_url=server.url, model="m", omit=("seed",))
    assert len(complete(settings, n=3, params=SamplingParams(seed=1))) == 3
    assert [(body["n"], "seed" in body) for body in server.bodies] == [(3, False)]


def test_a_server_that_ignores_n_is_asked_until_there_are_enough(serve) -> None:
    server = serve(lambda body: ["one"])
    assert len(complete(Settings(base_url=server.url, model="m"), n=3)) == 3
    assert len(server.bodies) == 3


def test_overload_is_retried_and_then_recorded(serve) -> None:
    count = iter(range(100))
    server = serve(lambda body: (429, {"error": {"message": "slow down"}}) if next(count) < 2 else ["4"])
    settings = Settings(base_url=server.url, model="m", max_retries=3, retry_wait=0.01)
    assert complete(settings)[0].text == "4"
    assert len(server.bodies) == 3

    broken = serve(lambda body: (500, {"error": {"message": "down"}}))
    with pytest.raises(RequestFailed, match="HTTP 500: down"):
        complete(settings.model_copy(update={"base_url": broken.url, "max_retries": 1}))
    assert len(broken.bodies) == 2


def test_a_server_that_is_not_there_is_told_by_its_address() -> None:
    settings = Settings(base_url="http://127.0.0.1:9/v1", model="m", max_retries=0)
    with pytest.raises(RequestFailed, match=r"127\.0\.0\.1:9"):
        complete(settings)


def test_a_wrong_key_names_the_variable_to_set_and_never_the_key(serve, monkeypatch) -> None:
    monkeypatch.setenv("PLANTED_KEY", "sk-planted-secret")
    server = serve(lambda body: (401, {"error": {"message": "bad key sk-planted-secret"}}))
    with pytest.raises(EngineUnusable, match="PLANTED_KEY") as caught:
        complete(Settings(base_url=server.url, model="m", api_key_env="PLANTED_KEY"))
    assert "sk-planted-secret" not in str(caught.value)
    assert server.keys == {"Bearer sk-planted-secret"}
    assert len(server.bodies) == 1


def test_a_key_that_is_not_set_is_found_before_any_request(monkeypatch) -> None:
    monkeypatch.delenv("NO_SUCH_KEY", raising=False)
    with pytest.raises(ConfigError, match="NO_SUCH_KEY"):
        Settings(base_url="http://127.0.0.1:1/v1", model="m", api_key_env="NO_SUCH_KEY").check()


def test_an_unknown_model_ends_the_run(serve) -> None:
    server = serve(lambda body: (404, {"error": {"message": "no model m"}}))
    with pytest.raises(EngineUnusable, match=r"model m at .*no such model"):
        complete(Settings(base_url=server.url, model="m"))


def test_a_reply_without_choices_or_text_is_a_failure_not_an_empty_answer(serve) -> None:
    for reply in ({"choices": []}, {"choices": [{"index": 0, "message": {"content": None}, "finish_reason": "stop"}]}):
        server = serve(lambda body, reply=reply: (200, {"id": "x", "object": "chat.completion", **reply}))
        with pytest.raises(RequestFailed, match="after 2 tries"):
            complete(Settings(base_url=server.url, model="m", max_retries=1, retry_wait=0.01))


def test_a_server_that_refuses_n_is_asked_one_by_one_and_that_is_remembered(serve) -> None:
    def one_only(body: dict[str, Any]) -> Any:
        return (400, {"error": {"message": "n must be 1"}}) if body.get("n", 1) > 1 else ["one"]

    server = serve(one_only)

    async def ask() -> list[int]:
        async with Access(Path(tempfile.mkdtemp()) / "cache.sqlite", "run") as access:
            engine = await access.open("m", Settings(base_url=server.url, model="m"))
            return [len(await engine.complete(ASK, n=3, params=PARAMS[i])) for i in range(2)]

    assert asyncio.run(ask()) == [3, 3]
    assert [body.get("n", 1) for body in server.bodies] == [3, 1, 1, 1, 1, 1, 1]


def test_what_is_sent_can_be_fitted_to_the_server(serve, monkeypatch) -> None:
    monkeypatch.setenv("OTHER_SECRET", "s3cret")
    server = serve(lambda body: ["4"])
    settings = Settings(
        base_url=server.url,
        model="m",
        omit=("temperature", "top_p", "seed"),
        token_limit_field="max_completion_tokens",
        extra_body={"reasoning_effort": "low"},
        headers={"X-Title": "errata"},
        headers_env={"X-Secret": "OTHER_SECRET"},
    )
    complete(settings, params=SamplingParams(seed=3, stop=("Q:",), max_tokens=9))
    message = [{"role": "user", "content": "2 + 2?"}]
    sent = {"model": "m", "messages": message, "max_completion_tokens": 9, "stop": ["Q:"], "reasoning_effort": "low"}
    assert server.bodies == [sent]
    assert (server.headers[0]["X-Title"], server.headers[0]["X-Secret"]) == ("errata", "s3cret")


def test_what_shapes_the_texts_is_part_of_the_identity_and_how_fast_they_are_asked_is_not() -> None:
    plain = Settings(base_url="http://h/v1", model="m")
    assert plain.create().identity == "endpoint:http://h/v1:m"

    def same(**options: Any) -> bool:
        return Settings(base_url="http://h/v1/", model="m", **options).create().identity == plain.create().identity

    assert same(max_concurrency=3, timeout=5, requests_per_minute=7, input_price=1, output_price=1)
    assert not same(extra_body={"top_k": 5})
    assert not same(omit=("temperature",))
    assert not same(reasoning="keep")


@pytest.mark.parametrize(
    "options",
    [
        {"base_url": "https://user:pass@host/v1"},
        {"base_url": "https://host/v1?key=abc"},
        {"base_url": "host/v1"},
        {"base_url": "https://host/v1", "headers": {"Authorization": "Bearer abc"}},
        {"base_url": "https://host/v1", "headers": {"x-goog-api-key": "abc"}},
        {"base_url": "https://host/v1", "api_key_env": "sk-abc"},
        {"base_url": "https://host/v1", "headers_env": {"X-Key": "sk-abc"}},
        {"base_url": "https://host/v1#sk-abc"},
        {"base_url": "https://host/v1", "headers": {"X-Of-Mine": "Bearer abc"}},
        {"base_url": "https://host/v1", "headers": {"X-Proxy": "http://user:word@host"}},
        {"base_url": "https://host/v1", "extra_body": {"provider": {"api_key": "sk-abc"}}},
        {"base_url": "https://host/v1", "extra_body": {"hf_token": "abc"}},
        {"base_url": "https://host/v1", "extra_body": {"provider": ["sk-proj-0123456789"]}},
    ],
)
def test_secrets_have_no_place_in_settings(options: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match=r"api_key_env|headers_env|must be an address|must be the name"):
        Settings(model="m", **options)


@pytest.mark.parametrize(
    "address", ["https://host/v1\n", "https://host/\x1b[31m", "https://h\u202eost/v1", "https://h/v 1"]
)
def test_an_address_holds_nothing_that_acts_in_a_log(address: str) -> None:
    with pytest.raises(ValidationError, match="printable ASCII"):
        Settings(model="m", base_url=address)


def test_a_key_with_a_newline_is_taken_without_it_and_one_that_is_none_is_told(serve, monkeypatch) -> None:
    server = serve(lambda body: ["4"])
    monkeypatch.setenv("PLANTED_KEY", "sk-planted\n")
    complete(Settings(base_url=server.url, model="m", api_key_env="PLANTED_KEY"))
    assert server.keys == {"Bearer sk-planted"}
    monkeypatch.setenv("PLANTED_KEY", "sk\nplanted")
    with pytest.raises(ConfigError, match="PLANTED_KEY holds characters that no key has"):
        Settings(base_url=server.url, model="m", api_key_env="PLANTED_KEY").check()


def test_samples_with_seeds_are_asked_side_by_side(serve) -> None:
    together = threading.Barrier(4, timeout=30)

    def answer(body: dict[str, Any]) -> list[str]:
        together.wait()  # broken unless all four are there
        return [str(body["seed"])]

    server = serve(answer)
    made = complete(Settings(base_url=server.url, model="m"), n=4, params=SamplingParams(seed=0))
    assert [m.text for m in made] == ["0", "1", "2", "3"]


def test_one_sample_that_fails_takes_no_other_with_it(serve, tmp_path) -> None:
    refused = {"error": {"message": "no"}}
    server = serve(lambda body: (400, refused) if body["seed"] == 2 else [str(body["seed"])])
    settings = Settings(base_url=server.url, model="m")

    async def ask() -> list[Completion]:
        async with Access(tmp_path / "cache.sqlite", "run") as access:
            engine = await access.open("student", settings)
            return await engine.complete(ASK, n=4, params=SamplingParams(seed=0))

    with pytest.raises(RequestFailed) as caught:
        asyncio.run(ask())
    assert {index: made.text for index, made in caught.value.completed.items()} == {0: "0", 1: "1", 3: "3"}
    server.answer = lambda body: [str(body["seed"])]
    assert [made.text for made in asyncio.run(ask())] == ["0", "1", "2", "3"]
    assert [body["seed"] for body in server.bodies[4:]] == [2], "the others were paid for and kept"
