"""The one process that all workers of a build ask: it has the completion cache, and knows what each of them does.

It runs beside the driver, on the driver's machine, and dies with it. A worker may ask the same thing twice where it
did not hear the answer: nothing is counted twice.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from pipeline.cache import CompletionCache, Item, Paid
from pipeline.errors import EngineUnusable
from pipeline.scale.ledger import Ledger
from pipeline.scale.report import Mismatch, Trouble
from pipeline.scale.suspects import Suspects
from pipeline.scale.tickets import Tickets

FRUITLESS = 3
"""Deaths of a worker while it opened its engines, one after the other, after which it is not tried again."""
SILENT = 60.0
"""Seconds without a word after which a worker is taken for dead: nobody waits for it any more."""
BRIEFLY = 10.0
"""Seconds without a word after which a worker is no longer shown, and not waited for at the end."""
LONGEST_WAIT = 5.0
"""Seconds that a worker waits for the answer format, or for a part, before it asks again."""
LINES = 1_000
"""Lines of the workers' logs that wait for the driver."""
FIND = "find it"
"""The answer to the worker that is to find the answer format."""


@dataclass(frozen=True)
class Who:
    """A worker's process."""

    actor: str
    """The same for a worker that was started again."""
    host: str
    node: str = ""
    """Ray's name of the machine."""
    pid: int = 0
    created: float = 0.0
    """When the process began, in the seconds of its machine: another one may get its number later."""
    start: str = field(default_factory=lambda: uuid.uuid4().hex)
    """The process' own name."""


class Welcome(NamedTuple):
    """What a worker is told when it begins."""

    shard: str
    """The folder of its journals."""
    spent: dict[str, Paid]
    """What the run has paid so far, by engine."""
    number: int
    """The actor's, in the order in which they came, from 0."""


class Begun(NamedTuple):
    """What a worker is told of a part."""

    deaths: int
    guilty: frozenset[int]
    """Numbers of the problems that are not to be tried."""


class Orders(NamedTuple):
    """What a worker is told from time to time."""

    stop: str | None
    """Why no new request is to be sent."""
    close: bool
    """Whether there is nothing more to do."""
    elsewhere: tuple[float, int]
    """(cost, tokens) that the others have spent."""


@dataclass
class Known:
    """What is known of a worker."""

    who: Who
    heard: float
    state: str = "opening"
    meters: Mapping[str, Any] = field(default_factory=dict)
    done: int = 0
    """Problems of its parts under way that are done."""
    put: int = -1
    """Number of its last message with completions."""
    putting: asyncio.Lock = field(default_factory=asyncio.Lock)
    last_end: int = -1
    """When it ended its last part, among all ends."""


class State(NamedTuple):
    """What the driver is told."""

    under_way: int
    """Parts that a worker which is alive has begun."""
    done: int
    """Problems of these that are done."""
    open: int
    """Workers that are open and were heard of a moment ago."""
    silence: float | None
    """Seconds since any worker was heard of; None before the first."""
    meters: list[Mapping[str, Any]]
    """Of each worker, dead ones too, the last ones heard of."""
    log: list[str]
    unusable: list[Trouble]
    """Why workers cannot open their engines, of each that cannot."""
    silent: list[tuple[Who, float]]
    """Workers that should have been heard of a moment ago, and the seconds since they were."""


