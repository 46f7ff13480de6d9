"""The keeper answers many workers, counts nothing twice, and ends what would go on for ever."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from pipeline.budget import Budget, BudgetSettings
from pipeline.cache import CompletionCache, Paid
from pipeline.errors import EngineUnusable, StoppedEarly
from pipeline.scale import keeper as keeper_module
from pipeline.scale.idle import TurnedDown
from pipeline.scale.keeper import FIND, Keeper, Who
from pipeline.scale.remote_cache import RemoteCache
from pipeline.scale.report import NO_PART, Mismatch, Trouble


def paid(tokens: int, cost: float | None = None, engine: str = "student", billed: bool = True) -> Paid:
    return Paid("run", engine, 1, tokens, 0, cost, billed)


def with_keeper(tmp_path: Path, work: Callable[[Keeper], Awaitable[Any]], parts: int = 0) -> Any:
    async def run() -> Any:
        keeper = Keeper(str(tmp_path / "cache.sqlite"), "run", parts)
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
        one, two = [await keeper.hello(Who(name, "host")) for name in ("a", "b")]
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
        shard = (await keeper.hello(Who("a", "host"))).shard
        puts = [([(b"k", "text")], paid(5, 1.0))]
        await asyncio.gather(*[keeper.put(shard, 1, puts) for _ in range(3)])
        await keeper.put(shard, 2, puts)
        assert (await keeper.result())[3]["student"][2:6] == (2, 10, 0, 2.0)

    with_keeper(tmp_path, work)


def test_every_worker_knows_what_the_others_have_spent_since_it_began(tmp_path: Path) -> None:
    async def work(keeper: Keeper) -> None:
        one = await keeper.hello(Who("a", "host"))
        assert await keeper.put(one.shard, 1, [([], paid(5, 1.0))]) == (0, 0)
        two = await keeper.hello(Who("b", "host"))
        assert two.spent["student"].prompt_tokens == 5
        assert await keeper.put(two.shard, 1, [([], paid(7, 2.0)), ([], paid(100, billed=False))]) == (0, 0)
        assert (await keeper.beat(one.shard, {}, 0, [])).elsewhere == (2.0, 7)
        assert (await keeper.beat(two.shard, {}, 0, [])).elsewhere == (0, 0), "it was told when it began"
        again = await keeper.hello(Who("a", "host"))
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
            await keeper.hello(Who("a", "node7"))
        with pytest.raises(EngineUnusable, match=r"died 3 times while it opened its engines.*node7"):
            await keeper.hello(Who("a", "node7"))
        for _ in range(9):
            shard = (await keeper.hello(Who("b", "node8"))).shard
            await keeper.opened(shard, {"student": "s"})

    with_keeper(tmp_path, work)


def test_two_workers_with_different_students_do_not_mix(tmp_path: Path) -> None:
    async def work(keeper: Keeper) -> None:
        shards = [(await keeper.hello(Who(name, f"host {name}"))).shard for name in "abc"]
        await keeper.opened(shards[0], {"student": "same"})
        await keeper.opened(shards[1], {"student": "same"})
        with pytest.raises(Mismatch, match="another student than on host a"):
            await keeper.opened(shards[2], {"student": "other"})

    with_keeper(tmp_path, work)


def test_one_worker_finds_the_format_and_the_next_one_if_it_dies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeper_module, "LONGEST_WAIT", 0.01)

    async def work(keeper: Keeper) -> None:
        a, b = [(await keeper.hello(Who(name, "host"))).shard for name in "ab"]
        assert await keeper.claim_format(a) == FIND
        assert await keeper.claim_format(b) is None
        a = (await keeper.hello(Who("a", "host"))).shard  # started again
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
        a, b = [(await keeper.hello(Who(name, "host"))).shard for name in "ab"]
        for shard in (a, b):
            await keeper.opened(shard, {"student": "s"})
            await keeper.beat(shard, {"student": {"requests": 3, "in_flight": 2, "limit": 9}}, 5, ["a line"])
        for part, shard in ((0, a), (1, b)):
            await keeper.begin(part, f"{shard}/0")
        state = await keeper.state()
        assert (state.under_way, state.done, state.open, state.log) == (2, 10, 2, ["host: a line"] * 2)
        assert (await keeper.state()).log == [], "a line is told once"
        await keeper.end(a, 0)
        await keeper.hello(Who("b", "host"))
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


def test_a_greeting_whose_answer_was_lost_is_answered_again_and_is_no_death(tmp_path: Path) -> None:
    async def work(keeper: Keeper) -> None:
        who = Who("a", "host")
        welcome = await keeper.hello(who)
        for _ in range(9):
            assert await keeper.hello(who) == welcome
        assert (await keeper.hello(Who("b", "host"))).number == 1
        assert (await keeper.hello(Who("a", "host"))).number == 0, "the same actor, started again"

    with_keeper(tmp_path, work)


def test_the_parts_of_a_worker_that_cannot_work_go_to_the_others(tmp_path: Path) -> None:
    async def work(keeper: Keeper) -> None:
        broken, able = Who("a", "node7"), Who("b", "node8")
        shard = (await keeper.hello(broken)).shard
        assert [await keeper.take(shard, ticket) for ticket in (5, 6)] == [0, 1]
        assert await keeper.take(shard, 5) == 0, "the same after a death"
        await keeper.state([0])
        await keeper.claim_format(shard)
        turned_down = TurnedDown(broken, Trouble.of(RuntimeError("no GPU"), "node7"), caller(keeper))
        waiting = asyncio.gather(*[turned_down.take(ticket) for ticket in (6, 7)])
        while not (state := await keeper.state()).unusable:
            await asyncio.sleep(0)
        assert "no GPU" in state.unusable[0].told
        other = (await keeper.hello(able)).shard
        assert await keeper.claim_format(other) == FIND, "the first one is gone"
        taken = [await keeper.take(other, ticket) for ticket in (8, 9, 10)]
        assert taken == [1, 2, None], "the part of ticket 5 was reported"
        assert not waiting.done()
        await keeper.close_workers()
        assert [(report.part, report.trouble) for report in await waiting] == [(NO_PART, None)] * 2
        assert await keeper.take(other, 11) is None

    with_keeper(tmp_path, work, parts=3)


def test_the_parts_of_a_worker_that_is_lost_go_to_those_that_wait(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As Ray may find no place to start it again, with a machine less."""

    async def work(keeper: Keeper) -> None:
        lost, other = [(await keeper.hello(Who(name, "host"))).shard for name in "ab"]
        assert [await keeper.take(lost, ticket) for ticket in range(3)] == [0, 1, 2]
        await keeper.state([1])
        assert await keeper.take(other, 7) is None
        await keeper.hello(Who("a", "host"))
        assert [await keeper.take(other, ticket) for ticket in (7, 8, 9)] == [0, 2, None]
        await keeper.state([0, 2])
        monkeypatch.setattr(keeper_module, "SILENT", -1.0)
        assert await keeper.take(other, 9) is None, "nothing is missing"

    with_keeper(tmp_path, work, parts=3)


