"""The completion cache: nothing is asked, or paid, twice.

One SQLite file above the runs, keyed by a hash of what a completion depends on and of nothing else: the messages, the
sampling parameters, the sample's index and the identity of the model. Failures are never cached.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import sqlite3
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import NamedTuple, Protocol

from pipeline.budget import Budget
from pipeline.commit import GroupCommit
from pipeline.engines.base import Engine, Request, settle
from pipeline.errors import ConfigError, EngineUnusable, RequestFailed, StoppedEarly
from pipeline.types import Completion, Message, SamplingParams, Usage

SCHEMA = """
CREATE TABLE IF NOT EXISTS texts (key BLOB UNIQUE NOT NULL, completion TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS spending (
    run TEXT, engine TEXT, completions INTEGER, prompt_tokens INTEGER, completion_tokens INTEGER, cost REAL,
    billed INTEGER,
    PRIMARY KEY (run, engine)
) WITHOUT ROWID;
"""
OLDER = """
INSERT OR IGNORE INTO texts SELECT key, completion FROM completions;
DROP TABLE completions;
"""
"""From a cache whose texts stood in the order of their keys, which made a large one slow to write."""
SPEND = """
INSERT INTO spending VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET
    completions = completions + excluded.completions,
    prompt_tokens = prompt_tokens + excluded.prompt_tokens,
    completion_tokens = completion_tokens + excluded.completion_tokens,
    cost = coalesce(cost + excluded.cost, cost, excluded.cost),
    billed = excluded.billed
"""
Cost = Callable[[Usage], float | None]


def completion_key(identity: str, messages: Sequence[Message], params: SamplingParams, index: int) -> bytes:
    """SHA-256 of everything that sample `index` of a request depends on."""
    parts = [identity, [[m.role, m.content] for m in messages], params.model_dump(), index]
    return hashlib.sha256(json.dumps(parts, ensure_ascii=False, sort_keys=True).encode()).digest()


class Paid(NamedTuple):
    """What an engine wrote for a run; `cost` is None where it has no prices."""

    run: str
    engine: str
    completions: int
    prompt_tokens: int
    completion_tokens: int
    cost: float | None
    billed: bool = False
    """Whether it counts against the budget."""

    @property
    def usage(self) -> Usage:
        """Its tokens."""
        return Usage(prompt_tokens=self.prompt_tokens, completion_tokens=self.completion_tokens)


Item = tuple[bytes, str]
"""A key and its completion as JSON."""


class Cache(Protocol):
    """What remembers completions: a file here, or the process elsewhere that has the file."""

    async def get(self, keys: Sequence[bytes]) -> list[str | None]:
        """The completions of these keys as JSON, None for what is not known."""

    def put(self, items: Sequence[Item], paid: Paid) -> Awaitable[None]:
        """Store texts with what was paid for them, together or not at all; awaited, they are on the disk."""

    def spent(self, run: str) -> dict[str, Paid]:
        """What all calls of a run have paid, by engine."""

    def close(self) -> None:
        """Nothing more will be asked or stored."""


class CompletionCache:
    """A map from key to completion on disk; safe for several processes on one host (WAL)."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        with self._guarded():
            self._reader, self._writer = self._connect(), self._connect()
            self._writer.execute("PRAGMA cache_size = -65536")
            self._writer.execute("PRAGMA wal_autocheckpoint = 16384")  # keys are random: gather before moving
            self._writer.executescript(SCHEMA)
            if self._writer.execute("SELECT 1 FROM sqlite_master WHERE name = 'completions'").fetchone():
                self._writer.executescript(f"BEGIN; {OLDER} COMMIT;")
        self._commit = GroupCommit(self._write)

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self.path, timeout=60, isolation_level=None, check_same_thread=False)
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")  # a commit that returned survives the machine
        return connection

    async def get(self, keys: Sequence[bytes]) -> list[str | None]:
        """The completions of these keys as JSON, None for what is not known."""
        found: list[str | None] = []
        with self._guarded():
            for key in keys:
                row = self._reader.execute("SELECT completion FROM texts WHERE key = ?", (key,)).fetchone()
                found.append(row[0] if row else None)
        return found

    def put(self, items: Sequence[Item], paid: Paid) -> Awaitable[None]:
        """Store texts with what was paid for them, all or nothing; a key that is there already keeps its value.

        Awaited, they are on the disk; what is put meanwhile is written together.
        """
        return asyncio.shield(self._commit.send((items, paid)))

    def _write(self, puts: list[tuple[Sequence[Item], Paid]]) -> None:
        with self._guarded():
            self._writer.execute("BEGIN IMMEDIATE")
            try:
                for items, paid in puts:
                    self._writer.executemany("INSERT OR IGNORE INTO texts VALUES (?, ?)", items)
                    self._writer.execute(SPEND, paid)
            except sqlite3.Error:
                if self._writer.in_transaction:  # a full disk ends it by itself
                    self._writer.execute("ROLLBACK")
                raise
            self._writer.execute("COMMIT")

    def spent(self, run: str) -> dict[str, Paid]:
        """What all calls of a run have paid, by engine; stored together with the texts, so it survives a kill."""
        with self._guarded():
            rows = self._reader.execute("SELECT * FROM spending WHERE run = ? ORDER BY engine", (run,)).fetchall()
        return {row[1]: Paid(*row) for row in rows}

    @contextmanager
    def _guarded(self) -> Iterator[None]:
        """A full disk or a lock that is not given up ends the run to be resumed; what is no cache is told."""
        try:
            yield
        except sqlite3.DatabaseError as error:
            kind = error.sqlite_errorcode & 0xFF  # above it stand details
            where = f"completion cache {self.path}: "
            if kind in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR):
                told = f"the disk is full or fails ({error}); what was done is kept, make room and run again"
                raise StoppedEarly(where + told) from error
            if kind in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
                raise StoppedEarly(f"{where}{error}; what was done is kept, run again") from error
            if kind in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM):
                raise ConfigError(f"{where}{error}; its folder must be one that can be written to") from error
            if kind in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
                fix = "move the file away to start a new one; what it held is asked again"
                raise ConfigError(f"{where}{error}; {fix}") from error
            raise

    def close(self) -> None:
        """Store what waits still, and close the file."""
        self._commit.close()
        self._writer.close()
        self._reader.close()


