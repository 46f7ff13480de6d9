"""What a worker does, in an event loop of its own and without a word of Ray: parts through the stages of a run."""

from __future__ import annotations

import asyncio
import itertools
import math
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.access import Access
from pipeline.answer_format.form import Detected
from pipeline.bounded import cut_groups, run_bounded, take_groups
from pipeline.config import RunSettings
from pipeline.errors import ErrataError, StoppedEarly
from pipeline.scale.gate import Gate
from pipeline.scale.keeper import FIND, Begun, Orders, Welcome
from pipeline.scale.overheard import Overheard
from pipeline.scale.parts import Numbered, Parts
from pipeline.scale.remote_cache import Call, RemoteCache
from pipeline.scale.report import Report, Trouble, tell_meters
from pipeline.scale.shards import SHARDS
from pipeline.scale.suspects import together
from pipeline.stages import Stages, open_stages, under_way
from pipeline.tally import Outcome
from pipeline.types import Attempt

BEAT = 1.0
"""Seconds between two words to the keeper."""
FIRST = -1
"""The number, among the parts, of the problems from which the answer format is found."""
LOST = "its worker died each time it was under way; the worker's last lines are in Ray's logs"
"""Why the attempts at a problem failed that ends its worker."""
Group = Sequence[Numbered]


@dataclass(frozen=True)
class Bench:
    """Where a worker works."""

    settings: RunSettings
    folder: Path
    """The run's."""
    parts: Path
    part_size: int
    host: str
    actor: str
    """The same for a worker that was started again."""


