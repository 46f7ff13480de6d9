"""What a run will ask, write, cost and take, from a small sample of its problems that goes through the whole flow.

The sample is paid for, and kept in the cache: the run itself starts with it.
"""

from __future__ import annotations

import math
import random
import tempfile
import time
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from pydantic import BaseModel

from pipeline.config import RunSettings
from pipeline.engines.base import Engine, EngineSettings, Request
from pipeline.run import QUIET, Progress, Stages, open_stages, run_bounded, under_way
from pipeline.sample import make_conversation
from pipeline.store import scan_journal
from pipeline.types import Attempt, Correction, Problem, Usage

Z = 1.96
"""Half width of a 95% interval in standard errors."""


class EngineForecast(BaseModel):
    """What one engine will do for the whole run; ranges are 95% intervals over problems."""

    texts: int
    """Texts it will be asked for."""
    texts_range: tuple[int, int]
    prompt_tokens: int
    completion_tokens: int
    cost: float | None
    """None where it has no prices."""
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


async def forecast(settings: RunSettings, sample: int = 16, progress: Progress = QUIET) -> Forecast:
    """Take `sample` problems, drawn at random but the same in every call, through the flow and scale up.

    Raises UsageError for bad input, StoppedEarly where the budget ends.
    """
    with tempfile.TemporaryDirectory(prefix="errata-forecast-") as folder:
        async with open_stages(settings, Path(folder)) as stages:
            total = len(stages.problems)
            drawn = set(random.Random(0).sample(range(total), min(sample, total)))
            chosen = [(number, problem) for number, problem in enumerate(stages.problems) if number in drawn]
            started = time.perf_counter()
            await _run_sample(stages, chosen, progress)
            elapsed = time.perf_counter() - started
            known = _count_known(stages)
            use = _use_by_problem(stages, [problem.id for _, problem in chosen])
            engines = {
                name: _scale(
                    use[name], total, engine, settings.engines[name],
                    _seconds_per_text(stages, name, elapsed), known if name == "student" else None,
                )
                for name, engine in stages.engines.items()
            }  # fmt: skip
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
    progress.watch(stages.tally, stages.access.meters)

    async def run_one(item: tuple[int, Problem]) -> None:
        nonlocal done
        await stages.sample_group([item])
        done += 1
        progress("sample", done, len(chosen))

    progress("sample", 0, len(chosen))
    await run_bounded(chosen, run_one, under_way(stages.settings, stages.engines.values()))


def _use_by_problem(stages: Stages, ids: Sequence[str]) -> dict[str, list[tuple[int, Usage]]]:
    """For every engine, (texts, usage) of each sampled problem, whether asked now or found in the cache."""
    made: defaultdict[tuple[str, str], list[Usage]] = defaultdict(list)
    attempts, corrections = stages.folder.attempts.path, stages.folder.corrections.path
    for _, attempt in scan_journal(attempts, Attempt):
        if attempt.completion is not None:
            made["student", attempt.problem_id].append(attempt.completion.usage)
    for _, correction in scan_journal(corrections, Correction):
        if correction.teacher is not None and correction.completion is not None:
            made[correction.teacher, correction.problem_id].append(correction.completion.usage)

    def add(usages: Sequence[Usage]) -> tuple[int, Usage]:
        prompt, written = sum(u.prompt_tokens for u in usages), sum(u.completion_tokens for u in usages)
        return len(usages), Usage(prompt_tokens=prompt, completion_tokens=written)

    return {name: [add(made[name, id]) for id in ids] for name in stages.engines}


def _count_known(stages: Stages) -> int | None:
    """The student's texts for the whole run that the cache has, the sample's included."""
    look_up = getattr(stages.engines["student"], "look_up", None)
    if look_up is None:
        return None
    s = stages.settings.sample
    return sum(
        len(look_up(Request(messages=make_conversation(stages.sampler.prompt, p), params=s.params, n=s.n)))
        for p in stages.problems
    )


def _seconds_per_text(stages: Stages, name: str, elapsed: float) -> float | None:
    """Seconds of the engine's time for a text: a server's latency shared by its slots, or what the sample took."""
    meters = [meter for key, meter in stages.access.meters.items() if key == name or key.startswith(f"{name}/")]
    answered, seconds = sum(m.answered for m in meters), sum(m.seconds for m in meters)
    if answered:
        return seconds / sum(m.completions for m in meters) / stages.engines[name].capacity
    written = sum(meter.completions for meter in meters)
    if not stages.settings.engines[name].members and not stages.engines[name].cacheable:
        return 0.0  # recorded texts
    return elapsed / written if written else None


def _scale(
    use: Sequence[tuple[int, Usage]],
    total: int,
    engine: Engine,
    settings: EngineSettings,
    seconds_per_text: float | None,
    known: int | None,
) -> EngineForecast:
    factor = total / len(use)
    texts = [count for count, _ in use]
    usage = Usage(
        prompt_tokens=round(factor * sum(u.prompt_tokens for _, u in use)),
        completion_tokens=round(factor * sum(u.completion_tokens for _, u in use)),
    )
    priced = next(iter(settings.members.values()), settings)
    costs = [priced.cost(u) for _, u in use]
    cost = None if None in costs else factor * sum(c for c in costs if c is not None)
    spread = None if cost is None else _interval([c for c in costs if c is not None], total)
    low, high = _interval(texts, total)
    expected = round(factor * sum(texts))
    return EngineForecast(
        texts=expected,
        texts_range=(round(low), round(high)),
        prompt_tokens=usage.prompt_tokens,
        completion_tokens=usage.completion_tokens,
        cost=cost,
        cost_range=spread,
        known=known,
        seconds=None if seconds_per_text is None and expected else expected * (seconds_per_text or 0.0),
    )


def _interval(values: Sequence[float], total: int) -> tuple[float, float]:
    """95% interval of the sum over `total` problems, by the normal approximation over the sampled ones."""
    mean = sum(values) / len(values)
    variance = sum((value - mean) ** 2 for value in values) / max(1, len(values) - 1)
    half = Z * total * math.sqrt(variance / len(values))
    return max(0.0, total * mean - half), total * mean + half
