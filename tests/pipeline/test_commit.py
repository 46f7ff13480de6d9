"""What waits for the disk is written together, in order, and an error reaches everybody."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from pipeline.commit import GroupCommit


def test_what_comes_while_the_disk_is_busy_is_written_in_one_turn() -> None:
    turns: list[list[int]] = []
    busy = threading.Event()

    def write(items: list[int]) -> None:
        if not turns:
            busy.wait(10)
        turns.append(items)

    async def run() -> None:
        commit = GroupCommit(write)
        first = asyncio.create_task(commit.add(0))
        while not commit._writing.locked():
            await asyncio.sleep(0)
        later = [asyncio.create_task(commit.add(number)) for number in range(1, 50)]
        await asyncio.sleep(0)
        assert not any(task.done() for task in (first, *later)), "nobody is told before it is written"
        busy.set()
        await asyncio.gather(first, *later)

    asyncio.run(run())
    assert turns == [[0], list(range(1, 50))]


def test_an_error_reaches_who_waits_and_who_comes_later() -> None:
    def write(items: list[int]) -> None:
        raise OSError("the disk is gone")

    async def run() -> None:
        commit = GroupCommit(write)
        both = await asyncio.gather(commit.add(1), commit.add(2), return_exceptions=True)
        assert [str(error) for error in both] == ["the disk is gone"] * 2
        with pytest.raises(OSError, match="the disk is gone"):
            await commit.add(3)

    asyncio.run(run())


def test_closing_writes_what_was_sent_and_not_waited_for() -> None:
    written: list[int] = []

    async def run() -> None:
        commit = GroupCommit(written.extend)
        commit.send(1)
        commit.send(2)
        commit.close()
        with pytest.raises(RuntimeError, match="closed"):
            commit.send(3)

    asyncio.run(run())
    assert written == [1, 2]


def test_a_cancelled_caller_does_not_take_the_others_with_it() -> None:
    written: list[int] = []

    async def run() -> None:
        commit = GroupCommit(written.extend)
        gone = asyncio.create_task(commit.add(1))
        await asyncio.sleep(0)
        gone.cancel()
        await commit.add(2)

    asyncio.run(run())
    assert sorted(written) == [1, 2]


def test_closing_before_the_turns_thread_has_begun_writes_the_turn_and_leaves_nothing_to_the_thread() -> None:
    turns: list[list[int]] = []

    async def run() -> None:
        busy = threading.Event()
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(1))
        before = asyncio.create_task(asyncio.to_thread(busy.wait, 10))
        await asyncio.sleep(0)
        commit = GroupCommit(turns.append)
        waits = asyncio.create_task(commit.add(1))
        while not commit._turn:
            await asyncio.sleep(0)
        commit.close()
        assert turns == [[1]], "closed means written"
        busy.set()
        await asyncio.gather(before, waits)

    asyncio.run(run())
    assert turns == [[1]], "and written once"
