"""Group commits: durability for many at the price of one.

Whoever adds something waits until it is on the disk. What comes while the disk is busy is written together in the next
turn, so that a thousand small appends cost a few dozen waits for the disk and not a thousand.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class GroupCommit(Generic[T]):
    """Gathers items and gives them to `write`, which makes them durable, in the order in which they came.

    `write` runs in a thread, never twice at a time. Once it has raised, everything waiting and everything that comes
    later gets the same error: what it left on the disk is not known.
    """

    def __init__(self, write: Callable[[list[T]], None]) -> None:
        self._write = write
        self._waiting: list[T] = []
        self._turn: list[T] = []
        """What the turn under way is to write, until it begins to."""
        self._done: asyncio.Future[None] | None = None
        """Resolved once all that waits is on the disk."""
        self._turns: asyncio.Task[None] | None = None
        self._broken: Exception | None = None
        self._closed = False
        self._writing = threading.Lock()

    async def add(self, item: T) -> None:
        """Return once the item is on the disk. Raises what `write` raised."""
        await asyncio.shield(self.send(item))

    def send(self, item: T) -> asyncio.Future[None]:
        """Have an item written soon; the result is there once it is on the disk."""
        if self._broken is not None:
            raise self._broken
        if self._closed:
            raise RuntimeError("is closed")
        if self._done is None:
            self._done = asyncio.get_running_loop().create_future()
        self._waiting.append(item)
        if self._turns is None:
            self._turns = asyncio.create_task(self._take_turns())
        return self._done

    async def _take_turns(self) -> None:
        try:
            while self._done is not None:
                self._turn, done = self._waiting, self._done
                self._waiting, self._done = [], None
                try:
                    await asyncio.to_thread(self._write_turn)
                except Exception as error:
                    for future in (done, self._done):
                        if future is not None:
                            future.set_exception(error)
                            future.exception()  # somebody may not have waited for it
                    self._waiting, self._done = [], None
                else:
                    done.set_result(None)
        finally:
            self._turns = None

    def _write_turn(self) -> None:
        """Write what the turn holds; nothing is left in it where `close` came before the thread did."""
        with self._writing:
            if self._broken is not None:
                raise self._broken
            items, self._turn = self._turn, []
            try:
                if items:
                    self._write(items)
            except Exception as error:
                self._broken = error
                raise

    def close(self) -> None:
        """Wait for the turn under way, then write what was sent and waits still. Nothing may be added afterwards.

        Afterwards no thread calls `write` any more, so what it writes to may be closed.
        """
        self._closed = True
        done, self._done = self._done, None
        with self._writing:
            self._turn += self._waiting
            self._waiting = []
        try:
            if self._broken is None:
                self._write_turn()
        finally:
            if done is not None:
                with contextlib.suppress(RuntimeError):  # the loop may have ended
                    done.cancel()
