"""A server that answers with whatever bytes it is told to, and keeps what it was sent."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Asked:
    """A request, as the server got it."""

    method: str
    headers: dict[str, str]
    body: bytes


class HostileServer:
    """`reply(handler)` writes the answer. `url` has this machine by its number, `by_name` by its name."""

    def __init__(self, reply: Callable[[BaseHTTPRequestHandler], None]) -> None:
        self.asked: list[Asked] = []
        seen = self.asked

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_any(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                seen.append(Asked(self.command, {name.lower(): told for name, told in self.headers.items()}, body))
                with contextlib.suppress(ConnectionError):  # whoever asked may have heard enough
                    reply(self)

            do_GET = do_POST = handle_any

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}/v1"
        self.by_name = self.url.replace("127.0.0.1", "localhost")

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(30)


def sends(body: bytes | str, status: int = 200, **headers: str) -> Callable[[BaseHTTPRequestHandler], None]:
    """A reply of these bytes; a header's name has `_` for `-`."""
    data = body.encode() if isinstance(body, str) else body

    def reply(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        told = {"Content_Type": "application/json", "Content_Length": str(len(data)), **headers}
        for name, value in told.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()
        handler.wfile.write(data)

    return reply


def completion(text: str = "4", **usage: object) -> str:
    """A good reply, as JSON."""
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
    return json.dumps({"choices": [choice], "usage": {"prompt_tokens": 1, "completion_tokens": 1, **usage}})


@contextlib.contextmanager
def serving(reply: Callable[[BaseHTTPRequestHandler], None]) -> Iterator[HostileServer]:
    """Such a server for the time of the block."""
    server = HostileServer(reply)
    try:
        yield server
    finally:
        server.close()
