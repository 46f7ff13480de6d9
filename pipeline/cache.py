"""The completion cache: nothing is asked, or paid, twice.

One SQLite file above the runs, keyed by a hash of what a completion depends on and of nothing else: the messages, the
sampling parameters, the sample's index and the identity of the model. Failures are never cached.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import sqlite3
from collections.abc import Iterable, Sequence
from pathlib import Path

from pipeline.engines.base import Engine, Request
from pipeline.errors import ConfigError
from pipeline.types import Completion, Message, SamplingParams

SCHEMA = "CREATE TABLE IF NOT EXISTS completions (key BLOB PRIMARY KEY, completion TEXT NOT NULL) WITHOUT ROWID"


def completion_key(identity: str, messages: Sequence[Message], params: SamplingParams, index: int) -> bytes:
    """SHA-256 of everything that sample `index` of a request depends on."""
    parts = [identity, [[m.role, m.content] for m in messages], params.model_dump(), index]
    return hashlib.sha256(json.dumps(parts, ensure_ascii=False, sort_keys=True).encode()).digest()


class CompletionCache:
    """A map from key to completion on disk; safe for several processes on one host (WAL)."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            self._db = sqlite3.connect(path, timeout=60)
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute("PRAGMA synchronous=NORMAL")
            self._db.execute(SCHEMA)
        except sqlite3.DatabaseError as error:
            raise ConfigError(f"completion cache {path}: {error}; move the file away to start a new one") from error

    def get(self, key: bytes) -> Completion | None:
        """The completion, or None."""
        row = self._db.execute("SELECT completion FROM completions WHERE key = ?", (key,)).fetchone()
        return Completion.model_validate_json(row[0]) if row else None

    def put(self, items: Iterable[tuple[bytes, Completion]]) -> None:
        """Store all or nothing; a key that is there already keeps its value."""
        rows = [(key, completion.model_dump_json()) for key, completion in items]
        with self._db:
            self._db.executemany("INSERT OR IGNORE INTO completions VALUES (?, ?)", rows)

    def close(self) -> None:
        """Close the file."""
        self._db.close()


class CachedEngine(Engine):
    """Answers from the cache, asks the engine for what is missing, and asks once for what is wanted twice at a time."""

    def __init__(self, engine: Engine, cache: CompletionCache) -> None:
        self.engine, self.cache = engine, cache
        self.name, self.group_size = engine.name, engine.group_size
        self.hits = self.asked = 0
        self._under_way: dict[bytes, asyncio.Future[None]] = {}

    @property
    def identity(self) -> str:
        return self.engine.identity

    async def complete(
        self, messages: Sequence[Message], *, n: int = 1, params: SamplingParams, offset: int = 0
    ) -> list[Completion]:
        request = Request(messages=tuple(messages), params=params, n=n, offset=offset)
        key = completion_key(self.identity, messages, params, offset)
        while key in self._under_way:  # the same request is being asked: wait, then look again
            await asyncio.shield(self._under_way[key])
        done = self._under_way[key] = asyncio.get_running_loop().create_future()
        try:
            (result,) = await self.complete_many([request])
        finally:
            del self._under_way[key]
            done.set_result(None)
        if isinstance(result, Exception):
            raise result
        return result

    async def complete_many(self, requests: Sequence[Request]) -> list[list[Completion] | Exception]:
        """Answer a group; what the engine writes for it is stored in one transaction, so a group is whole or absent."""
        found: list[list[Completion]] = [self._look_up(request) for request in requests]
        missing = [
            request.model_copy(update={"n": request.n - len(have), "offset": request.offset + len(have)})
            for request, have in zip(requests, found, strict=True)
        ]
        ask = [number for number, request in enumerate(missing) if request.n > 0]
        results: list[list[Completion] | Exception] = [*found]
        self.hits += sum(map(len, found))
        if not ask:
            return results
        written = await self._ask([missing[number] for number in ask])
        for number, texts in zip(ask, written, strict=True):
            results[number] = texts if isinstance(texts, Exception) else found[number] + texts
        return results

    async def _ask(self, requests: Sequence[Request]) -> list[list[Completion] | Exception]:
        if len(requests) == 1:
            r = requests[0]
            try:
                written: list[list[Completion] | Exception] = [
                    await self.engine.complete(r.messages, n=r.n, params=r.params, offset=r.offset)
                ]
            except Exception as error:  # not swallowed: it is the outcome of this request, which the caller raises
                written = [error]
        else:
            written = await self.engine.complete_many(requests)
        new = [
            (completion_key(self.identity, request.messages, request.params, request.offset + i), completion)
            for request, texts in zip(requests, written, strict=True)
            if not isinstance(texts, Exception)
            for i, completion in enumerate(texts)
        ]
        self.asked += len(new)
        self.cache.put(new)
        return written

    def _look_up(self, request: Request) -> list[Completion]:
        """The samples that are there, from the first on, without a gap."""
        have: list[Completion] = []
        for index in range(request.offset, request.offset + request.n):
            completion = self.cache.get(completion_key(self.identity, request.messages, request.params, index))
            if completion is None:
                break
            have.append(completion)
        return have
