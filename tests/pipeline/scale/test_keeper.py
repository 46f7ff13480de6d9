"""The keeper answers many workers, counts nothing twice, and ends what would go on for ever."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from pipeline.budget import Budget, BudgetSettings
from pipeline.cache import CompletionCache, Paid
from pipeline.errors import ConfigError, EngineUnusable, StoppedEarly
from pipeline.scale import keeper as keeper_module
from pipeline.scale.keeper import FIND, Keeper
from pipeline.scale.remote_cache import RemoteCache


def paid(tokens: int, cost: float | None = None, engine: str = "student", billed: bool = True) -> Paid:
    return Paid("run", engine, 1, tokens, 0, cost, billed)


def with_keeper(tmp_path: Path, work: Callable[[Keeper], Awaitable[Any]]) -> Any:
    async def run() -> Any:
        keeper = Keeper(str(tmp_path / "cache.sqlite"), "run")
        try:
            return await work(keeper)
        finally:
            await keeper.shut()

    return asyncio.run(run())


def caller(keeper: Keeper, log: list[str] | None = None) -> Callable[..., Awaitable[Any]]:
    def call(name: str, *arguments: object) -> Awaitable[Any]:
        if log is not None:
            log.append(name)
        made: Awaitable[Any] = getattr(keeper, name)(*arguments)
        return made

    return call


def test_what_one_worker_stores_another_finds_in_few_calls(tmp_path: Path) -> None:
    log: list[str] = []

    async def work(keeper: Keeper) -> None:
        one, two = [await keeper.hello(name, "host") for name in ("a", "b")]
        assert one.shard != two.shard
        caches = [RemoteCache(caller(keeper, log), welcome.shard, welcome.spent) for welcome in (one, two)]
        keys = [f"key {n}".encode() for n in range(300)]
        await asyncio.gather(*[caches[0].put([(key, key.decode())], paid(2)) for key in keys])
        found = await asyncio.gather(*[caches[1].get([key, b"other"]) for key in keys])
        assert found == [[key.decode(), None] for key in keys]

    with_keeper(tmp_path, work)
    assert len(log) == 2, "one call for all that is wanted at a time"
    cache = CompletionCache(tmp_path / "cache.sqlite")
    assert cache.spent("run")["student"] == Paid("run", "student", 300, 600, 0, None, True)
    cache.close()


def test_a_message_whose_answer_was_lost_is_sent_again_and_counts_once(tmp_path: Path) -> None:
    async def work(keeper: Keeper) -> None:
        shard = (await keeper.hello("a", "host")).shard
        puts = [([(b"k", "text")], paid(5, 1.0))]
        await asyncio.gather(*[keeper.put(shard, 1, puts) for _ in range(3)])
        await keeper.put(shard, 2, puts)
        assert (await keeper.result())[3]["student"][2:6] == (2, 10, 0, 2.0)

    with_keeper(tmp_path, work)


def test_every_worker_knows_what_the_others_have_spent_since_it_began(tmp_path: Path) -> None:
    async def work(keeper: Keeper) -> None:
        one = await keeper.hello("a", "host")
        assert await keeper.put(one.shard, 1, [([], paid(5, 1.0))]) == (0, 0)
        two = await keeper.hello("b", "host")
        assert two.spent["student"].prompt_tokens == 5
        assert await keeper.put(two.shard, 1, [([], paid(7, 2.0)), ([], paid(100, billed=False))]) == (0, 0)
        assert (await keeper.beat(one.shard, {}, 0, [])).elsewhere == (2.0, 7)
        assert (await keeper.beat(two.shard, {}, 0, [])).elsewhere == (0, 0), "it was told when it began"
        again = await keeper.hello("a", "host")
        assert again.spent["student"].prompt_tokens == 112
        assert (await keeper.beat(again.shard, {}, 0, [])).elsewhere == (0, 0)

    with_keeper(tmp_path, work)


def test_a_budget_ends_at_what_all_workers_spend() -> None:
    async def ask(budget: Budget) -> None:
        async with budget.hold(lambda: (0.0, 10.0)):
            pass

    budget = Budget(BudgetSettings(max_tokens=100), tokens=20)
    budget.learn(0.0, 60)
    asyncio.run(ask(budget))
    budget.learn(0.0, 75)
    with pytest.raises(StoppedEarly, match="95 of 100 is spent"):
        asyncio.run(ask(budget))


def test_a_worker_that_dies_each_time_it_begins_is_not_begun_for_ever(tmp_path: Path) -> None:
    async def work(keeper: Keeper) -> None:
        for _ in range(3):
            await keeper.hello("a", "node7")
        with pytest.raises(EngineUnusable, match=r"died 3 times while it opened its engines.*node7"):
            await keeper.hello("a", "node7")
        for _ in range(9):
            shard = (await keeper.hello("b", "node8")).shard
            await keeper.opened(shard, "s")

    with_keeper(tmp_path, work)


def test_two_workers_with_different_students_do_not_mix(tmp_path: Path) -> None:
    async def work(keeper: Keeper) -> None:
        shards = [(await keeper.hello(name, f"host {name}")).shard for name in "abc"]
        await keeper.opened(shards[0], "same")
        await keeper.opened(shards[1], "same")
        with pytest.raises(ConfigError, match="another student, prompt or checker than on host a"):
            await keeper.opened(shards[2], "other")

    with_keeper(tmp_path, work)


def test_one_worker_finds_the_format_and_the_next_one_if_it_dies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeper_module, "LONGEST_WAIT", 0.01)

    async def work(keeper: Keeper) -> None:
        a, b = [(await keeper.hello(name, "host")).shard for name in "ab"]
        assert await keeper.claim_format(a) == FIND
        assert await keeper.claim_format(b) is None
        a = (await keeper.hello("a", "host")).shard  # started again
        assert await keeper.claim_format(b) == FIND
        await keeper.tell_format(None, {})
        assert await keeper.claim_format(a) == FIND
        monkeypatch.setattr(keeper_module, "SILENT", -1.0)
        assert await keeper.claim_format(b) == FIND, "nothing is heard of the other"
        monkeypatch.setattr(keeper_module, "SILENT", 60.0)
        waiting = asyncio.ensure_future(keeper.claim_format(a))
        await keeper.tell_format("found", {"attempts": "x"})
        assert await waiting in ("found", None)
        assert await keeper.claim_format(a) == "found"

    with_keeper(tmp_path, work)


def test_the_driver_sees_who_is_there_and_what_they_do(tmp_path: Path) -> None:
    async def work(keeper: Keeper) -> None:
        assert (await keeper.state()).silence is None
        a, b = [(await keeper.hello(name, "host")).shard for name in "ab"]
        for shard in (a, b):
            await keeper.opened(shard, "s")
            await keeper.beat(shard, {"student": {"requests": 3, "in_flight": 2, "limit": 9}}, 5, ["a line"])
        for part, shard in ((0, a), (1, b)):
            await keeper.begin(part, f"{shard}/0")
        state = await keeper.state()
        assert (state.under_way, state.done, state.open, state.log) == (2, 10, 2, ["host: a line"] * 2)
        assert (await keeper.state()).log == [], "a line is told once"
        await keeper.end(a, 0)
        await keeper.hello("b", "host")
        state = await keeper.state()
        assert (state.under_way, state.done, state.open) == (0, 5, 1), "one has ended, one is dead"
        assert [meters["student"]["requests"] for meters in state.meters if meters] == [3, 3]
        assert [meters["student"]["in_flight"] for meters in state.meters if meters] == [2, 0]
        await keeper.stop("first")
        await keeper.stop("second")
        await keeper.close_workers()
        orders = await keeper.beat(a, {}, 0, ["x"] * 2000)
        assert (orders.stop, orders.close) == ("first", True)
        assert (await keeper.state()).log[-1] == "1000 further lines of the workers' logs are left out"
        assert (await keeper.result())[0][-1] == a, "whoever ended a part last comes last"

    with_keeper(tmp_path, work)
