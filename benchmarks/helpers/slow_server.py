"""A local server that answers every chat request after a fixed time; prints its port. Used by the benchmarks.

python benchmarks/helpers/slow_server.py 0.2 --answer '#### 4'
"""

from __future__ import annotations

import argparse
import asyncio
import json
import time

from aiohttp import web


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("seconds", type=float)
    parser.add_argument("--answer", default="#### 4")
    arguments = parser.parse_args()
    message = {"role": "assistant", "content": arguments.answer}
    usage = {"prompt_tokens": 20, "completion_tokens": 10, "total_tokens": 30}
    choices = [{"index": 0, "message": message, "finish_reason": "stop"}]
    head = {"id": "x", "object": "chat.completion", "created": 0, "model": "m"}
    reply = json.dumps({**head, "choices": choices, "usage": usage})
    served = 0

    async def chat(request: web.Request) -> web.Response:
        nonlocal served
        await request.read()
        await asyncio.sleep(arguments.seconds)
        served += 1
        return web.Response(text=reply, content_type="application/json")

    async def stats(request: web.Request) -> web.Response:
        return web.json_response({"served": served, "cpu_seconds": time.process_time()})

    app = web.Application()
    app.router.add_post("/v1/chat/completions", chat)
    app.router.add_get("/stats", stats)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, backlog=4096)
    await site.start()
    print(site._server.sockets[0].getsockname()[1], flush=True)
    await asyncio.Event().wait()


asyncio.run(main())