def test_what_no_other_worker_could_do_better_is_told_at_once(tmp_path: Path) -> None:
    async def work(keeper: Keeper) -> None:
        for error in (Mismatch("another Errata"), StoppedEarly("the keeper has ended")):
            trouble = Trouble.of(error, "node7")
            report = await TurnedDown(Who("a", "node7"), trouble, caller(keeper)).take(0)
            assert report.trouble == trouble
        assert not (await keeper.state()).unusable

    with_keeper(tmp_path, work)


def test_no_part_is_given_out_once_the_run_stops(tmp_path: Path) -> None:
    async def work(keeper: Keeper) -> None:
        shard = (await keeper.hello(Who("a", "host"))).shard
        assert await keeper.take(shard, 0) == 0
        await keeper.stop("enough")
        assert await keeper.take(shard, 1) is None

    with_keeper(tmp_path, work, parts=9)


def test_the_driver_is_told_who_is_silent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def work(keeper: Keeper) -> None:
        people = [Who(name, "host", pid=3) for name in "abcd"]
        shards = [(await keeper.hello(who)).shard for who in people]
        await keeper.opened(shards[1], {})
        await keeper.closed(shards[2])
        await keeper.unusable(people[3], Trouble("", "no GPU"))
        assert (await keeper.state()).silent == []
        monkeypatch.setattr(keeper_module, "BRIEFLY", -1.0)
        assert [who for who, _ in (await keeper.state()).silent] == people[:2], "who opens, and who works"

    with_keeper(tmp_path, work)
