"""Workers that hang or die cost their own task and nothing else."""

from __future__ import annotations

import asyncio
import math
import os
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from pipeline.pool import WorkerPool


def test_a_task_beyond_its_limit_is_killed_and_the_pool_goes_on() -> None:
    async def run() -> float:
        pool = WorkerPool(1)
        try:
            with pytest.raises(TimeoutError):
                await pool.run(time.sleep, 600, limit=1)
            with pytest.raises(RuntimeError, match="exit code 3"):
                await pool.run(os._exit, 3, limit=60)
            with pytest.raises(ValueError, match="math domain"):
                await pool.run(math.sqrt, -1.0, limit=60)
            return await pool.run(math.sqrt, 9.0, limit=60)
        finally:
            pool.close()

    assert asyncio.run(run()) == 3.0


def test_many_tasks_from_two_threads_with_loops_of_their_own_all_come_back() -> None:
    pool = WorkerPool(1)

    def compute(numbers: range) -> list[float]:
        async def run() -> list[float]:
            return await asyncio.gather(*(pool.run(math.sqrt, float(n * n), limit=60) for n in numbers))

        return asyncio.run(run())

    try:
        with ThreadPoolExecutor(2) as threads:
            found = list(threads.map(compute, (range(40), range(40, 80))))
    finally:
        pool.close()
    assert found == [[float(n) for n in range(40)], [float(n) for n in range(40, 80)]]
