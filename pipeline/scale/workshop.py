"""What a worker does, in an event loop of its own and without a word of Ray: parts through the stages of a run."""

from __future__ import annotations

import asyncio
import hashlib
import itertools
import math
import traceback
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
from pipeline.printable import printable
from pipeline.scale.gate import Gate
from pipeline.scale.idle import Idle
from pipeline.scale.keeper import FIND, Begun, Orders, Welcome, Who
from pipeline.scale.limits import share_limits
from pipeline.scale.overheard import Overheard
from pipeline.scale.parts import Numbered, Parts
from pipeline.scale.remote_cache import Call, RemoteCache
from pipeline.scale.report import NO_PART, Report, Trouble, tell_meters
from pipeline.scale.shards import SHARDS
from pipeline.scale.suspects import together
from pipeline.stages import Stages, open_stages, under_way
from pipeline.tally import Outcome
from pipeline.types import content_id

BEAT = 1.0
"""Seconds between two words to the keeper."""
FIRST = -1
"""The number, among the parts, of the problems from which the answer format is found."""
LOST = "its worker died each time it was under way; the worker's last lines are in Ray's logs"
"""Why the attempts at a problem failed that ends its worker."""
BUG = "an error in Errata, or in code of yours that it runs"
"""Why the attempts at a problem failed at which something raised what nobody expects."""
LONGEST = 500
"""Characters of such a reason."""
Group = Sequence[Numbered]


@dataclass(frozen=True)
class Bench:
    """Where a worker works."""

    settings: RunSettings
    folder: Path
    """The run's."""
    parts: Path
    part_size: int
    who: Who
    workers: int = 1
    """That share what the settings allow."""


