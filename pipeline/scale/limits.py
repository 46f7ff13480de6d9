"""What a setting allows all workers together, divided among them; and what each of them takes of its machine."""

from __future__ import annotations

import math
from typing import Any, TypeVar

from pydantic import BaseModel

from pipeline.checkers import math as math_checker
from pipeline.config import RunSettings
from pipeline.engines import endpoint, transformers, vllm
from pipeline.engines.base import EngineSettings

S = TypeVar("S", bound=RunSettings)


def share_limits(settings: S, workers: int, number: int = 0) -> S:
    """The settings of one of so many workers: an endpoint's caps are divided, a checker keeps to its processors.

    What does not go into `max_concurrency` evenly is for the workers with the first numbers, from 0; each has one.
    """
    share = workers if settings.scale.share_limits else 1
    shared: S = _divide(settings, share, number, math.ceil(settings.scale.cpus))
    return shared


def exceeded(settings: RunSettings, workers: int) -> list[str]:
    """Engines that may be asked more at once than their `max_concurrency`, as every worker may ask once."""
    if not settings.scale.share_limits:
        return []
    engines = zip(meter_names(settings), _single_engines(settings), strict=True)
    return [name for name, part in engines if isinstance(part, endpoint.Settings) and part.max_concurrency < workers]


def _divide(value: Any, workers: int, number: int, cpus: int) -> Any:
    """The same value with divided limits wherever one is found in it."""
    if isinstance(value, dict):
        return {name: _divide(part, workers, number, cpus) for name, part in value.items()}
    if isinstance(value, tuple):
        return tuple(_divide(part, workers, number, cpus) for part in value)
    if not isinstance(value, BaseModel):
        return value
    parts = {name: getattr(value, name) for name in type(value).model_fields}
    changed = {name: _divide(part, workers, number, cpus) for name, part in parts.items()}
    if isinstance(value, endpoint.Settings):
        share, rest = divmod(value.max_concurrency, workers)
        most = max(1, share + (number < rest))
        changed |= {"max_concurrency": most, "min_concurrency": min(value.min_concurrency, most)}
        for name in ("requests_per_minute", "tokens_per_minute"):
            cap = getattr(value, name)
            changed[name] = None if cap is None else cap / workers
    if isinstance(value, math_checker.Settings):
        changed["workers"] = min(value.workers, cpus)
    return value.model_copy(update={name: part for name, part in changed.items() if part is not parts[name]})


def gpus_needed(settings: RunSettings) -> float:
    """GPUs that a worker needs for the models that it serves or loads."""
    return float(sum(map(_gpus_of, settings.engines.values())))


def _gpus_of(engine: EngineSettings) -> int:
    if isinstance(engine, vllm.Settings):
        return engine.replicas * engine.tensor_parallel * engine.data_parallel
    return int(isinstance(engine, transformers.Settings) and engine.device != "cpu")


def group_size_of(settings: RunSettings) -> int:
    """Problems that the student is asked together."""
    return 1 if settings.student.members else settings.student.create().group_size


def capacity_of(settings: RunSettings) -> list[int]:
    """Requests that each engine takes at once; those of a pool's members apart."""
    return [part.create().capacity for part in _single_engines(settings)]


def _single_engines(settings: RunSettings) -> list[EngineSettings]:
    return [part for engine in settings.engines.values() for part in (engine.members or {"": engine}).values()]


def meter_names(settings: RunSettings) -> list[str]:
    """The names under which engines are counted."""
    return [
        f"{name}/{part}" if part else name
        for name, engine in settings.engines.items()
        for part in (engine.members or {"": engine})
    ]
