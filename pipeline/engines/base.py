"""The one interface of everything that writes text: `complete` messages.

An engine is opened with `async with`, asked from one event loop, and closed by leaving the block. Sample `i` of a
request depends on the request and on `i` alone, never on how many were asked for or what else is under way; that is
what lets a cache or a resumed run ask for just the missing ones.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from types import TracebackType
from typing import ClassVar, Self, TypeVar

from pipeline.meter import Meter
from pipeline.settings import Settings
from pipeline.types import Completion, Message, Record, SamplingParams, Usage

T = TypeVar("T")


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
    capacity: int = 1
    """How many requests it takes at once."""

    def __init__(self) -> None:
        self.meter = Meter()
        self.on_waste: Callable[[Usage | None], None] = lambda usage: None
        """Told what was paid for a reply that was of no use."""
        self.before_request: Callable[[], None] = lambda: None
        """Called before every request; raises StoppedEarly when no new one is to be sent."""

    def splits(self, params: SamplingParams) -> bool:
        """Whether every sample is a request of its own anyway, so that each can be kept as soon as it is there."""
        return False

    @property
    @abstractmethod
    def identity(self) -> str:
        """What decides the text besides the request: base_url + model, or a hash of the weights. Part of cache keys."""

    @abstractmethod
    async def complete(
        self, messages: Sequence[Message], *, n: int = 1, params: SamplingParams, offset: int = 0
    ) -> list[Completion]:
        """Return up to `n` completions, at least one; a conversation that ends with an assistant's turn goes on there.

        A server may write fewer at a time, and recorded answers may be fewer; `CachedEngine` asks for the rest.
        Raises RequestFailed when this request failed for good, EngineUnusable when every request would.
        """

    async def complete_many(self, requests: Sequence[Request]) -> list[list[Completion] | Exception]:
        """Complete a group; a request that failed has its RequestFailed in its place, the others go on."""
        return await settle(self.complete(r.messages, n=r.n, params=r.params, offset=r.offset) for r in requests)

    async def score(self, messages: Sequence[Message], text: str) -> float:
        """Mean log-prob in nats of the text's tokens as the answer; for engines whose settings say `scores`."""
        raise NotImplementedError

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Free what the engine holds."""


async def settle(calls: Iterable[Awaitable[T]]) -> list[T | Exception]:
    """Run side by side and wait for all; an exception stands in its call's place. Cancellation passes through."""
    results: list[T | Exception] = []
    for result in await asyncio.gather(*calls, return_exceptions=True):
        if isinstance(result, BaseException) and not isinstance(result, Exception):
            raise result
        results.append(result)
    return results


async def finish_all(calls: Iterable[Awaitable[T]]) -> list[T]:
    """Run side by side and wait for all, since what is under way is paid for; then raise the first exception."""
    finished: list[T] = []
    for result in await settle(calls):
        if isinstance(result, Exception):
            raise result
        finished.append(result)
    return finished


class EngineSettings(Settings, ABC):
    """Base of every engine's settings."""

    billed: ClassVar[bool] = False
    """Whether the engine's tokens count against the budget."""
    scores: ClassVar[bool] = False
    """Whether it can say how likely a given text is."""

    @abstractmethod
    def create(self) -> Engine:
        """Make the engine; loads nothing heavy before it is entered."""

    @property
    def local_model(self) -> str | None:
        """Folder or hub id of the model that it loads itself, and that could be trained; None for one elsewhere."""
        return None

    @property
    def continues(self) -> bool:
        """Whether it can go on from an assistant's turn that is begun."""
        return False

    @property
    def enforces_schema(self) -> bool:
        """Whether it makes a text follow `SamplingParams.json_schema`."""
        return False

    @property
    def members(self) -> Mapping[str, EngineSettings]:
        """Engines that this one is made of; each is opened, cached and counted under its own name."""
        return {}

    def join(self, members: Mapping[str, Engine]) -> Engine:
        """Make the engine of `members`, which are open."""
        raise NotImplementedError

    def cost(self, usage: Usage) -> float | None:
        """What the tokens cost; None where no price is known."""
        return None

    def check(self) -> None:
        """Look at files and environment without a heavy import or a request. Raises ConfigError."""
