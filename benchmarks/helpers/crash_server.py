"""A loopback server that plays student and teacher, and keeps an account of every completion by who asked for it.

Each process of a build says in a header which build it belongs to and the how-manieth it is. A completion is known by
the model, the messages and the sample's seed, and counts as paid when its request arrives: a real server bills for
texts that nobody waits for any more.

When a process is killed, some texts are on their way: asked for, and not yet stored. No clock says which. What can be
said is counted instead:

- `again`: texts that a process had asked for, and a later process asked for once more. They are on their way at the
  kill of the last process that had asked. There may be no more of them, for one kill, than a build has under way at
  once: problems under way times samples of a problem, since a problem's samples are asked for together and everything
  else about it one by one.
- `stored`: those among them that were proven to be stored, so that nothing excuses the second payment. A problem's
  later requests (to the teacher; to the student about an attempt) are sent once what came before has been stored, each
  after the one before, so such a request proves it for all earlier requests of its problem and process.
- `doubled`: texts that one process asked for more than once.
"""

from __future__ import annotations

import asyncio
import random
import threading
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from aiohttp import web

from benchmarks.helpers.crash_texts import Script
from tests.conftest import Server, make_reply

HEADER = "X-Process"
SLOWEST = 0.012
"""Seconds of the slowest reply; each takes its share of it, drawn by its key."""


class Asked(NamedTuple):
    """One completion that was asked for."""

    process: int
    key: str
    problem: str
    first: bool
    """Whether it is one of the problem's first answers, which are asked for together."""


@dataclass
class Account:
    """What the processes of one build have asked for, in order of arrival."""

    asked: list[Asked] = field(default_factory=list)
    open: threading.Event = field(default_factory=threading.Event)
    """While it is not set, replies are held back."""
    waiting: list[tuple[int, threading.Event]] = field(default_factory=list)
    """Who wants to hear of the how-manieth request."""

    def __post_init__(self) -> None:
        self.open.set()

    def when(self, count: int) -> threading.Event:
        """An event that is set once `count` completions have been asked for."""
        heard = threading.Event()
        self.waiting.append((count, heard))
        self.tell()
        return heard

    def tell(self) -> None:
        """Tell whoever waits for a count that is reached."""
        for count, heard in self.waiting:
            if len(self.asked) >= count:
                heard.set()


@dataclass(frozen=True)
class Recount:
    """What was paid for more than once; the module's docstring says what the names mean."""

    again: Counter[int]
    """By process."""
    stored: int
    doubled: int


def recount(asked: Sequence[Asked]) -> Recount:
    """Count what one build has asked for more than once."""
    asked_by: dict[str, int] = {}
    unproven: defaultdict[tuple[int, str], set[str]] = defaultdict(set)
    again, stored, doubled = Counter[int](), 0, 0
    for one in asked:
        known = asked_by.get(one.key)
        if known == one.process:
            doubled += 1
        elif known is not None:
            again[known] += 1
            stored += one.key not in unproven[known, one.problem]
        asked_by[one.key] = one.process
        if not one.first:
            unproven[one.process, one.problem].clear()
        unproven[one.process, one.problem].add(one.key)
    return Recount(again, stored, doubled)


class Witness(Server):
    """The server."""

    url: str

    def __init__(self) -> None:
        self.scripts: dict[str, Script] = {}
        """By build, up to its name's first dash."""
        self.accounts: defaultdict[str, Account] = defaultdict(Account)
        super().__init__(lambda body: [])

    async def respond(self, request: web.Request, body: dict[str, Any]) -> web.StreamResponse:
        build, _, process = request.headers[HEADER].rpartition("/")
        script, account = self.scripts[build.partition("-")[0]], self.accounts[build]
        seed, count = body.get("seed"), body.get("n", 1)
        shown = "\n".join(f"{message['role']}: {message['content']}" for message in body["messages"])
        first = body["model"] == "student" and len(body["messages"]) == 1
        for index in range(count):
            key = f"{body['model']}, sample {index} of seed {seed}: {shown}"
            account.asked.append(Asked(int(process), key, script.problem_of(body), first))
        account.tell()
        reply = make_reply(body, [script.answer(body, (seed or 0) + index) for index in range(count)])
        await asyncio.sleep(random.Random(f"{seed} {shown}").uniform(0, SLOWEST))
        while not account.open.is_set():
            await asyncio.sleep(0.01)
        return web.json_response(reply)