class Workshop:
    """The stages of a run on one machine. Open it, and close it."""

    def __init__(self, bench: Bench, call: Call) -> None:
        self.bench, self.call, self.settings = bench, call, bench.settings
        self._opened: asyncio.Future[None]
        self._closing = asyncio.Event()
        self._life: asyncio.Task[None] | None = None
        self._knowing = asyncio.Lock()
        self._knows_format = False
        self._turns = itertools.count()
        self._done = 0
        """Problems that are done in parts under way."""
        self._log = Overheard()
        self._idle = Idle(call)

    @property
    def host(self) -> str:
        """The machine's name."""
        return self.bench.who.host

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
        welcome: Welcome = await self.call("hello", bench.who)
        self.shard = welcome.shard
        self.settings = settings = share_limits(bench.settings, bench.workers, welcome.number)
        self.cache = RemoteCache(self._call_or_stop, self.shard, welcome.spent)
        self.access = Access(self.cache, settings.name, settings.budget)
        self.cache.learn = self.access.budget.learn
        beats = asyncio.create_task(self._beat())
        stack.callback(beats.cancel)
        self.parts = Parts(bench.parts, bench.part_size)
        stack.callback(self.parts.close)
        folder = bench.folder / SHARDS / self.shard
        self.stages: Stages = await stack.enter_async_context(open_stages(settings, folder, self.access))
        self.group_size = self.stages.engines["student"].group_size
        self.gate = Gate(max(2, under_way(settings, self.stages.engines.values()) // self.group_size))
        await self.call("opened", self.shard, what_is_same(self.stages))

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

    async def take(self, ticket: int) -> Report:
        """The report of the part that a ticket is for; if none is left, one without a part, once all is closed."""
        try:
            while (part := await self.call("take", self.shard, ticket)) is None and not await self._idle.is_over():
                pass
        except Exception as error:
            return Report(NO_PART, self.shard, trouble=Trouble.of(error, self.host))
        if part is not None:
            return await self.do_part(part)
        self._closing.set()
        if self._life is not None:
            await asyncio.wait([self._life])
        return Report(NO_PART, self.shard)

    async def do_part(self, part: int) -> Report:
        """Take a part through all stages; an error is part of the report."""
        outcomes: list[Outcome] = []
        raised: dict[int, int] = {}
        tracebacks: list[str] = []

        async def run_group(group: Group) -> None:
            outcomes.extend(await self._run_group(group, raised, tracebacks))
            self._done += len(group)

        trouble = None
        try:
            await self._know_format()
            begun = await self._begin(part)
            await self._try_groups(part, begun, self._groups(part), run_group)
            outcomes.sort(key=lambda outcome: outcome.number)
        except Exception as error:
            trouble = Trouble.of(error, self.host)
        self._done -= len(outcomes)
        try:
            await self.call("end", self.shard, part)
        except ErrataError as error:
            trouble = trouble or Trouble.of(error, self.host)
        return Report(part, self.shard, outcomes, trouble, raised, tracebacks[0] if tracebacks else "")

    async def _run_group(self, group: Group, raised: dict[int, int], tracebacks: list[str]) -> list[Outcome]:
        """Take a group through all stages.

        Where something raises that is no error of ours, the attempts of its problem have failed, and are told in
        `raised`; those of the whole group, where it was raised when the group was asked or graded.
        """
        try:
            return await self.stages.run_group(group)
        except ErrataError:
            raise
        except Exception as error:
            why, told = failed_by(error), "".join(traceback.format_exception(error))
        if len(group) > 1 and await self._can_ask(group):
            return [outcome for one in group for outcome in await self._run_group([one], raised, tracebacks)]
        raised[group[0][0]] = len(group)
        tracebacks.append(told)
        await self._give_up(group, why)
        return await self.stages.run_group(group)

    async def _can_ask(self, group: Group) -> bool:
        try:
            await self.stages.ask_group([problem for _, problem in group])
        except ErrataError:
            raise
        except Exception:
            return False
        return True

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
                await self._give_up(group, LOST)
            if limit == 1:
                async with self.gate.alone():
                    await self.call("alone", part, numbers)
                    await work(group)
                    await self.call("alone", part, ())
            else:
                async with self.gate.share():
                    await work(group)

        await run_bounded(groups, run_one, limit or len(groups))

    async def _give_up(self, group: Group, reason: str) -> None:
        """The problems of a group are asked no more: their attempts have failed."""
        sampler, journal = self.stages.sampler, self.stages.folder.attempts
        for _, problem in group:
            failed = sampler.failed(problem, reason)
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
        stages, settings = self.stages, self.settings
        begun = await self._begin(FIRST)
        enough = math.ceil(settings.format.detect_from / stages.sampler.n)
        groups = take_groups(cut_groups(self.parts, self.group_size), enough)
        problems = [[problem for _, problem in group] for group in groups]

        async def ask(group: Group) -> None:
            try:
                await stages.ask_group([problem for _, problem in group])
            except ErrataError:
                raise
            except Exception as error:  # counted where its part is done
                await self._give_up(group, failed_by(error))

        remembered = self.bench.folder / "format.json"
        if begun.deaths:
            await self._try_groups(FIRST, begun, groups, ask)
        try:
            found = await stages.find_format(problems, remembered)
        except ErrataError:
            raise
        except Exception:  # at one of these problems, it may be
            await self._try_groups(FIRST, begun, groups, ask)
            found = await stages.find_format(problems, remembered)
        stages.asked.clear()  # other workers may get these problems, and the cache has the answers
        await self.call("end", self.shard, FIRST)
        return found


def failed_by(error: Exception) -> str:
    """The reason for which attempts have failed."""
    return printable(f"{BUG}: {type(error).__name__}: {error}")[:LONGEST]


def what_is_same(stages: Stages) -> dict[str, str]:
    """What all workers must have in common, as hashes; the settings are the driver's."""
    templates = {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in stages.prompts.paths.items()}
    others = {name: engine.identity for name, engine in stages.engines.items() if name != "student"}
    return {
        "student, prompt or checker": stages.sampler.settings,
        "teacher or judge": content_id(others),
        "folder of prompts": content_id(templates),
    }