class Keeper:
    """An asyncio object that knows nothing of Ray."""

    def __init__(self, cache: str, run: str, parts: int = 0) -> None:
        self._cache = CompletionCache(Path(cache))
        self._ledger = Ledger(self._cache.spent(run))
        self._suspects = Suspects()
        self._tickets = Tickets(parts)
        self._workers: dict[str, Known] = {}
        self._starts: dict[str, int] = {}
        self._welcomes: dict[str, Welcome] = {}
        """By the name of the process."""
        self._numbers: dict[str, int] = {}
        self._unusable: dict[str, Trouble] = {}
        """By actor."""
        self._stop: str | None = None
        self._over = asyncio.Event()
        self._log: list[str] = []
        self._left_out = 0
        self._ends = 0
        self._first: tuple[str, Mapping[str, str]] | None = None
        """The first worker's host, and what must be the same on all."""
        self._finder: str | None = None
        self._format: str | None = None
        self._fingerprints: dict[str, str] = {}
        self._found = asyncio.Event()

    # --- asked by workers ---

    async def hello(self, who: Who) -> Welcome:
        """A worker begins; told twice, it is one. Raises EngineUnusable for one that dies each time it does."""
        if who.start in self._welcomes:
            return self._welcomes[who.start]
        actor, host = who.actor, who.host
        self._starts[actor] = self._starts.get(actor, 0) + 1
        if self._starts[actor] > FRUITLESS:
            raise EngineUnusable(
                f"the worker has died {FRUITLESS} times while it opened its engines; its last lines are in Ray's logs "
                f"on {host}, by default in /tmp/ray/session_latest/logs"
            )
        shard = f"{len(self._workers):05d}-{uuid.uuid4().hex[:8]}"
        self._end_of(actor)
        self._workers[shard] = Known(who, time.monotonic())
        number = self._numbers.setdefault(actor, len(self._numbers))
        self._welcomes[who.start] = Welcome(shard, self._ledger.open(shard), number)
        return self._welcomes[who.start]

    async def opened(self, shard: str, same: Mapping[str, str]) -> None:
        """A worker's engines are open; `same` are hashes by what they are of. Raises Mismatch where one is another."""
        worker = self._heard(shard)
        worker.state = "open"
        self._starts[worker.who.actor] = 0
        self._unusable.pop(worker.who.actor, None)
        if self._first is None:
            self._first = worker.who.host, same
        host, first = self._first
        if differing := [name for name, value in same.items() if first[name] != value]:
            raise Mismatch(
                f"another {' and '.join(differing)} than on {host}: the same files of models and prompts, and the same "
                "environment, must be on all nodes"
            )

    async def unusable(self, who: Who, trouble: Trouble) -> None:
        """A worker's engines cannot be opened: others do its parts."""
        self._end_of(who.actor)
        self._unusable[who.actor] = trouble

    async def take(self, shard: str, ticket: int) -> int | None:
        """The part that a ticket is for; None if there is none now."""
        self._heard(shard)
        return None if self._stop or self._over.is_set() else self._tickets.take(ticket, shard, self._is_lost)

    async def give_back(self, ticket: int) -> None:
        """A ticket came to a worker that cannot work."""
        self._tickets.give_back(ticket)

    async def wait(self) -> bool:
        """Wait, as there is no part to be had; whether there is nothing more to do."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._over.wait(), LONGEST_WAIT)
        return self._over.is_set()

    async def get(self, keys: Sequence[bytes]) -> list[str | None]:
        """Completions from the cache."""
        return await self._cache.get(keys)

    async def put(self, shard: str, number: int, puts: Sequence[tuple[Sequence[Item], Paid]]) -> tuple[float, int]:
        """Store completions and what was paid; returns once they are on the disk, with what others have spent."""
        worker = self._heard(shard)
        async with worker.putting:
            if number > worker.put:  # else it was done, and the answer was lost
                await asyncio.gather(*[self._cache.put(items, paid) for items, paid in puts])
                worker.put = number
                self._ledger.add(shard, [paid for _, paid in puts])
        return self._ledger.elsewhere(shard)

    async def begin(self, part: int, turn: str) -> Begun:
        """A part is begun."""
        return Begun(self._suspects.begin(part, turn), frozenset(self._suspects.guilty))

    async def alone(self, part: int, numbers: Sequence[int]) -> None:
        """These problems are the only ones under way in their worker."""
        self._suspects.alone(part, numbers)

    async def end(self, shard: str, part: int) -> None:
        """A part has come to its end."""
        self._suspects.end(part)
        self._ends += 1
        self._heard(shard).last_end = self._ends

    async def claim_format(self, shard: str) -> str | None:
        """The student's answer format; FIND for the one worker that is to find it; None: wait, and ask again."""
        self._heard(shard)
        if self._format is None and (self._finder in (None, shard) or self._is_silent(self._finder or shard)):
            self._finder = shard
            return FIND
        if self._format is None:
            try:
                await asyncio.wait_for(self._found.wait(), LONGEST_WAIT)
            except TimeoutError:
                return None
        return self._format

    async def tell_format(self, found: str | None, fingerprints: dict[str, str]) -> None:
        """The format is found; None where it could not be."""
        self._format, self._fingerprints, self._finder = found, fingerprints, None
        if found is not None:
            self._found.set()

    async def beat(self, shard: str, meters: Mapping[str, Any], done: int, log: Sequence[str]) -> Orders:
        """A worker is alive."""
        worker = self._heard(shard)
        worker.meters, worker.done = meters, done
        room = LINES - len(self._log)
        self._log += [f"{worker.who.host}: {line}" for line in log[:room]]
        self._left_out += max(0, len(log) - room)
        return Orders(self._stop, self._over.is_set(), self._ledger.elsewhere(shard))

    async def closed(self, shard: str) -> None:
        """A worker has closed its engines and its journals."""
        self._heard(shard).state = "closed"

    # --- asked by the driver ---

    async def state(self, reported: Sequence[int] = ()) -> State:
        """What is going on, as the driver says of which further parts it has heard. Lines of logs are told once."""
        self._tickets.report(reported)
        now, log = time.monotonic(), self._log
        if self._left_out:
            log.append(f"{self._left_out} further lines of the workers' logs are left out")
        self._log, self._left_out = [], 0
        alive = {shard for shard in self._workers if not self._is_lost(shard)}
        open_ones = [
            shard for shard in alive if self._workers[shard].state == "open" and not self._is_silent(shard, BRIEFLY)
        ]
        idle = {"in_flight": 0, "limit": 0}
        return State(
            sum(turn.partition("/")[0] in alive for turn in self._suspects.turns),
            sum(self._workers[shard].done for shard in open_ones),
            len(open_ones),
            min((now - worker.heard for worker in self._workers.values()), default=None),
            [
                {name: {**told, **({} if shard in open_ones else idle)} for name, told in worker.meters.items()}
                for shard, worker in self._workers.items()
            ],
            log,
            list(self._unusable.values()),
            [
                (worker.who, now - worker.heard)
                for shard, worker in self._workers.items()
                if worker.state in ("opening", "open") and self._is_silent(shard, BRIEFLY)
            ],
        )

    async def stop(self, reason: str) -> None:
        """No worker is to send a new request; those under way are answered, and kept."""
        self._stop = self._stop or reason

    async def close_workers(self) -> None:
        """There is nothing more to do."""
        self._over.set()

    async def result(self) -> tuple[list[str], str | None, dict[str, str], dict[str, Paid]]:
        """(shards in the order of their last parts, the format, the fingerprints, what was paid)."""
        order = sorted(self._workers, key=lambda shard: (self._workers[shard].last_end, shard))
        return order, self._format, self._fingerprints, self._ledger.spent

    async def shut(self) -> None:
        """Close the cache."""
        self._cache.close()

    # --- ---

    def _end_of(self, actor: str) -> None:
        """Whatever process an actor had so far is no more."""
        for shard in [shard for shard, worker in self._workers.items() if worker.who.actor == actor]:
            self._workers[shard].state = "dead"
            self._finder = None if self._finder == shard else self._finder

    def _heard(self, shard: str) -> Known:
        worker = self._workers[shard]
        worker.heard = time.monotonic()
        return worker

    def _is_lost(self, shard: str) -> bool:
        return self._workers[shard].state == "dead" or self._is_silent(shard)

    def _is_silent(self, shard: str, limit: float | None = None) -> bool:
        return time.monotonic() - self._workers[shard].heard > (SILENT if limit is None else limit)
