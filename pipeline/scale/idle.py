"""What a worker does for which there is no part: it keeps its tickets until all is over."""

from __future__ import annotations

import asyncio

from pipeline.scale.keeper import Who
from pipeline.scale.remote_cache import Call
from pipeline.scale.report import NO_PART, Report, Trouble


class Idle:
    """Waits for the end; all that wait in a worker ask the keeper together."""

    def __init__(self, call: Call) -> None:
        self._call = call
        self._asking: asyncio.Future[bool] | None = None

    async def is_over(self) -> bool:
        """Whether there is nothing more to do; returns late if there may be."""
        if self._asking is None or self._asking.done():
            self._asking = asyncio.ensure_future(self._call("wait"))
        return await asyncio.shield(self._asking)


class TurnedDown:
    """A worker whose engines cannot be opened. Others do its parts, unless they could do no better."""

    def __init__(self, who: Who, trouble: Trouble, call: Call) -> None:
        self.who, self.trouble = who, trouble
        self._call, self._idle = call, Idle(call)

    async def take(self, ticket: int) -> Report:
        """A report without a part, once all is over; or at once, with what ends it."""
        trouble = self.trouble
        try:
            if not trouble.ends_all:
                await self._call("unusable", self.who, trouble)
                await self._call("give_back", ticket)
                while not await self._idle.is_over():
                    pass
                return Report(NO_PART, "")
        except Exception as error:
            trouble = Trouble.of(error, self.who.host)
        return Report(NO_PART, "", trouble=trouble)

    async def close(self) -> None:
        """Nothing is open."""
