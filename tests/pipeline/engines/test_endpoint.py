"""The endpoint engine against a real HTTP server on loopback."""

from __future__ import annotations

import asyncio

import pytest

from pipeline.engines.endpoint import Settings
from pipeline.errors import ConfigError, EngineUnusable, RequestFailed
from pipeline.types import Completion, Message, SamplingParams

ASK = (Message(role="user", content="2 + 2?"),)


def complete(
    settings: Settings, *, n: int = 1, params: SamplingParams | None = None, offset: int = 0
) -> list[Completion]:
    async def ask() -> list[Completion]:
        async with settings.create() as engine:
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
