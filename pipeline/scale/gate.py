"""Who may work in a worker: many together, or one alone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Gate:
    """Lets so many through together; whoever wants to be alone waits until the others are through, and they for it."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._inside = 0
        self._changed = asyncio.Condition()
        self._one_alone = asyncio.Lock()

    @asynccontextmanager
    async def share(self) -> AsyncIterator[None]:
        """Work beside others."""
        async with self._changed:
            await self._changed.wait_for(lambda: self._inside < self._limit and not self._one_alone.locked())
            self._inside += 1
        try:
            yield
        finally:
            async with self._changed:
                self._inside -= 1
                self._changed.notify_all()

    @asynccontextmanager
    async def alone(self) -> AsyncIterator[None]:
        """Work while nobody else does."""
        try:
            async with self._one_alone:
                async with self._changed:
                    await self._changed.wait_for(lambda: self._inside == 0)
                yield
        finally:
            async with self._changed:
                self._changed.notify_all()
