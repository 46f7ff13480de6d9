"""The one interface of everything that writes text: `complete` messages.

An engine is opened with `async with`, asked from one event loop, and closed by leaving the block. Sample `i` of a
request depends on the request and on `i` alone, never on how many were asked for or what else is under way; that is
what lets a cache or a resumed run ask for just the missing ones.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Sequence
from types import TracebackType
from typing import Self

from pipeline.settings import Settings
from pipeline.types import Completion, Message, Record, SamplingParams, Usage


class Request(Record):
    """`n` completions of one conversation, the first being sample number `offset`."""

    messages: tuple[Message, ...]
    params: SamplingParams
    n: int = 1
    offset: int = 0


class Engine(ABC):
    """Base of all engines."""

    name: str = ""
    """The name it has in the run: `student`, or the teacher's key."""
    cacheable: bool = True
    """Whether its completions go into the completion cache."""
    group_size: int = 1
    """How many requests belong in one `complete_many`: 1 for servers, a batch's worth for in-process models."""

    @property
    @abstractmethod
    def identity(self) -> str:
        """What decides the text besides the request: base_url + model, or a hash of the weights. Part of cache keys."""

    @abstractmethod
    async def complete(
        self, messages: Sequence[Message], *, n: int = 1, params: SamplingParams, offset: int = 0
    ) -> list[Completion]:
        """Return `n` completions (an engine of recorded answers may have fewer).

        Raises RequestFailed when this request failed for good, EngineUnusable when every request would.
        """

    async def complete_many(self, requests: Sequence[Request]) -> list[list[Completion] | Exception]:
        """Complete a group; a request that failed has its RequestFailed in its place, the others go on."""
        calls = (self.complete(r.messages, n=r.n, params=r.params, offset=r.offset) for r in requests)
        results: list[list[Completion] | Exception] = []
        for result in await asyncio.gather(*calls, return_exceptions=True):
            if isinstance(result, BaseException) and not isinstance(result, Exception):
                raise result
            results.append(result)
        return results

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Free what the engine holds."""


class EngineSettings(Settings, ABC):
    """Base of every engine's settings."""

    @abstractmethod
    def create(self) -> Engine:
        """Make the engine; loads nothing heavy before it is entered."""

    def cost(self, usage: Usage) -> float | None:
        """What the tokens cost; None where no price is known."""
        return None

    def check(self) -> None:
        """Look at files and environment without a heavy import or a request. Raises ConfigError."""
