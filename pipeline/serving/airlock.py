"""What passes between us and a server: our own headers out, no redirect, and a reply of bounded size in.

A server may be hostile, or be somebody else's by now. It gets what is meant for it and nothing that lies about in the
environment; it cannot send us elsewhere, and what it sends cannot fill the memory: a compressed reply, which may be a
thousand times larger than it looks, is neither asked for nor taken.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pipeline.errors import MalformedReply

LARGEST_REPLY = 32 << 20
"""Bytes of a reply: several million tokens."""
LARGEST_ERROR = 64 << 10
"""Bytes of an error page that are read; its beginning says what is wrong."""
SENT = frozenset({"accept", "content-length", "content-type", "host", "user-agent"})
"""Headers that are sent besides the configured ones and the key. The package would add others: organisation, project
and custom headers from the environment, which are meant for one provider, to every server."""
TAKEN = ("location", "retry-after", "retry-after-ms")
"""Headers of a reply that are looked at."""


def make_http_client(headers: Mapping[str, str], *, loopback: bool) -> Any:
    """The HTTP client for one server, which is sent `headers`; one on this machine is never asked through a proxy."""
    import openai

    class Airlock(openai.DefaultAioHttpClient):
        async def send(self, request: Any, **options: Any) -> Any:
            own = {name: value for name, value in request.headers.items() if name in SENT}
            given = {name.lower(): value for name, value in headers.items()}
            request.headers = type(request.headers)({**own, "accept-encoding": "identity", **given})
            response = await super().send(request, **{**options, "stream": True, "follow_redirects": False})
            try:
                content = await _read(response)
            finally:
                await response.aclose()
            kept = {name: response.headers[name] for name in TAKEN if name in response.headers}
            kept["content-type"] = _plain_type(response.headers.get("content-type", ""))
            return type(response)(response.status_code, headers=kept, content=content, request=request)

    return Airlock(follow_redirects=False, trust_env=not loopback)


async def _read(response: Any) -> bytes:
    """The body. Raises MalformedReply for one that is too large or compressed."""
    fails = response.status_code >= 300
    coding = response.headers.get("content-encoding", "identity")
    if coding.strip().lower() not in ("", "identity"):
        if fails:
            return b""
        raise MalformedReply(f"the server compresses its reply ({coding[:40]}), though it was asked not to")
    content = bytearray()
    async for chunk in response.aiter_raw():
        content += chunk
        if fails and len(content) >= LARGEST_ERROR:
            return bytes(content[:LARGEST_ERROR])
        if len(content) > LARGEST_REPLY:
            raise MalformedReply(f"the server's reply has more than {LARGEST_REPLY >> 20} MiB")
    return bytes(content)


def _plain_type(told: str) -> str:
    """JSON or text: any other type, and the encoding that a server names, decides nothing."""
    return "application/json" if told.partition(";")[0].strip().lower().endswith("json") else "text/plain"
