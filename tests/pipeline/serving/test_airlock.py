"""A hostile server gets what is meant for it and no more, sends nobody elsewhere, and fills no memory."""

from __future__ import annotations

import asyncio
import gzip
import json
import logging
import tracemalloc
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest

from pipeline.engines.endpoint import Settings
from pipeline.errors import EngineUnusable, ErrataError, RequestFailed
from pipeline.serving.airlock import LARGEST_REPLY
from pipeline.serving.client import is_loopback
from pipeline.types import Completion, Message, SamplingParams
from tests.pipeline.serving.hostile import HostileServer, completion, sends, serving

KEY, OTHER = "sk-planted-key-0123456789", "planted-header-9876543210"
PROMPT = "a prompt that is nobody else's"


@pytest.fixture(autouse=True)
def keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLANTED_KEY", KEY)
    monkeypatch.setenv("PLANTED_HEADER", OTHER)


def ask(server: HostileServer, **options: Any) -> list[Completion]:
    given = {"api_key_env": "PLANTED_KEY", "headers_env": {"X-Other": "PLANTED_HEADER"}, "max_retries": 0}
    settings = Settings(base_url=server.url, model="m", **{**given, "timeout": 30.0, **options})

    async def run() -> list[Completion]:
        async with settings.create() as engine:
            return await engine.complete((Message(role="user", content=PROMPT),), params=SamplingParams())

    return asyncio.run(run())


def fails(server: HostileServer, kind: type[ErrataError] = RequestFailed, **options: Any) -> str:
    with pytest.raises(kind) as caught:
        ask(server, **options)
    return str(caught.value)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_to_another_host_is_refused_by_both_names_and_that_host_hears_nothing(status: int) -> None:
    with serving(sends(completion("evil"))) as evil:
        target = f"{evil.by_name}/chat/completions?token=theirs"
        with serving(sends("", status, Location=target)) as server:
            told = fails(server, EngineUnusable)
        assert server.url in told
        assert f"{evil.by_name}/chat/completions," in told
        assert "token" not in told
        assert evil.asked == []
    assert [(one.method, one.headers["x-other"]) for one in server.asked] == [("POST", OTHER)]


def test_a_redirect_on_the_same_host_or_to_nowhere_is_told_as_one() -> None:
    for location, told in (("/v2/x", "/v2/x,"), ("http://[::bad", "an address that is none"), ("", "/v1/chat")):
        with serving(sends("", 307, Location=location)) as server:
            assert told in fails(server, EngineUnusable)


def test_only_what_is_configured_is_sent_whatever_lies_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-another-providers")
    monkeypatch.setenv("OPENAI_ORG_ID", "org-of-another")
    monkeypatch.setenv("OPENAI_PROJECT_ID", "project-of-another")
    monkeypatch.setenv("OPENAI_CUSTOM_HEADERS", "Authorization: Bearer gateway\nX-Gateway: secret-of-a-gateway")
    with serving(sends(completion())) as server:
        ask(server, headers={"X-Title": "errata"})
        ask(server, api_key_env=None, headers_env={})
    first, second = (one.headers for one in server.asked)
    usual = {"accept", "accept-encoding", "authorization", "content-length", "content-type", "host", "user-agent"}
    assert first.keys() == usual | {"x-title", "x-other"}
    assert second.keys() == usual
    assert (first["authorization"], first["x-other"], first["x-title"]) == (f"Bearer {KEY}", OTHER, "errata")
    assert second["authorization"] == "Bearer none"
    assert first["accept-encoding"] == "identity"


def test_a_configured_authorization_takes_the_place_of_the_keys() -> None:
    with serving(sends(completion())) as server:
        ask(server, api_key_env=None, headers_env={"Authorization": "PLANTED_HEADER"})
    assert server.asked[0].headers["authorization"] == OTHER


def test_this_machine_is_not_asked_through_a_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(sends(completion("proxy"))) as proxy, serving(sends(completion("server"))) as server:
        monkeypatch.delenv("NO_PROXY", raising=False)
        monkeypatch.delenv("no_proxy", raising=False)
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, proxy.url.removesuffix("/v1"))
        assert ask(server)[0].text == "server"
        assert proxy.asked == []


@pytest.mark.parametrize(
    "host",
    [
        *("127.1.2.3", "[::1]:8", "localhost", "0.0.0.0", "[::]", "localhost.", "a.localhost", "A.LocalHost.:8"),
        *("127.1", "2130706433", "0x7f000001", "0", "127.0.0.1.", "[::ffff:127.0.0.1]", "[::ffff:0.0.0.0]"),
    ],
)
def test_this_machine_is_known_by_all_its_names(host: str) -> None:
    assert is_loopback(f"http://{host}/v1")


@pytest.mark.parametrize(
    "host", ["h", "10.0.0.1", "localhost.org", "notlocalhost", "128.1", "[::ffff:10.0.0.1]", "[fe80::1]", "127.0.0.1.h"]
)
def test_another_machine_is_none_of_ours(host: str) -> None:
    assert not is_loopback(f"http://{host}/v1")


