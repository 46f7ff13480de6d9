"""Workers that hang or die cost their own task and nothing else."""

from __future__ import annotations

import asyncio
import math
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
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


ORPHAN = """
import asyncio, os, re
from pipeline.pool import WorkerPool

async def main():
    pool = WorkerPool(1)
    print(await pool.run(os.getpid, limit=60), flush=True)
    await pool.run(re.fullmatch, "(a*)*b", "a" * 40, limit=1.0)  # lets no other thread of its process run

if __name__ == "__main__":
    asyncio.run(main())
"""


@pytest.mark.slow
def test_a_worker_that_nobody_waits_for_ends_even_in_a_call_that_lets_no_thread_run(tmp_path: Path) -> None:
    script = tmp_path / "orphan.py"
    script.write_text(ORPHAN)
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    with subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, env=environment) as parent:
        assert parent.stdout is not None
        worker = psutil.Process(int(parent.stdout.readline()))
        idle = worker.cpu_times().user
        while worker.cpu_times().user < idle + 0.1:  # the task has begun
            time.sleep(0.01)
        os.kill(parent.pid, signal.SIGKILL)
    assert worker.wait(120) is None, "it was not our child"
