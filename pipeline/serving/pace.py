"""How many requests may be under way: found by trying, within bounds, as TCP finds a link's window.

The limit doubles every round trip until the first sign of overload, then grows by one a round trip; overload halves
it, once for all requests that were under way together (additive increase, multiplicative decrease: Chiu & Jain 1989).
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiolimiter import AsyncLimiter

START = 64


class Pace:
    """Slots for requests. Belongs to one event loop; waiters are served in order."""

    def __init__(self, low: int, high: int) -> None:
        self.low, self.high = low, max(low, high)
        self.limit = float(min(max(START, low), self.high))
        self.in_flight = 0
        self._climbing = True
        self._epoch = 0
        self._paused_until = 0.0
        self._waiting: deque[asyncio.Future[None]] = deque()

    @asynccontextmanager
    async def slot(self) -> AsyncIterator[int]:
        """Hold a slot; the number it gives is for `overloaded`."""
        if self._room() > 0 and not self._waiting:
            self.in_flight += 1
        else:
            turn = asyncio.get_running_loop().create_future()
            self._waiting.append(turn)
            try:
                await turn
            except asyncio.CancelledError:
                if turn.done() and not turn.cancelled():
                    self._release()
                raise
        try:
            yield self._epoch
        finally:
            self._release()

    def succeeded(self) -> None:
        """A request was answered: the limit may grow."""
        if self.in_flight >= int(self.limit) - 1:  # a limit that nobody reaches says nothing about the server
            self.limit = min(self.high, self.limit + (1.0 if self._climbing else 1.0 / self.limit))
        self._wake()

    def overloaded(self, epoch: int, pause: float | None = None) -> None:
        """The server asked for less; `pause` seconds without a new request where it said so (Retry-After)."""
        if epoch == self._epoch:
            self.limit = max(self.low, self.limit / 2)
            self._climbing = False
            self._epoch += 1
        if pause:
            loop = asyncio.get_running_loop()
            self._paused_until = max(self._paused_until, loop.time() + pause)
            loop.call_at(self._paused_until, self._wake)

    def _room(self) -> int:
        return 0 if asyncio.get_running_loop().time() < self._paused_until else int(self.limit) - self.in_flight

    def _release(self) -> None:
        self.in_flight -= 1
        self._wake()

    def _wake(self) -> None:
        """Hand free slots to those who wait, first come first served."""
        while self._waiting and self._room() > 0:
            turn = self._waiting.popleft()
            if not turn.done():
                self.in_flight += 1
                turn.set_result(None)


class RateCap:
    """At most so many requests and tokens a minute, spread evenly: no burst of a whole minute's at the start."""

    def __init__(self, requests_per_minute: float | None, tokens_per_minute: float | None) -> None:
        self._requests = _evenly(requests_per_minute) if requests_per_minute else None
        self._tokens = _evenly(tokens_per_minute) if tokens_per_minute else None
        self._minute = tokens_per_minute or 0.0
        self._replies = self._characters = self._read = self._written = 0

    async def wait(self, characters: int, max_tokens: int) -> None:
        """Wait for the turn of a request of so many characters.

        Its tokens are guessed from what was read and written so far; before the first reply they are as many as its
        characters, and `max_tokens` written.
        """
        if self._requests is not None:
            await self._requests.acquire()
        if self._tokens is not None:
            read = characters * (self._read / self._characters if self._read else 1.0)
            written = self._written / self._replies if self._replies else max_tokens
            left = min(read + written, self._minute)
            while left > 0:
                part = min(left, self._tokens.max_rate)
                await self._tokens.acquire(part)
                left -= part

    def learn(self, characters: int, prompt_tokens: int, completion_tokens: int) -> None:
        """Take a reply's length into the guesses."""
        self._replies += 1
        self._characters += characters
        self._read += prompt_tokens
        self._written += completion_tokens


def _evenly(per_minute: float) -> AsyncLimiter:
    """A bucket of a second's worth."""
    return AsyncLimiter(max(1.0, per_minute / 60), max(1.0, 60 / per_minute))
