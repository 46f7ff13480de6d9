"""What a run may spend: checked before every request, so that it ends at the limit and not somewhere beyond."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from pydantic import Field

from pipeline.errors import StoppedEarly
from pipeline.settings import Settings


class BudgetSettings(Settings):
    """Limits on what endpoints write for this run, over all its calls; what the cache answers costs nothing."""

    max_cost: float | None = Field(default=None, gt=0)
    """In the currency of the endpoints' prices; every endpoint then needs `input_price` and `output_price`."""
    max_tokens: int | None = Field(default=None, gt=0)
    """Prompt and completion tokens of all endpoints together."""


class Budget:
    """Adds up what is spent and what the requests under way will probably cost."""

    def __init__(self, settings: BudgetSettings, cost: float = 0.0, tokens: int = 0) -> None:
        self.settings, self.cost, self.tokens = settings, cost, tokens
        self._elsewhere = (0.0, 0)
        self._held_cost = self._held_tokens = 0.0
        self._holders = 0
        self._changed = asyncio.Event()

    @property
    def is_limited(self) -> bool:
        """Whether there is any limit."""
        return self.settings.max_cost is not None or self.settings.max_tokens is not None

    def spend(self, cost: float | None, tokens: int) -> None:
        """Count what was paid."""
        self.cost += cost or 0.0
        self.tokens += tokens

    def learn(self, cost: float, tokens: int) -> None:
        """What other processes have spent for this run since it was opened here; a later word replaces an earlier."""
        self._elsewhere = (cost, tokens)

    @asynccontextmanager
    async def hold(self, guess: Callable[[], tuple[float, float]]) -> AsyncIterator[None]:
        """Set aside the guessed (cost, tokens) of one request while it is under way.

        Where the guess would pass the limit, waits for the requests under way, whose true price may leave room.
        Raises StoppedEarly when the limit is reached.
        """
        while (told := self._over(*guess())) is not None:  # guesses get better while others are waited for
            if not self._holders:
                raise StoppedEarly(told)
            self._changed.clear()
            await self._changed.wait()
        cost, tokens = guess()
        self._holders += 1
        self._held_cost += cost
        self._held_tokens += tokens
        try:
            yield
        finally:
            self._holders -= 1
            self._held_cost -= cost
            self._held_tokens -= tokens
            self._changed.set()

    def check(self) -> None:
        """Raises StoppedEarly where the limit is passed: others may have spent what a request was held for."""
        if (told := self._passed(0.0, 0.0)) is not None:
            raise StoppedEarly(told)

    def _over(self, cost: float, tokens: float) -> str | None:
        """Why the next request does not fit, if so."""
        return self._passed(self._held_cost + cost, self._held_tokens + tokens)

    def _passed(self, cost: float, tokens: float) -> str | None:
        """Which limit is passed by so much more, if any."""
        s = self.settings
        other_cost, other_tokens = self._elsewhere
        limits = (
            ("max_cost", s.max_cost, self.cost + other_cost, cost),
            ("max_tokens", s.max_tokens, self.tokens + other_tokens, tokens),
        )
        for name, limit, spent, more in limits:
            if limit is not None and spent + more > limit:
                return (
                    f"budget.{name}: {spent:,.6g} of {limit:,.6g} is spent and the next request would pass it; "
                    "what was done is kept, raise it and run again to go on"
                )
        return None
