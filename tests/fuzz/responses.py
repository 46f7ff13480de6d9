"""A server that answers anything at all, over a real connection -> completions, or an error that says so."""

from __future__ import annotations

import asyncio
import json
import threading
from functools import cache
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from pipeline.engines.endpoint import Settings
from pipeline.types import Message, SamplingParams
from tests.fuzz.edits import apply, edits
from tests.fuzz.replies import BODIES
from tests.fuzz.target import Target, keep
from tests.fuzz.texts import KINDS, expand, mostly, to_bytes

STATUSES = mostly(st.just("200 OK"), st.sampled_from(KINDS["statuses"]), of=3)
HEADERS = st.sampled_from(KINDS["headers"])
INPUTS = st.fixed_dictionaries(
    {
        "status": STATUSES,
        "headers": st.lists(HEADERS, max_size=3),
        "body": BODIES,
        "n": st.sampled_from((1, 1, 2)),
        "seed": st.sampled_from((None, 0)),
        "edits": mostly(st.just([]), edits(most=2)),
    }
)


class Wire:
    """Listens on loopback and answers every request with the same bytes, then hangs up."""

    def __init__(self) -> None:
        self.answer = b""
        self._ready = threading.Event()
        threading.Thread(target=lambda: asyncio.run(self._serve()), daemon=True).start()
        keep(self._ready.wait(30), "the server does not listen")

    async def _serve(self) -> None:
        async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            head = await reader.readuntil(b"\r\n\r\n")
            length = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
            await reader.readexactly(int(length[0].partition(b":")[2]) if length else 0)
            writer.write(self.answer)
            writer.close()

        server = await asyncio.start_server(talk, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
        self._ready.set()
        await server.serve_forever()


@cache
def wire() -> Wire:
    """The one server of this process."""
    return Wire()


def run(given: Any, folder: Path) -> str:
    body = given["body"]
    content = to_bytes(json.dumps(body["json"]) if "json" in body else expand(body["text"]))
    headers = given["headers"] or ["Content-Type: application/json"]
    head = "\r\n".join([f"HTTP/1.1 {given['status']}", *headers, "Connection: close", "", ""])
    wire().answer = apply(to_bytes(head) + content, given["edits"])
    limits = {"timeout": 5.0, "max_retries": 1, "retry_wait": 0.001, "breaker_failures": 99}
    settings = Settings.model_validate({"base_url": wire().url, "model": "m", **limits})

    async def ask() -> int:
        async with settings.create() as engine:
            params = SamplingParams(seed=given["seed"], max_tokens=7)
            return len(await engine.complete((Message(role="user", content="q"),), n=given["n"], params=params))

    made = asyncio.run(ask())
    keep(1 <= made <= given["n"], f"{made} completions of {given['n']}")
    return f"{made} of {given['n']} completions"


TARGET = Target("responses", INPUTS, run, examples=10)
