"""A server that fails in every way servers fail, on a plan that it keeps an account of."""

from __future__ import annotations

import asyncio
import contextlib
import json
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest
from aiohttp import web

from tests.conftest import Server, make_reply

MOST_TIMEOUTS = 16
"""Time limits are long, so that no good answer runs into one on a busy machine; each fault of the kind costs one."""
FAULTS = ("rate_limit", "server_error", "timeout", "connection", "truncated", "no_choices", "html")


class FaultyServer(Server):
    """Fails one request in `one_in`, by the question and how often it was asked; counts what it did."""

    def __init__(
        self, answer: Callable[[dict[str, Any]], Any], one_in: int = 5, faults: Sequence[str] = FAULTS
    ) -> None:
        self.one_in, self.faults = one_in, faults
        self.asked: Counter[str] = Counter()
        self.did: Counter[str] = Counter()
        self.paid: Counter[str] = Counter()
        super().__init__(answer)

    async def respond(self, request: web.Request, body: dict[str, Any]) -> web.StreamResponse:
        key = json.dumps([body["messages"], body.get("seed")])
        self.asked[key] += 1
        draw = zlib.crc32(f"{key} {self.asked[key]}".encode())
        fault = self.faults[draw // self.one_in % len(self.faults)] if draw % self.one_in == 0 else "answered"
        if fault == "timeout" and self.did[fault] >= MOST_TIMEOUTS:
            fault = "server_error"
        self.did[fault] += 1
        reply = make_reply(body, self.answer(body))
        match fault:
            case "rate_limit":
                told = {"error": {"message": "slow down"}}
                return web.json_response(told, status=429, headers={"Retry-After": "0.01"})
            case "server_error":
                return web.json_response({"error": {"message": "oops"}}, status=500)
            case "timeout":
                await asyncio.sleep(600)
            case "drip":
                response = web.StreamResponse(headers={"Content-Type": "application/json"})
                await response.prepare(request)
                with contextlib.suppress(ConnectionError):
                    while True:
                        await response.write(b"\n")
                        await asyncio.sleep(0.05)
            case "connection":
                assert request.transport is not None
                request.transport.abort()
            case "truncated":
                return web.Response(text=json.dumps(reply)[:-40], content_type="application/json")
            case "no_choices":
                return web.json_response({**reply, "choices": []})
            case "html":
                return web.Response(text="<html><body>Bad gateway</body></html>", content_type="text/html")
            case _:
                self.paid[key] += 1
        return web.json_response(reply)


@pytest.fixture
def serve_faulty() -> Iterator[Callable[..., FaultyServer]]:
    """Start faulty servers that are closed with the test."""
    servers: list[FaultyServer] = []

    def start(answer: Callable[[dict[str, Any]], Any], **options: Any) -> FaultyServer:
        servers.append(FaultyServer(answer, **options))
        return servers[-1]

    yield start
    for server in servers:
        server.close()
