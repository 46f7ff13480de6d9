"""What all tests share: the shipped student, the real data, and an OpenAI-compatible server on loopback."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

ROOT = Path(__file__).parent.parent
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # there is one process for each core already


@pytest.fixture(scope="session")
def student_dir() -> Path:
    """The demo's student."""
    return ROOT / "errata" / "demo" / "student"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Real problems and answers, beside the project."""
    folder = ROOT.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("the shared data is not beside the project")
    return folder


@pytest.fixture(autouse=True)
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    """No hub is asked, whatever a test loads."""
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")


def make_reply(body: dict[str, Any], texts: Sequence[str]) -> dict[str, Any]:
    """A chat reply with one choice a text; 11 tokens were read, 7 written for each."""
    choices = [
        {"index": i, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
        for i, text in enumerate(texts)
    ]
    usage = {"prompt_tokens": 11, "completion_tokens": 7 * len(texts), "total_tokens": 11 + 7 * len(texts)}
    head = {"id": "x", "object": "chat.completion", "created": 0, "model": body["model"]}
    return {**head, "choices": choices, "usage": usage}


class Server:
    """An OpenAI-compatible server: `answer(body)` returns the choices' texts, or (status, JSON) for anything else."""

    def __init__(self, answer: Callable[[dict[str, Any]], Any]) -> None:
        self.answer = answer
        self.bodies: list[dict[str, Any]] = []
        self.models: list[dict[str, Any]] = [{"id": "m", "max_model_len": 2048}]
        self.keys: set[str] = set()
        self.headers: list[Mapping[str, str]] = []
        self._ready = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()
        assert self._ready.wait(30)

    def _serve(self) -> None:
        async def chat(request: web.Request) -> web.StreamResponse:
            body = await request.json()
            self.bodies.append(body)
            self.keys.add(request.headers.get("Authorization", ""))
            self.headers.append(request.headers.copy())
            return await self.respond(request, body)

        async def models(request: web.Request) -> web.Response:
            return web.json_response({"object": "list", "data": self.models})

        async def start() -> None:
            app = web.Application()
            app.router.add_post("/v1/chat/completions", chat)
            app.router.add_get("/v1/models", models)
            self._runner = web.AppRunner(app, shutdown_timeout=1)
            await self._runner.setup()
            site = web.TCPSite(self._runner, "127.0.0.1", 0)
            await site.start()
            self.url = f"http://127.0.0.1:{site._server.sockets[0].getsockname()[1]}/v1"  # type: ignore[union-attr]
            self._ready.set()

        self._loop.run_until_complete(start())
        self._loop.run_forever()

    async def respond(self, request: web.Request, body: dict[str, Any]) -> web.StreamResponse:
        made = await asyncio.to_thread(self.answer, body)
        if isinstance(made, tuple):
            status, told = made
            return web.json_response(told, status=status, headers={"Retry-After": "0"})
        return web.json_response(make_reply(body, made))

    def close(self) -> None:
        asyncio.run_coroutine_threadsafe(self._runner.cleanup(), self._loop).result(30)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(30)


@pytest.fixture
def serve() -> Iterator[Callable[[Callable[[dict[str, Any]], Any]], Server]]:
    """Start servers that are closed with the test."""
    servers: list[Server] = []

    def start(answer: Callable[[dict[str, Any]], Any]) -> Server:
        servers.append(Server(answer))
        return servers[-1]

    yield start
    for server in servers:
        server.close()
