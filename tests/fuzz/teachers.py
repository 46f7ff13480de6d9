"""What a server says when `errata teachers` asks it -> what it can do, or why it is of no use."""

from __future__ import annotations

import json
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from pipeline.unicode import is_unicode
from tests.fuzz.replies import BODIES, SPOKEN
from tests.fuzz.target import Target, command, keep, told
from tests.fuzz.texts import expand, json_values, mostly, to_bytes
from tests.pipeline.serving.hostile import serving

LENGTHS = st.one_of(st.sampled_from((0, 1, 7, 4096, -1, 2**63)), json_values())
ENTRY = st.fixed_dictionaries(
    {"id": st.sampled_from(("m", "m", "n"))}, optional={"max_model_len": LENGTHS, "context_length": LENGTHS}
)
LISTS = mostly(st.lists(ENTRY, max_size=2).map(lambda entries: {"data": entries}), json_values())
SAYS = SPOKEN.map(lambda text: {"says": text})
"""A good reply with such a text."""
INPUTS = st.fixed_dictionaries(
    {"models": LISTS, "replies": st.lists(st.one_of(SAYS, SAYS, BODIES), min_size=1, max_size=3)},
    optional={"status": st.sampled_from((200, 200, 400, 401, 418, 500))},
)


def written(reply: Any) -> bytes:
    """One reply as it is sent."""
    if "text" in reply:
        return to_bytes(expand(reply["text"]))
    if "json" in reply:
        return json.dumps(reply["json"]).encode()
    message = {"role": "assistant", "content": expand(reply["says"])}
    return json.dumps({"choices": [{"message": message, "finish_reason": "stop"}]}).encode()


def run(given: Any, folder: Path) -> str:
    replies = [written(reply) for reply in given["replies"]]
    asked = 0

    def answer(handler: BaseHTTPRequestHandler) -> None:
        nonlocal asked
        body = json.dumps(given["models"]).encode() if handler.command == "GET" else replies[asked % len(replies)]
        asked += handler.command == "POST"
        handler.send_response(200 if handler.command == "GET" else given.get("status", 200))
        handler.send_header("Content-Type", "application/json")
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    (folder / "p.jsonl").write_text('{"question": "q", "answer": "1"}\n')
    with serving(answer) as server:
        settings = {
            "name": "run",
            "runs_dir": str(folder / "runs"),
            "problems": {"path": str(folder / "p.jsonl")},
            "student": {"engine": "scripted", "replies": ["1"]},
            "teachers": {"t": {"engine": "endpoint", "base_url": server.url, "model": "m", "max_retries": 0}},
        }
        (folder / "config.yaml").write_text(json.dumps(settings))
        code, out, err = command("teachers", folder / "config.yaml", "--json")
    probe = {found["name"]: found for found in json.loads(out)}["t"]
    keep(is_unicode(out), "a report that cannot be written down")
    keep(probe["usable"] == (code == 0), f"exit code {code}, though the report says {probe['usable']}")
    return f"{told(code, err, folder)} {probe['json_schema']} {probe['many']} {probe['listed']}"


TARGET = Target("teachers", INPUTS, run, examples=6)
