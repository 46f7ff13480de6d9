"""Opening engines: each behind the completion cache that lies above the runs, on one meter and one budget."""

from __future__ import annotations

import asyncio
import logging
import signal
import threading
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

from pipeline.budget import Budget, BudgetSettings
from pipeline.cache import Cache, CachedEngine, CompletionCache, Paid
from pipeline.engines.base import Engine, EngineSettings
from pipeline.errors import StoppedEarly
from pipeline.meter import Meter

log = logging.getLogger(__name__)


class Access:
    """All engines of one call of a command. Use with `async with`; what was opened is closed at its end."""

    def __init__(self, cache: Path | Cache, run: str, budget: BudgetSettings | None = None) -> None:
        self.cache: Cache = CompletionCache(cache) if isinstance(cache, Path) else cache
        self.run = run
        billed = [paid for paid in self.cache.spent(run).values() if paid.billed]
        tokens = sum(paid.prompt_tokens + paid.completion_tokens for paid in billed)
        self.budget = Budget(budget or BudgetSettings(), sum(paid.cost or 0.0 for paid in billed), tokens)
        self.meters: dict[str, Meter] = {}
        self._stopped: str | None = None
        self._stack = AsyncExitStack()
        self._stack.callback(self.cache.close)

    async def open(self, name: str, settings: EngineSettings) -> Engine:
        """Open one engine, or all members of a pool."""
        return await self._open(name, settings, self._stack)

    async def open_all(self, settings: Mapping[str, EngineSettings]) -> dict[str, Engine]:
        """Open engines by name, one after the other."""
        return {name: await self.open(name, engine) for name, engine in settings.items()}

    @asynccontextmanager
    async def lend(self, name: str, settings: EngineSettings) -> AsyncIterator[Engine]:
        """Open one engine for the time of the block; the next one then has its memory."""
        async with AsyncExitStack() as stack:
            yield await self._open(name, settings, stack)

    async def _open(self, name: str, settings: EngineSettings, stack: AsyncExitStack) -> Engine:
        if settings.members:
            parts = settings.members.items()
            members = {part: await self._open(f"{name}/{part}", inner, stack) for part, inner in parts}
            engine = settings.join(members)
            engine.name = name
            return engine
        engine = settings.create()
        engine.name, engine.before_request = name, self.check_budget if settings.billed else self.check_stopped
        await stack.enter_async_context(engine)
        self.meters[name] = engine.meter
        if not engine.cacheable:
            return engine
        if settings.billed and (paid := self.spent().get(name)) and paid.cost is None:
            self.budget.spend(settings.cost(paid.usage), 0)  # paid before the prices were known
        budget = self.budget if settings.billed else None
        return CachedEngine(engine, self.cache, run=self.run, cost=settings.cost, budget=budget, stop=self.stop)

    def stop(self, reason: str) -> None:
        """Send no new request: whoever wants to gets StoppedEarly; those under way are answered, and kept."""
        self._stopped = reason

    def check_stopped(self) -> None:
        """Raises StoppedEarly where no new request is to be sent."""
        if self._stopped is not None:
            raise StoppedEarly(self._stopped)

    def check_budget(self) -> None:
        """Raises StoppedEarly where no new request is to be sent that costs something."""
        self.check_stopped()
        self.budget.check()

    def meters_of(self, name: str) -> list[Meter]:
        """The meter of an engine, or those of a pool's members."""
        return [meter for key, meter in self.meters.items() if key == name or key.startswith(f"{name}/")]

    def spent(self) -> dict[str, Paid]:
        """What the run has paid in all its calls, by engine."""
        return self.cache.spent(self.run)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.__aexit__(kind, error, trace)


@contextmanager
def finish_on_interrupt(access: Access) -> Iterator[None]:
    """The first Ctrl-C lets the requests under way come to their end, since they are paid for; the second does not."""
    loop = asyncio.get_running_loop()
    before = signal.getsignal(signal.SIGINT)

    def interrupt() -> None:
        restore()
        under_way = sum(meter.in_flight for meter in access.meters.values())
        log.warning("Ctrl-C: waiting for %d requests under way; Ctrl-C again stops at once", under_way)
        access.stop("stopped by Ctrl-C; what was done is kept, and the same command goes on from there")

    def restore() -> None:
        if loop.remove_signal_handler(signal.SIGINT):
            signal.signal(signal.SIGINT, before)

    ours = threading.current_thread() is threading.main_thread() and before not in (signal.SIG_IGN, None)
    if ours:
        loop.add_signal_handler(signal.SIGINT, interrupt)
    try:
        yield
    finally:
        if ours:
            restore()
