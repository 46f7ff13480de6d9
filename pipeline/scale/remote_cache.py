"""The completion cache as workers see it: the keeper's, asked for much at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Generic, TypeVar

from pipeline.cache import Item, Paid

T = TypeVar("T")
R = TypeVar("R")
Call = Callable[..., Awaitable[Any]]
"""Calls a method of the keeper: name, arguments. Raises the keeper's errors, StoppedEarly where the keeper is gone."""
MOST = 512
"""Items of a call at most."""


class Batcher(Generic[T, R]):
    """Joins what is wanted while a call is under way into the next one; there is one at a time."""

    def __init__(self, send: Callable[[list[T]], Awaitable[Sequence[R]]]) -> None:
        self._send = send
        self._waiting: list[tuple[T, asyncio.Future[R]]] = []
        self._calls: asyncio.Task[None] | None = None

    def add(self, item: T) -> asyncio.Future[R]:
        """Have an item sent soon; the result is the call's for this item."""
        answer: asyncio.Future[R] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, answer))
        if self._calls is None:
            self._calls = asyncio.create_task(self._call())
        return answer

    async def drain(self) -> None:
        """Wait until nothing waits."""
        if self._calls is not None:
            await self._calls

    async def _call(self) -> None:
        try:
            await asyncio.sleep(0)  # who comes in this turn of the loop comes along
            while self._waiting:
                now, self._waiting = self._waiting[:MOST], self._waiting[MOST:]
                try:
                    answers = await self._send([item for item, _ in now])
                except Exception as error:
                    for _, future in now:
                        if not future.done():
                            future.set_exception(error)
                            future.exception()  # somebody may not have waited for it
                else:
                    for (_, future), answer in zip(now, answers, strict=True):
                        if not future.done():
                            future.set_result(answer)
        finally:
            self._calls = None


class RemoteCache:
    """A `Cache` whose file is elsewhere."""

    def __init__(
        self, call: Call, shard: str, spent: dict[str, Paid], learn: Callable[[float, int], None] | None = None
    ) -> None:
        self._call, self._shard, self._spent = call, shard, spent
        self.learn = learn or (lambda cost, tokens: None)
        """Told what other workers have spent."""
        self._gets: Batcher[list[bytes], list[str | None]] = Batcher(self._get)
        self._puts: Batcher[tuple[Sequence[Item], Paid], None] = Batcher(self._put)
        self._sent = 0

    async def get(self, keys: Sequence[bytes]) -> list[str | None]:
        """The completions of these keys as JSON, None for what is not known."""
        return await self._gets.add(list(keys))

    def put(self, items: Sequence[Item], paid: Paid) -> Awaitable[None]:
        """Store texts with what was paid for them; awaited, they are on the keeper's disk."""
        return asyncio.shield(self._puts.add((items, paid)))

    def spent(self, run: str) -> dict[str, Paid]:
        """What the run had paid, by engine, when this worker began."""
        return self._spent

    async def drain(self) -> None:
        """Wait until what was put is stored."""
        await self._puts.drain()

    def close(self) -> None:
        """Nothing is held here."""

    async def _get(self, wanted: list[list[bytes]]) -> list[list[str | None]]:
        found = iter(await self._call("get", [key for keys in wanted for key in keys]))
        return [[next(found) for _ in keys] for keys in wanted]

    async def _put(self, puts: list[tuple[Sequence[Item], Paid]]) -> list[None]:
        self._sent += 1
        self.learn(*await self._call("put", self._shard, self._sent, puts))
        return [None] * len(puts)