def endless(handler: BaseHTTPRequestHandler) -> None:
    """Half a gigabyte of white space, piece by piece."""
    handler.send_response(200)
    handler.send_header("Content-Type", "application/json")
    handler.end_headers()
    for _ in range(512):
        handler.wfile.write(b" " * (1 << 20))
    handler.close_connection = True


def test_a_reply_without_end_is_cut_off_at_its_bound() -> None:
    with serving(endless) as server:
        tracemalloc.start()
        assert "more than 32 MiB" in fails(server)
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert most < 3 * LARGEST_REPLY


def test_a_compressed_reply_is_not_unpacked() -> None:
    bomb = gzip.compress(b" " * (64 << 20))
    assert len(bomb) < 1 << 17
    with serving(sends(bomb, Content_Encoding="gzip")) as server:
        assert "compresses its reply (gzip)" in fails(server)
    with serving(sends(bomb, 400, Content_Encoding="gzip")) as server:
        assert "HTTP 400" in fails(server)


def test_an_error_page_without_end_is_read_at_its_beginning() -> None:
    with serving(sends(b"no such thing" + b"x" * (8 << 20), 400)) as server:
        assert "HTTP 400: no such thing" in fails(server)


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ('{"choices":' + "[" * 100_000 + "]" * 100_000 + "}", "nested too deeply"),
        ('{"choices":[],"x":' + "9" * 10_000 + "}", "not valid JSON"),
        ('{"choices": NaN}', "no choices"),
        (completion("\ud800"), "not valid Unicode"),
        (completion(prompt_tokens=10**300), "counts tokens that no reply has"),
        (completion(completion_tokens=-5), "counts tokens that no reply has"),
        (completion(f"the key is {KEY}"), "quotes a key"),
        (b"\xff\xfe\x00", "reply"),
    ],
)
def test_what_no_reader_can_take_is_a_failed_request(body: Any, told: str) -> None:
    with serving(sends(body)) as server:
        assert told in fails(server)


def test_a_short_key_is_a_word_like_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLANTED_KEY", "EMPTY")
    with serving(sends(completion("the set is EMPTY"))) as server:
        assert ask(server)[0].text == "the set is EMPTY"


@pytest.mark.parametrize("charset", ["hex", "bz2", "idna", "no-such", "utf-7", "x" * 5000])
def test_the_encoding_that_a_server_names_decides_nothing(charset: str) -> None:
    for kind in ("application/json", "text/html"):
        with serving(sends(completion("fine"), Content_Type=f"{kind}; charset={charset}")) as server:
            assert ask(server)[0].text == "fine"
        with serving(sends('{"error": {"message": "no"}}', 400, Content_Type=f"{kind}; charset={charset}")) as server:
            assert "HTTP 400: no" in fails(server)


def test_a_servers_words_steer_no_terminal_and_can_be_written_down() -> None:
    with serving(sends(r'{"error":{"message":"\u001b[31m\u202e\ud800\r\n now"}}', 400)) as server:
        told = fails(server)
    assert "\\x1b[31m\\u202e\\ud800 now" in told
    assert told.isprintable()


def test_of_two_secrets_that_begin_alike_both_are_struck_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLANTED_HEADER", f"{KEY}-and-more")
    with serving(sends(f'{{"error": {{"message": "{KEY}-and-more, {KEY}"}}}}', 400)) as server:
        assert "HTTP 400: [secret], [secret]" in fails(server)


def test_a_secret_is_struck_out_however_it_is_quoted(monkeypatch: pytest.MonkeyPatch) -> None:
    key = r"""sk\planted'key"of\mine"""
    monkeypatch.setenv("PLANTED_KEY", key)
    for secret in (key, key.replace('"', "'")):
        monkeypatch.setenv("PLANTED_KEY", secret)
        bodies = (
            (200, {"choices": [], "error": {"message": f'bad key {secret} in "it"'}}),
            (200, {"choices": [{"message": {"content": "x"}, "finish_reason": secret}]}),
            (200, {"choices": [{"message": {"content": "x"}, "finish_reason": f'"{secret}'}]}),
            (400, {"error": {"message": json.dumps({"sent": secret})}}),
        )
        for status, body in bodies:
            with serving(sends(json.dumps(body), status)) as server:
                told = fails(server)
            assert "[secret]" in told
            assert "planted" not in told


def test_debug_logs_of_all_packages_hold_no_secret(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with caplog.at_level(logging.DEBUG), serving(sends(completion())) as server:
        for name in ("openai", "httpx2", "httpcore", "aiohttp", "asyncio"):
            caplog.set_level(logging.DEBUG, logger=name)
        ask(server)
    assert caplog.records
    assert not any(secret in caplog.text for secret in (KEY, OTHER))
