"""What a run will ask, write, cost and take, from a small sample of its problems that goes through the whole flow.

The sample is paid for, and kept in the cache: the run itself starts with it.
"""

from __future__ import annotations

import math
import random
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from contextvars import ContextVar
from pathlib import Path

from pydantic import BaseModel

from pipeline.bounded import run_bounded
from pipeline.cache import completion_key
from pipeline.config import RunSettings
from pipeline.engines.base import Engine, Request
from pipeline.journal import scan_journal
from pipeline.sample import make_conversation
from pipeline.stages import QUIET, Progress, Stages, open_stages, under_way
from pipeline.tally import Tally
from pipeline.types import Attempt, Completion, Correction, Message, Problem, SamplingParams, Usage

Z = 1.96
"""Half width of a 95% interval in standard errors."""
UNDER_WAY: ContextVar[str] = ContextVar("UNDER_WAY", default="")
"""Id of the problem that the current task works on."""


class Watched(Engine):
    """A teacher or one of the checker's engines: keeps what each problem took of it, repairs included."""

    def __init__(self, engine: Engine) -> None:
        super().__init__()
        self.engine, self.meter = engine, engine.meter
        self.name, self.cacheable = engine.name, engine.cacheable
        self.group_size, self.capacity = engine.group_size, engine.capacity
        self.use: defaultdict[str, dict[bytes, Usage]] = defaultdict(dict)

    @property
    def identity(self) -> str:
        return self.engine.identity

    async def complete(
        self, messages: Sequence[Message], *, n: int = 1, params: SamplingParams, offset: int = 0
    ) -> list[Completion]:
        made = await self.engine.complete(messages, n=n, params=params, offset=offset)
        for index, completion in enumerate(made, start=offset):
            key = completion_key(self.identity, messages, params, index)  # the same text is judged once
            self.use[UNDER_WAY.get()][key] = completion.usage
        return made


class EngineForecast(BaseModel):
    """What one engine will do for the whole run; ranges are 95% intervals over problems."""

    texts: int
    """Texts it will be asked for."""
    texts_range: tuple[int, int]
    prompt_tokens: int
    completion_tokens: int
    cost: float | None
    """Of the texts that are not known to be in the cache; None where it has no prices."""
    cost_range: tuple[float, float] | None
    known: int | None
    """Texts that are in the cache already; known beforehand for the student alone."""
    seconds: float | None
    """Time with as many requests under way as it takes; None where the sample came from the cache."""


class Forecast(BaseModel):
    """A run, foreseen."""

    problems: int
    sampled: int
    """Problems the forecast is drawn from."""
    engines: dict[str, EngineForecast]
    cost: float
    """Of all engines with prices."""
    seconds: float | None
    """The slowest engine's time: the stages overlap."""
    paid: float
    """What the sample cost now."""


async def forecast(
    settings: RunSettings, sample: int = 16, progress: Progress = QUIET, folder: Path | None = None
) -> Forecast:
    """Take `sample` problems, drawn at random but the same in every call, through the flow and scale up.

    folder: where the sample's journals are kept; by default they are thrown away.
    Raises UsageError for bad input, StoppedEarly where the budget ends.
    """
    with ExitStack() as stack:
        made = folder or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="errata-forecast-")))
        async with open_stages(settings, made) as stages:
            total = len(stages.problems)
            drawn = set(random.Random(0).sample(range(total), min(sample, total)))
            chosen = [(number, problem) for number, problem in enumerate(stages.problems) if number in drawn]
            others = [name for name in stages.engines if name != "student"]
            watched = {name: Watched(stages.engines[name]) for name in others}
            stages.engines.update(watched)
            started = time.perf_counter()
            await _run_sample(stages, chosen, progress)
            elapsed = time.perf_counter() - started
            known = await _count_known(stages)
            use = _use_by_problem(stages, [problem.id for _, problem in chosen], watched)
            engines = {
                name: _scale(stages, name, use[name], total, known if name == "student" else None, elapsed)
                for name in stages.engines
            }
            paid = sum(meter.cost for meter in stages.access.meters.values())
    times = [engine.seconds for engine in engines.values()]
    return Forecast(
        problems=total,
        sampled=len(chosen),
        engines=engines,
        cost=sum(engine.cost or 0.0 for engine in engines.values()),
        seconds=None if None in times else max(t for t in times if t is not None),
        paid=paid,
    )


async def _run_sample(stages: Stages, chosen: Sequence[tuple[int, Problem]], progress: Progress) -> None:
    done = 0
    tally = Tally()
    progress.watch(tally, stages.access.meters)

    async def ask(item: tuple[int, Problem]) -> None:
        UNDER_WAY.set(item[1].id)
        await stages.ask_group([item[1]])

    async def run_one(item: tuple[int, Problem]) -> None:
        nonlocal done
        UNDER_WAY.set(item[1].id)
        for outcome in await stages.run_group([item]):
            tally.add(outcome.tally)
        done += 1
        progress("sample", done, len(chosen))

    progress("sample", 0, len(chosen))
    at_once = under_way(stages.settings, stages.engines.values())
    await run_bounded(chosen, ask, at_once)
    await stages.prepare([problem] for _, problem in chosen)
    await run_bounded(chosen, run_one, at_once)


