"""Several endpoints for one model: the first that answers is asked; a paused or broken one is passed over."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from typing import Literal

from pydantic import Field

from pipeline.cache import CachedEngine, missing_parts
from pipeline.engines.base import Engine, EngineSettings, Request
from pipeline.engines.endpoint import Endpoint
from pipeline.engines.endpoint import Settings as EndpointSettings
from pipeline.errors import EngineUnusable, RequestFailed, StoppedEarly
from pipeline.serving.circuit import EndpointPaused
from pipeline.types import Completion, Message, SamplingParams, Usage

log = logging.getLogger(__name__)


class Settings(EngineSettings):
    """The endpoints, in the order in which they are preferred."""

    engine: Literal["pool"] = "pool"
    endpoints: dict[str, EndpointSettings] = Field(min_length=1)
    """Endpoints by name. Each keeps its own key, prices, limits and cache: a text is known by who wrote it."""

    @property
    def members(self) -> Mapping[str, EngineSettings]:
        return self.endpoints

    @property
    def continues(self) -> bool:
        return all(endpoint.continues for endpoint in self.endpoints.values())

    @property
    def enforces_schema(self) -> bool:
        return all(endpoint.enforces_schema for endpoint in self.endpoints.values())

    def create(self) -> Engine:
        raise NotImplementedError("a pool is made of open members")

    def join(self, members: Mapping[str, Engine]) -> Engine:
        return Pool(members)

    def cost(self, usage: Usage) -> float | None:
        """At the highest price of a member: who will write is not known beforehand."""
        costs = [endpoint.cost(usage) for endpoint in self.endpoints.values()]
        return None if None in costs else max(cost for cost in costs if cost is not None)

    def check(self) -> None:
        for endpoint in self.endpoints.values():
            endpoint.check()


class Pool(Engine):
    """Asks its members, cached endpoints, in order; what one cannot answer goes to the next."""

    cacheable = False  # its members are cached, each under its own identity

    def __init__(self, members: Mapping[str, Engine]) -> None:
        super().__init__()
        self.members = [member for member in members.values() if isinstance(member, CachedEngine)]
        self.endpoints = [member.engine for member in self.members if isinstance(member.engine, Endpoint)]
        for endpoint in self.endpoints:
            endpoint.in_pool = True
        self._buried: set[int] = set()
        self.capacity = sum(endpoint.capacity for endpoint in self.endpoints)

    @property
    def identity(self) -> str:
        return "pool:" + "|".join(member.identity for member in self.members)

    async def complete(
        self, messages: Sequence[Message], *, n: int = 1, params: SamplingParams, offset: int = 0
    ) -> list[Completion]:
        request = Request(messages=tuple(messages), params=params, n=n, offset=offset)
        made: dict[int, Completion] = {}
        for member in self.members:  # whoever wrote it in an earlier run
            found = await member.look_up(request)
            member.meter.from_cache += len(found.keys() - made.keys())
            made = found | made
        refusals: dict[int, RequestFailed] = {}
        while len(made) < n:
            left = self._left(refusals, made)
            number = next((number for number in left if not self.endpoints[number].circuit.is_open), None)
            if number is None:  # all are paused
                await asyncio.sleep(min(self.endpoints[number].circuit.left for number in left))
                continue
            try:
                for part in missing_parts(request, made):
                    texts = await self.members[number].complete(
                        part.messages, n=part.n, params=part.params, offset=part.offset
                    )
                    made.update(enumerate(texts, start=part.offset))
            except EndpointPaused:
                continue
            except RequestFailed as error:
                made.update(error.completed)
                refusals[number] = error
            except (EngineUnusable, StoppedEarly) as error:
                self._bury(number, error)
        return [made[index] for index in sorted(made)]

    def _left(self, refusals: Mapping[int, RequestFailed], made: Mapping[int, Completion]) -> list[int]:
        """The members that are alive and have not failed this request, the preferred first.

        Raises the first member's error when none is alive, RequestFailed when those alive have failed this request.
        """
        alive = [number for number, endpoint in enumerate(self.endpoints) if endpoint.circuit.dead is None]
        if not alive:
            raise next(e.circuit.dead for e in self.endpoints if e.circuit.dead is not None)
        left = [number for number in alive if number not in refusals]
        if not left:
            told = "; ".join(f"{self.members[i].name}: {refusals[i]}" for i in sorted(refusals))
            raise RequestFailed(told, made)
        return left

    def _bury(self, number: int, error: Exception) -> None:
        """A member that cannot work leaves the pool, which is said once. Raises where the budget is the reason."""
        circuit = self.endpoints[number].circuit
        if circuit.dead is None:
            raise error
        if number not in self._buried:
            self._buried.add(number)
            log.warning("%s leaves the pool: %s", self.members[number].name, error)
