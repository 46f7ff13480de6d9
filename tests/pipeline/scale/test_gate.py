"""Who works alone works alone, and everybody gets through."""

from __future__ import annotations

import asyncio
import random

from pipeline.scale.gate import Gate


def test_many_share_and_one_alone_is_alone() -> None:
    inside: set[str] = set()
    most = 0

    async def run() -> None:
        nonlocal most
        gate, rng = Gate(3), random.Random(0)

        async def share(name: str) -> None:
            nonlocal most
            await asyncio.sleep(rng.random() / 100)
            async with gate.share():
                inside.add(name)
                most = max(most, len(inside))
                assert not any(other.startswith("alone") for other in inside)
                await asyncio.sleep(rng.random() / 100)
                inside.discard(name)

        async def alone(name: str) -> None:
            await asyncio.sleep(rng.random() / 100)
            async with gate.alone():
                assert not inside
                inside.add(name)
                await asyncio.sleep(rng.random() / 100)
                inside.discard(name)

        await asyncio.gather(*[share(f"share {n}") for n in range(40)], *[alone(f"alone {n}") for n in range(8)])

    asyncio.run(asyncio.wait_for(run(), 60))
    assert most == 3


def test_an_error_leaves_the_gate_open() -> None:
    async def run() -> None:
        gate = Gate(1)
        for way in (gate.share, gate.alone, gate.share, gate.alone):
            try:
                async with way():
                    raise KeyError
            except KeyError:
                pass

    asyncio.run(asyncio.wait_for(run(), 60))