def _use_by_problem(
    stages: Stages, ids: Sequence[str], watched: Mapping[str, Watched]
) -> dict[str, list[tuple[int, Usage]]]:
    """For every engine, (texts, usage) of each sampled problem, whether asked now or found in the cache."""
    made: defaultdict[tuple[str, str], list[Usage]] = defaultdict(list)
    folder = stages.folder
    for journal in (folder.attempts, folder.second_tries):
        for _, attempt in scan_journal(journal.path, Attempt):
            if attempt.completion is not None:
                made["student", attempt.problem_id].append(attempt.completion.usage)
    continued = {rung.name for rung in stages.settings.rungs if rung.on_policy}
    for _, correction in scan_journal(folder.corrections.path, Correction):
        if correction.rung in continued and correction.completion is not None and correction.text is not None:
            made["student", correction.problem_id].append(correction.completion.usage)
    for name, engine in watched.items():
        for id, usages in engine.use.items():
            made[name, id] += usages.values()

    def add(usages: Sequence[Usage]) -> tuple[int, Usage]:
        prompt, written = sum(u.prompt_tokens for u in usages), sum(u.completion_tokens for u in usages)
        return len(usages), Usage(prompt_tokens=prompt, completion_tokens=written)

    return {name: [add(made[name, id]) for id in ids] for name in stages.engines}


async def _count_known(stages: Stages) -> int | None:
    """The student's texts for the whole run that the cache has, the sample's included."""
    look_up = getattr(stages.engines["student"], "look_up", None)
    if look_up is None:
        return None
    s = stages.settings.sample
    known = 0
    for p in stages.problems:
        asked = Request(messages=make_conversation(stages.sampler.prompt, p), params=s.params, n=s.n)
        known += len(await look_up(asked))
    return known


def _seconds(stages: Stages, name: str, texts: int, tokens: int, sampled: int, elapsed: float) -> float | None:
    """Time for so many texts: what latency, slots and caps allow a server; what the sample took, for another engine."""
    settings = stages.settings.engines[name]
    meters = stages.access.meters_of(name)
    written = sum(meter.completions for meter in meters)
    answered, latency = sum(m.answered for m in meters), sum(m.seconds for m in meters)
    if not texts or (not settings.members and not stages.engines[name].cacheable):
        return 0.0  # nothing to ask, or recorded texts
    if answered and written:
        slots = min(stages.engines[name].capacity, stages.settings.concurrency or sys.maxsize)
        by_latency = texts * latency / written / slots
        parts = list(settings.members.values()) or [settings]
        caps = [(getattr(p, "requests_per_minute", None), getattr(p, "tokens_per_minute", None)) for p in parts]
        by_requests = 60 * texts * answered / written / sum(r or math.inf for r, _ in caps)
        return max(by_latency, by_requests, 60 * tokens / sum(t or math.inf for _, t in caps))
    return elapsed * texts / sampled if written and sampled else None


def _scale(
    stages: Stages, name: str, use: Sequence[tuple[int, Usage]], total: int, known: int | None, elapsed: float
) -> EngineForecast:
    """The whole run's share of one engine, from its use for each sampled problem."""
    factor = total / len(use)
    texts = round(factor * sum(count for count, _ in use))
    low, high = _interval([count for count, _ in use], total)
    prompt = round(factor * sum(u.prompt_tokens for _, u in use))
    written = round(factor * sum(u.completion_tokens for _, u in use))
    new = 1.0 - min(1.0, (known or 0) / texts) if texts else 1.0
    settings = stages.settings.engines[name]
    costs = [cost for cost in (settings.cost(u) for _, u in use) if cost is not None]
    priced = len(costs) == len(use)
    spread = _interval(costs, total) if priced else None
    sampled = sum(count for count, _ in use)
    return EngineForecast(
        texts=texts,
        texts_range=(round(low), round(high)),
        prompt_tokens=prompt,
        completion_tokens=written,
        cost=new * factor * sum(costs) if priced else None,
        cost_range=(new * spread[0], new * spread[1]) if spread else None,
        known=known,
        seconds=_seconds(stages, name, round(new * texts), round(new * (prompt + written)), sampled, elapsed),
    )


def _interval(values: Sequence[float], total: int) -> tuple[float, float]:
    """95% interval of the sum over `total` problems, by the normal approximation over the sampled ones."""
    mean = sum(values) / len(values)
    variance = sum((value - mean) ** 2 for value in values) / max(1, len(values) - 1)
    half = Z * total * math.sqrt(variance / len(values))
    return max(0.0, total * mean - half), total * mean + half