class Workshop:
    """The stages of a run on one machine. Open it, and close it."""

    def __init__(self, bench: Bench, call: Call) -> None:
        self.bench, self.call = bench, call
        self._opened: asyncio.Future[None]
        self._closing = asyncio.Event()
        self._life: asyncio.Task[None] | None = None
        self._knowing = asyncio.Lock()
        self._knows_format = False
        self._turns = itertools.count()
        self._done = 0
        """Problems that are done in parts under way."""
        self._log = Overheard()

    async def open(self) -> None:
        """Open the engines and the journals. Raises UsageError, StoppedEarly."""
        self._opened = asyncio.get_running_loop().create_future()
        self._life = asyncio.create_task(self._live())
        await self._opened

    async def close(self) -> None:
        """Close them; returns once they are closed."""
        self._closing.set()
        if self._life is not None:
            await asyncio.shield(self._life)

    async def _live(self) -> None:
        """From opening to closing in one task."""
        try:
            async with AsyncExitStack() as stack:
                stack.callback(self._log.end)
                await self._open(stack)
                self._opened.set_result(None)
                await self._closing.wait()
        except Exception as error:
            if self._opened.done():
                raise
            self._opened.set_exception(error)
            return
        await self.cache.drain()
        await self._say()
        await self.call("closed", self.shard)

    async def _open(self, stack: AsyncExitStack) -> None:
        bench = self.bench
        welcome: Welcome = await self.call("hello", bench.actor, bench.host)
        self.shard = welcome.shard
        self.cache = RemoteCache(self._call_or_stop, self.shard, welcome.spent)
        self.access = Access(self.cache, bench.settings.name, bench.settings.budget)
        self.cache.learn = self.access.budget.learn
        beats = asyncio.create_task(self._beat())
        stack.callback(beats.cancel)
        self.parts = Parts(bench.parts, bench.part_size)
        stack.callback(self.parts.close)
        folder = bench.folder / SHARDS / self.shard
        self.stages: Stages = await stack.enter_async_context(open_stages(bench.settings, folder, self.access))
        self.group_size = self.stages.engines["student"].group_size
        self.gate = Gate(max(2, under_way(bench.settings, self.stages.engines.values()) // self.group_size))
        await self.call("opened", self.shard, self.stages.sampler.settings)

    async def _beat(self) -> None:
        """Say that we are alive and how far, hear whether to go on."""
        while True:
            try:
                orders = await self._say()
            except StoppedEarly:
                return
            self.access.budget.learn(*orders.elsewhere)
            if orders.stop is not None:
                self.access.stop(orders.stop)
            if orders.close:
                self._closing.set()
            await asyncio.sleep(BEAT)

    async def _say(self) -> Orders:
        meters = tell_meters(self.access.meters)
        orders: Orders = await self._call_or_stop("beat", self.shard, meters, self._done, self._log.take())
        return orders

    async def _call_or_stop(self, name: str, *arguments: object) -> Any:
        """Call the keeper; where that fails, nothing new is asked: nobody could store the answer."""
        try:
            return await self.call(name, *arguments)
        except StoppedEarly as error:
            self.access.stop(str(error))
            raise

    # --- one part ---

    async def do_part(self, part: int) -> Report:
        """Take a part through all stages; an error is part of the report."""
        outcomes: list[Outcome] = []

        async def run_group(group: Group) -> None:
            outcomes.extend(await self.stages.run_group(group))
            self._done += len(group)

        trouble = None
        try:
            await self._know_format()
            begun = await self._begin(part)
            await self._try_groups(part, begun, self._groups(part), run_group)
            outcomes.sort(key=lambda outcome: outcome.number)
        except ErrataError as error:
            trouble = Trouble.of(error, self.bench.host)
        except Exception as error:
            trouble = Trouble.of(error, self.bench.host)
        self._done -= len(outcomes)
        try:
            await self.call("end", self.shard, part)
        except ErrataError as error:
            trouble = trouble or Trouble.of(error, self.bench.host)
        return Report(part, self.shard, outcomes, trouble)

    def _groups(self, part: int) -> list[list[Numbered]]:
        return list(cut_groups(self.parts.read(part), self.group_size))

    async def _begin(self, part: int) -> Begun:
        begun: Begun = await self.call("begin", part, f"{self.shard}/{next(self._turns)}")
        return begun

    async def _try_groups(
        self, part: int, begun: Begun, groups: Sequence[Group], work: Callable[[Group], Awaitable[None]]
    ) -> None:
        """Work on groups of problems; with fewer at once where their part has seen workers die."""
        limit = together(begun.deaths)

        async def run_one(group: Group) -> None:
            numbers = [number for number, _ in group]
            if begun.guilty.intersection(numbers):
                await self._give_up(group)
            if limit == 1:
                async with self.gate.alone():
                    await self.call("alone", part, numbers)
                    await work(group)
                    await self.call("alone", part, ())
            else:
                async with self.gate.share():
                    await work(group)

        await run_bounded(groups, run_one, limit or len(groups))

    async def _give_up(self, group: Group) -> None:
        """The problems of a group are asked no more: their attempts have failed."""
        sampler, journal = self.stages.sampler, self.stages.folder.attempts
        for _, problem in group:
            failed = [
                Attempt(
                    id=sampler.attempt_id(problem, index),
                    problem_id=problem.id,
                    index=index,
                    engine=sampler.engine.name,
                    settings=sampler.settings,
                    completion=None,
                    grade=None,
                    failure=LOST,
                )
                for index in range(sampler.n)
            ]
            await journal.append(failed)
            self.stages.asked[problem.id] = failed

    # --- the answer format ---

    async def _know_format(self) -> None:
        """Make ready what depends on the student's answer format, which one worker finds for all."""
        async with self._knowing:
            if self._knows_format:
                return
            told: str | None = None
            while told is None:
                self.access.check_stopped()
                told = await self.call("claim_format", self.shard)
            if told != FIND:
                self.stages.use_format(Detected.model_validate_json(told))
            else:
                try:
                    self.stages.use_format(await self._find_format())
                except Exception:
                    await self.call("end", self.shard, FIRST)
                    await self.call("tell_format", None, {})
                    raise
                found = self.stages.found.model_dump_json()
                await self.call("tell_format", found, self.stages.fingerprints)
            self._knows_format = True

    async def _find_format(self) -> Detected:
        stages, settings = self.stages, self.bench.settings
        begun = await self._begin(FIRST)
        enough = math.ceil(settings.format.detect_from / stages.sampler.n)
        groups = take_groups(cut_groups(self.parts, self.group_size), enough)
        problems = [[problem for _, problem in group] for group in groups]

        async def ask(group: Group) -> None:
            await stages.ask_group([problem for _, problem in group])

        if begun.deaths:
            await self._try_groups(FIRST, begun, groups, ask)
        found = await stages.find_format(problems, self.bench.folder / "format.json")
        stages.asked.clear()  # other workers may get these problems, and the cache has the answers
        await self.call("end", self.shard, FIRST)
        return found
