"""Many small jobs in order, so many at once."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from typing import TypeVar

from pipeline.errors import StoppedEarly

T = TypeVar("T")


def cut_groups(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """Consecutive items, `size` at a time; the cut depends on their order alone, so a resumed run repeats it."""
    rest = iter(items)
    while group := list(itertools.islice(rest, size)):
        yield group


def take_groups(groups: Iterable[Sequence[T]], items: int) -> list[Sequence[T]]:
    """The first groups that hold so many items, or all of them."""
    taken: list[Sequence[T]] = []
    for group in groups:
        taken.append(group)
        items -= len(group)
        if items <= 0:
            break
    return taken


async def run_bounded(items: Iterable[T], work: Callable[[T], Awaitable[None]], limit: int) -> None:
    """Run `work` for every item, started in order, at most `limit` at once.

    The first exception ends all of it; StoppedEarly lets what is under way come to its end, since it is paid for.
    """
    slots = asyncio.Semaphore(limit)
    stopped: list[StoppedEarly] = []

    async def run_one(item: T) -> None:
        try:
            await work(item)
        except StoppedEarly as error:
            stopped.append(error)
        finally:
            slots.release()

    first: BaseException | None = None
    try:
        async with asyncio.TaskGroup() as tasks:
            for item in items:
                await slots.acquire()
                if stopped:
                    break
                tasks.create_task(run_one(item))
    except BaseExceptionGroup as group:
        first = group.exceptions[0]
    if first is not None:
        raise first
    if stopped:
        raise stopped[0]
