"""Are the endpoints of a configuration there, do they know the model, what does a call cost, what do they enforce?"""

from __future__ import annotations

import asyncio
import json
import secrets
import time
from typing import Any, Literal

from pydantic import BaseModel

from pipeline.config import RunSettings
from pipeline.engines import endpoint
from pipeline.engines.base import EngineSettings
from pipeline.errors import ErrataError
from pipeline.serving.failures import Refused
from pipeline.serving.replies import read_reply
from pipeline.types import Completion, Message, SamplingParams, Usage

ASK = (Message(role="user", content="What is 17 + 25? Say it in one short sentence."),)
ROOM = 512
"""Tokens a reply may take, thoughts included; less where the server's context is shorter."""
Support = Literal["yes", "ignored", "refused", "unknown"]


class Probe(BaseModel):
    """What was found out about one engine."""

    name: str
    engine: str
    model: str | None = None
    base_url: str | None = None
    usable: bool
    error: str | None = None
    """Why it is not usable, with the fix."""
    listed: bool | None = None
    """Whether the server lists the model; None where it lists none."""
    context_length: int | None = None
    """Tokens, where the server tells."""
    latency: float | None = None
    """Seconds of one short call."""
    usage: Usage | None = None
    cost: float | None = None
    """Of that call; None without prices."""
    json_schema: Support = "unknown"
    """`yes`: a reply to a question that asks for no JSON obeyed a schema that only the request named."""
    many: Support = "unknown"
    """Whether `n` = 2 gave two texts."""
    note: str = ""


async def probe_all(settings: RunSettings) -> list[Probe]:
    """Probe the student and every teacher, pools member by member, all at once."""
    parts: dict[str, EngineSettings] = {}
    for name, engine in settings.engines.items():
        parts |= {f"{name}/{part}": inner for part, inner in engine.members.items()} or {name: engine}
    return list(await asyncio.gather(*(probe(name, engine) for name, engine in parts.items())))


async def probe(name: str, settings: EngineSettings) -> Probe:
    """Probe one engine: an endpoint by asking it, any other by its settings and files."""
    kind: str = getattr(settings, "engine", "")
    if isinstance(settings, endpoint.Settings):
        return await _probe_endpoint(name, settings)
    try:
        settings.check()
    except ErrataError as error:
        return Probe(name=name, engine=kind, model=settings.local_model, usable=False, error=str(error))
    note = "started with the run" if settings.local_model else "asks nobody"
    return Probe(name=name, engine=kind, model=settings.local_model, usable=True, note=note)


async def _probe_endpoint(name: str, settings: endpoint.Settings) -> Probe:
    found: dict[str, Any] = {"name": name, "engine": "endpoint", "model": settings.model, "base_url": settings.base_url}
    few = settings.model_copy(update={"max_retries": min(2, settings.max_retries)})
    client = endpoint.Endpoint(few)
    client.name = name
    try:
        async with client:
            listed = await _find_model(client)
            if listed is not None:
                found |= {"listed": listed is not False}
                found |= {"context_length": _context_length(listed)} if isinstance(listed, dict) else {}
            room = max(1, min(ROOM, (found.get("context_length") or 2 * ROOM) // 2))
            started = time.perf_counter()
            written = (await client.ask(ASK, 1, SamplingParams(temperature=0.0, max_tokens=room), None))[0]
            found |= {"latency": round(time.perf_counter() - started, 3), "usage": written.usage}
            found |= {"cost": settings.cost(written.usage)}
            found |= {"json_schema": await _probe_schema(client, room), "many": await _probe_many(client, room)}
    except ErrataError as error:
        if found.get("listed") is False:
            return Probe(**found, usable=False, error=f"{error}; the server does not list this model")
        return Probe(**found, usable=False, error=str(error))
    return Probe(**found, usable=True)


async def _find_model(client: endpoint.Endpoint) -> dict[str, Any] | Literal[False] | None:
    """The server's entry for the model, False where it is not in its list, None where there is no list."""
    try:
        reply = await client.client.send("GET", "/models")
    except ErrataError:
        return None  # some servers have no list; whether the endpoint works shows in the call that follows
    entries = reply.get("data") if isinstance(reply, dict) else None
    if not isinstance(entries, list):
        return None
    named = [entry for entry in entries if isinstance(entry, dict) and entry.get("id") == client.settings.model]
    return named[0] if named else False


def _context_length(entry: dict[str, Any]) -> int | None:
    """vLLM and SGLang call it max_model_len, OpenRouter context_length, others context_window."""
    for key in ("max_model_len", "context_length", "context_window", "max_context_length"):
        told = entry.get(key)
        if isinstance(told, int) and told > 0:
            return told
    return None


async def _ask(client: endpoint.Endpoint, room: int, n: int = 1, **extra: Any) -> list[Completion]:
    # several greedy texts would be the same, and some servers refuse to write them
    params = SamplingParams(temperature=1.0 if n > 1 else 0.0, max_tokens=room)
    body = client.body(ASK, n, params, None) | extra
    return read_reply(await client.client.send("POST", "/chat/completions", body), client.settings.reasoning)


async def _probe_schema(client: endpoint.Endpoint, room: int) -> Support:
    word = f"w{secrets.token_hex(3)}"  # nobody writes it unless the schema is enforced
    properties = {"mark": {"type": "string", "enum": [word]}, "sum": {"type": "integer"}}
    schema = {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}
    wanted = {"type": "json_schema", "json_schema": {"name": "answer", "strict": True, "schema": schema}}
    try:
        written = (await _ask(client, room, response_format=wanted))[0]
    except Refused:
        return "refused"
    except ErrataError:
        return "unknown"
    try:
        answer = json.loads(written.text)
    except (ValueError, RecursionError):
        if written.finish_reason == "stop":
            return "ignored"
        begun, due = "".join(written.text.split()), f'{{"mark":"{word}","sum":'
        return "yes" if begun and (due.startswith(begun) or begun.startswith(due)) else "unknown"  # it was cut off
    obeyed = isinstance(answer, dict) and answer.get("mark") == word and isinstance(answer.get("sum"), int)
    return "yes" if obeyed else "ignored"


async def _probe_many(client: endpoint.Endpoint, room: int) -> Support:
    try:
        written = await _ask(client, room, n=2)
    except Refused:
        return "refused"
    except ErrataError:
        return "unknown"
    return "yes" if len(written) == 2 else "ignored"