class CachedEngine(Engine):
    """Answers from the cache, asks the engine for what is missing, and asks once for what is wanted twice at a time."""

    def __init__(
        self,
        engine: Engine,
        cache: Cache,
        *,
        run: str = "",
        cost: Cost = lambda usage: None,
        budget: Budget | None = None,
        stop: Callable[[str], None] = lambda reason: None,
    ) -> None:
        self.engine, self.cache, self.run, self.cost = engine, cache, run, cost
        self.budget, self.stop = budget, stop
        self.name, self.meter = engine.name, engine.meter
        self.group_size, self.capacity = engine.group_size, engine.capacity
        self._under_way: dict[bytes, asyncio.Future[None]] = {}
        engine.on_waste = self._waste

    @property
    def identity(self) -> str:
        return self.engine.identity

    async def complete(
        self, messages: Sequence[Message], *, n: int = 1, params: SamplingParams, offset: int = 0
    ) -> list[Completion]:
        (result,) = await self.complete_many([Request(messages=tuple(messages), params=params, n=n, offset=offset)])
        if isinstance(result, Exception):
            raise result
        return result

    async def complete_many(self, requests: Sequence[Request]) -> list[list[Completion] | Exception]:
        """Answer a group. A server's texts are stored as they come, an in-process model's group as a whole."""
        if self.group_size == 1:
            return await settle(self._answer_once(request) for request in requests)
        found = [await self.look_up(request) for request in requests]
        self.meter.from_cache += sum(map(len, found))
        parts = [missing_parts(request, have) for request, have in zip(requests, found, strict=True)]
        asked = [part for missing in parts for part in missing]
        written = iter(await self._ask_group(asked) if asked else [])
        results: list[list[Completion] | Exception] = []
        for have, missing in zip(found, parts, strict=True):
            outcomes = [(part, next(written)) for part in missing]
            failed = [made for _, made in outcomes if isinstance(made, Exception)]
            for part, made in outcomes:
                have |= {} if isinstance(made, Exception) else dict(enumerate(made, start=part.offset))
            results.append(failed[0] if failed else in_order(have))
        return results

    async def score(self, messages: Sequence[Message], text: str) -> float:
        return await self.engine.score(messages, text)

    async def look_up(self, request: Request) -> dict[int, Completion]:
        """The samples that are in the cache, by index."""
        indices = range(request.offset, request.offset + request.n)
        keys = [completion_key(self.identity, request.messages, request.params, index) for index in indices]
        found = zip(indices, await self.cache.get(keys), strict=True)
        return {index: Completion.model_validate_json(known) for index, known in found if known is not None}

    async def _answer_once(self, request: Request) -> list[Completion]:
        key = completion_key(self.identity, request.messages, request.params, request.offset)
        while key in self._under_way:  # the same request is being asked: wait, then look again
            await asyncio.shield(self._under_way[key])
        done = self._under_way[key] = asyncio.get_running_loop().create_future()
        try:
            have = await self.look_up(request)
            self.meter.from_cache += len(have)
            while parts := missing_parts(request, have, singly=self.engine.splits(request.params)):
                written = await settle(self._ask(part) for part in parts)
                for part, made in zip(parts, written, strict=True):
                    have |= {} if isinstance(made, Exception) else dict(enumerate(made, start=part.offset))
                failed = [made for made in written if isinstance(made, Exception)]
                for error in failed:
                    if not isinstance(error, RequestFailed):
                        raise error
                if failed:
                    raise RequestFailed(str(failed[0]), have) from failed[0].__cause__
        finally:
            del self._under_way[key]
            done.set_result(None)
        return in_order(have)

    async def _ask(self, request: Request) -> list[Completion]:
        async with self._hold(request):
            self.engine.before_request()
            r = request
            written = await self.engine.complete(r.messages, n=r.n, params=r.params, offset=r.offset)
            await self._store([(request, dict(enumerate(written, start=request.offset)))])
        return written

    async def _ask_group(self, requests: Sequence[Request]) -> Sequence[list[Completion] | Exception]:
        self.engine.before_request()
        written: Sequence[list[Completion] | Exception]
        if len(requests) == 1:  # single requests that come at the same time may be decoded together
            r = requests[0]
            written = await settle([self.engine.complete(r.messages, n=r.n, params=r.params, offset=r.offset)])
        else:
            written = await self.engine.complete_many(requests)
        await self._store(
            [
                (request, dict(enumerate(texts, start=request.offset)))
                for request, texts in zip(requests, written, strict=True)
                if not isinstance(texts, Exception)
            ]
        )
        return written

    def _hold(self, request: Request) -> AbstractAsyncContextManager[None]:
        return nullcontext() if self.budget is None else self.budget.hold(lambda: self._guess(request))

    def _guess(self, request: Request) -> tuple[float, float]:
        """(cost, tokens) that a request will probably take: the mean so far; before the first reply, its worst case."""
        meter = self.meter
        if meter.completions:
            usage = Usage(
                prompt_tokens=request.n * meter.prompt_tokens // meter.completions,
                completion_tokens=request.n * meter.completion_tokens // meter.completions,
            )
        else:
            characters = sum(len(message.content) for message in request.messages)
            most = request.n * request.params.max_tokens
            usage = Usage(prompt_tokens=32 + characters // 2, completion_tokens=most)
        return self.cost(usage) or 0.0, usage.prompt_tokens + usage.completion_tokens

    async def _store(self, made: Sequence[tuple[Request, Mapping[int, Completion]]]) -> None:
        new = [
            (completion_key(self.identity, request.messages, request.params, index), completion)
            for request, texts in made
            for index, completion in texts.items()
        ]
        if not new:
            return
        prompt = sum(completion.usage.prompt_tokens for _, completion in new)
        written = sum(completion.usage.completion_tokens for _, completion in new)
        items = [(key, completion.model_dump_json()) for key, completion in new]
        try:
            await self._pay(Usage(prompt_tokens=prompt, completion_tokens=written), items)
        except StoppedEarly as error:  # what is asked from now on would be paid for and lost
            self.stop(str(error))
            raise

    def _waste(self, usage: Usage | None) -> None:
        """A useless reply was paid for."""
        if usage is not None:
            self._pay(usage, [])

    def _pay(self, usage: Usage, new: Sequence[Item]) -> Awaitable[None]:
        """Have texts stored with what they cost."""
        cost = self.cost(usage)
        billed = self.budget is not None
        paid = Paid(self.run, self.name, len(new), usage.prompt_tokens, usage.completion_tokens, cost, billed)
        stored = self.cache.put(new, paid)
        self.meter.count(usage, cost, len(new))
        if self.budget is not None:
            if new and self.budget.is_limited and usage == Usage():
                raise EngineUnusable(f"budget: {self.name} reports no usage, so no limit can be kept; take it out")
            self.budget.spend(cost, usage.prompt_tokens + usage.completion_tokens)
        return stored


def missing_parts(request: Request, have: Mapping[int, Completion], *, singly: bool = False) -> list[Request]:
    """What is left to ask: one request for each stretch of missing samples, or for each sample."""
    parts: list[Request] = []
    for index in range(request.offset, request.offset + request.n):
        if index in have:
            continue
        if parts and not singly and parts[-1].offset + parts[-1].n == index:
            parts[-1] = parts[-1].model_copy(update={"n": parts[-1].n + 1})
        else:
            parts.append(request.model_copy(update={"n": 1, "offset": index}))
    return parts


def in_order(samples: Mapping[int, Completion]) -> list[Completion]:
    """Samples by their index."""
    return [samples[index] for index in sorted(samples)]
