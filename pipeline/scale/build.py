"""`errata build --on ray`: problems ──▶ parts ──▶ workers ──▶ outcomes ──▶ the journals merged ──▶ the data set.

The driver reads the problems, hands out parts, counts what comes back and makes the data set as a local build does.
What workers have done is in the keeper's cache and in their own journals before it is told, so nothing that dies takes
anything with it; the same command, here or with `--on local`, goes on from there.
"""

from __future__ import annotations

import asyncio
import time

from pipeline.config import RunSettings
from pipeline.errors import StoppedEarly
from pipeline.files import write_file
from pipeline.finish import finish_run
from pipeline.problems import ProblemSource
from pipeline.run import dump_settings
from pipeline.scale.cluster import check_address, connected, need_ray
from pipeline.scale.driver import Run
from pipeline.scale.gathered import Gathered
from pipeline.scale.shards import clear_scratch, merge_left, merge_shards, shard_names
from pipeline.stages import QUIET, Progress
from pipeline.store import RunFolder
from pipeline.summary import Summary, count_use


def build_on_ray(settings: RunSettings, progress: Progress = QUIET, address: str | None = None) -> Summary:
    """Build the data set of a run with the workers of a Ray cluster; without an address, of this machine alone.

    Raises UsageError for bad input, a cluster that cannot be reached and workers that cannot work, StoppedEarly where
    the budget ends, an endpoint stays away or workers are lost for good; everything done so far is kept.
    """
    started = time.perf_counter()
    settings.check()
    need_ray()
    check_address(address)
    merge_left(settings.run_dir)
    with RunFolder(settings.run_dir) as folder:
        problems = asyncio.run(read_problems(settings))
        with Gathered(settings.run_dir, started, len(problems)) as account:
            account.tally.spend("read", time.perf_counter() - started)
            write_file(settings.run_dir / "config.yaml", dump_settings(settings))
            try:
                with connected(address):
                    run = Run(settings, folder.path.resolve(), problems, account, progress)
                    run.work()
            except StoppedEarly:
                merge_shards(settings.run_dir, shard_names(settings.run_dir))
                clear_scratch(settings.run_dir)
                raise
            account.moved = merge_shards(settings.run_dir, run.shards)
            clear_scratch(settings.run_dir)
            use = count_use(run.meters, run.paid)
            return finish_run(settings, folder, account, problems, run.basis, use, progress)


async def read_problems(settings: RunSettings) -> ProblemSource:
    """The problems of a run, with a checker that reads their gold answers."""
    async with settings.checker.create() as checker:
        return ProblemSource(settings.problems, checker)
