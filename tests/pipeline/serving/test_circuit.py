"""The circuit: opens on failures in a row, lets one trial through, and tells when there is no point any more."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from pipeline.errors import EngineUnusable, StoppedEarly
from pipeline.serving.circuit import REFUSALS, Circuit
from pipeline.serving.failures import Refused


def run(work: Callable[[], Awaitable[None]]) -> None:
    async def limited() -> None:
        await asyncio.wait_for(work(), 60)

    asyncio.run(limited())


def opened(pause: float = 0.01, outage: float = 600.0) -> Circuit:
    """A circuit that was closed, had answers, and then three failures in a row."""
    circuit = Circuit("x", failures=3, pause=pause, outage=outage)
    circuit.succeeded()
    for _ in range(3):
        circuit.failed("down", overload=False, trial=False)
    return circuit


def test_one_trial_at_a_time_and_what_was_sent_before_frees_no_second() -> None:
    async def work() -> None:
        circuit = opened()
        assert await circuit.wait() is True
        second = asyncio.create_task(circuit.wait())
        circuit.failed("old request", overload=False, trial=False)
        circuit.abandon(trial=False)
        await asyncio.sleep(0.05)
        assert not second.done()
        circuit.abandon(trial=True)
        assert await second is True

    run(work)


def test_a_trial_that_succeeds_closes_the_circuit_for_all_who_wait() -> None:
    async def work() -> None:
        circuit = opened()
        assert await circuit.wait() is True
        others = [asyncio.create_task(circuit.wait()) for _ in range(5)]
        await asyncio.sleep(0)
        circuit.succeeded()
        assert await asyncio.gather(*others) == [False] * 5
        assert not circuit.is_open

    run(work)


def test_a_failed_trial_opens_it_again() -> None:
    async def work() -> None:
        circuit = opened()
        await circuit.wait()
        circuit.failed("still down", overload=False, trial=True)
        assert circuit.is_open

    run(work)


def test_an_outage_that_lasts_ends_in_a_stop_that_can_be_resumed() -> None:
    async def work() -> None:
        circuit = opened(outage=0.005)
        await circuit.wait()
        circuit.failed("still down", overload=False, trial=True)
        with pytest.raises(StoppedEarly, match="still down"):
            await circuit.wait()

    run(work)


def test_a_server_that_never_answered_is_given_up_but_not_one_that_is_overloaded() -> None:
    async def work() -> None:
        absent, busy = (Circuit(name, failures=3, pause=0.01, outage=600) for name in ("absent", "busy"))
        for _ in range(3):
            absent.failed("refused", overload=False, trial=False)
            busy.failed("slow down", overload=True, trial=False)
        with pytest.raises(EngineUnusable, match="absent never answered"):
            await absent.wait()
        assert await busy.wait() is True

    run(work)


def test_refusals_end_it_only_while_nothing_was_answered() -> None:
    async def work() -> None:
        strict, kind = Circuit("strict", failures=3, pause=1, outage=1), Circuit("kind", failures=3, pause=1, outage=1)
        kind.succeeded()
        for _ in range(REFUSALS):
            strict.refused(Refused("too long", 400))
            kind.refused(Refused("too long", 400))
        with pytest.raises(EngineUnusable, match=f"first {REFUSALS} requests: too long"):
            await strict.wait()
        assert await kind.wait() is False

    run(work)
