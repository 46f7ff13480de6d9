"""Workers that hang or die cost their own task and nothing else."""

from __future__ import annotations

import asyncio
import math
import os
import time

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
