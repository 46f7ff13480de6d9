"""The limit of requests in flight: grows while all is well, halves on overload, never leaves its bounds."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from hypothesis import given
from hypothesis import strategies as st

from pipeline.serving.pace import START, Pace, RateCap


def run(work: Callable[[], Awaitable[None]]) -> None:
    async def limited() -> None:
        await asyncio.wait_for(work(), 60)

    asyncio.run(limited())


def test_the_limit_doubles_a_round_trip_until_the_first_overload_then_grows_by_one() -> None:
    async def work() -> None:
        pace = Pace(1, 4 * START)

        async def round_trip(full: int) -> None:
            async with asyncio.TaskGroup() as tasks:
                release = asyncio.Event()

                async def request() -> None:
                    async with pace.slot():
                        await release.wait()
                        pace.succeeded()

                for _ in range(full):
                    tasks.create_task(request())
                await asyncio.sleep(0)
                release.set()

        assert pace.limit == START
        await round_trip(START)
        assert pace.limit > START
        pace.limit, pace._climbing = 8.0, False
        await round_trip(8)
        assert 8 < pace.limit <= 9.5

    run(work)


def test_overload_halves_once_for_all_that_were_under_way_together() -> None:
    async def work() -> None:
        pace = Pace(1, 64)
        async with pace.slot() as first, pace.slot() as second:
            pace.overloaded(first)
            pace.overloaded(second)
        assert pace.limit == START / 2
        async with pace.slot() as third:
            pace.overloaded(third)
        assert pace.limit == START / 4
        for _ in range(20):
            async with pace.slot() as epoch:
                pace.overloaded(epoch)
        assert pace.limit == 1

    run(work)


def test_a_limit_that_nobody_reaches_does_not_grow() -> None:
    async def work() -> None:
        pace = Pace(1, 1000)
        for _ in range(100):
            async with pace.slot():
                pace.succeeded()
        assert pace.limit == START

    run(work)


def test_a_pause_holds_every_new_request_back() -> None:
    async def work() -> None:
        pace = Pace(1, 8)
        loop = asyncio.get_running_loop()
        async with pace.slot() as epoch:
            pace.overloaded(epoch, pause=0.2)
        asked = loop.time()
        async with pace.slot():
            assert loop.time() - asked >= 0.19

    run(work)


@given(st.lists(st.sampled_from(["take", "leave", "overload", "cancel"]), max_size=60), st.integers(1, 5))
def test_slots_are_never_lost_nor_given_twice(steps: list[str], high: int) -> None:
    async def work() -> None:
        pace = Pace(1, high)
        holding: list[tuple[asyncio.Task[None], asyncio.Event]] = []

        async def hold(leave: asyncio.Event) -> None:
            async with pace.slot() as epoch:
                pace.last = epoch  # type: ignore[attr-defined]
                await leave.wait()

        for step in steps:
            if step == "take":
                leave = asyncio.Event()
                holding.append((asyncio.create_task(hold(leave)), leave))
            elif step == "overload":
                pace.overloaded(getattr(pace, "last", 0))
            elif holding:
                task, leave = holding.pop(0)
                leave.set() if step == "leave" else task.cancel()
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            assert pace.in_flight <= high
        for _, leave in holding:
            leave.set()
        await asyncio.gather(*(task for task, _ in holding), return_exceptions=True)
        assert pace.in_flight == 0
        async with asyncio.timeout(10), pace.slot():
            pass

    asyncio.run(work())


def test_requests_a_minute_are_spread_evenly() -> None:
    async def work() -> None:
        cap = RateCap(requests_per_minute=600, tokens_per_minute=None)
        loop = asyncio.get_running_loop()
        started = loop.time()
        for _ in range(14):  # ten in the first second's bucket, the rest a tenth of a second each
            await cap.wait(10, 10)
        assert loop.time() - started >= 0.3

    run(work)


def test_tokens_a_minute_count_the_prompt_and_what_is_usually_written() -> None:
    async def work() -> None:
        cap = RateCap(requests_per_minute=None, tokens_per_minute=6000)
        loop = asyncio.get_running_loop()
        cap.learn(characters=400, prompt_tokens=100, completion_tokens=100)
        started = loop.time()
        for _ in range(3):  # 200 tokens each: 100 fit at once, then 100 a second
            await cap.wait(400, 100_000)
        assert loop.time() - started >= 4.5

    run(work)


def test_bounds_the_wrong_way_round_hold_the_lower_one() -> None:
    assert Pace(8, 4).high == 8
