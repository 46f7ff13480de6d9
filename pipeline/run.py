"""One run: problems ──▶ attempts ──▶ corrections ──▶ pairs ──▶ dataset, as one asyncio program.

Each problem moves on as soon as its own last step is done; `concurrency` bounds how many are under way. What is done
is in the journals and the completion cache, so the same call after an interruption goes on from there. On several
machines the same stages run in the workers of `pipeline/scale/`.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

import yaml

from pipeline.access import finish_on_interrupt
from pipeline.bounded import cut_groups, run_bounded
from pipeline.config import RunSettings
from pipeline.errors import DataError, StoppedEarly
from pipeline.files import write_file
from pipeline.finish import Basis, finish_run
from pipeline.problems import read_problems
from pipeline.stages import QUIET, Progress, Stages, open_stages, under_way
from pipeline.summary import Summary, count_use
from pipeline.tally import Account
from pipeline.types import Problem


async def build(settings: RunSettings, progress: Progress = QUIET) -> Summary:
    """Build the data set of a run. Everything done so far is kept, whatever happens.

    Raises UsageError for bad input, StoppedEarly where the budget ends, an endpoint stays away, or the student
    answered no request at all.
    """
    started = time.perf_counter()
    async with open_stages(settings, settings.run_dir) as stages:
        with Account(settings.run_dir, started) as account:
            account.tally.spend("read", stages.reading)
            write_file(settings.run_dir / "config.yaml", dump_settings(settings))
            await _run_all(settings, stages, account, progress)
            use = count_use(stages.access.meters, stages.access.spent())
            return finish_run(settings, stages.folder, account, stages.problems, Basis.of(stages), use, progress)


async def _run_all(settings: RunSettings, stages: Stages, account: Account, progress: Progress) -> None:
    """Every problem through the stages, so many at once."""
    problems, access = stages.problems, stages.access
    group_size = stages.engines["student"].group_size
    at_once = max(2, under_way(settings, stages.engines.values()) // group_size)
    done = 0

    async def run_group(group: Sequence[tuple[int, Problem]]) -> None:
        nonlocal done
        for outcome in await stages.run_group(group):
            account.take(outcome)
        done += len(group)
        progress("problems", done, len(problems))

    progress.watch(account.tally, access.meters)
    progress("problems", 0, len(problems))
    try:
        with finish_on_interrupt(access):
            await stages.prepare(cut_groups(problems, group_size), progress)
            await run_bounded(cut_groups(enumerate(problems), group_size), run_group, at_once)
    except StoppedEarly as error:
        raise StoppedEarly(f"{error} ({done:,} of {len(problems):,} problems are done)") from error


def dump_settings(settings: RunSettings) -> str:
    """The settings as YAML; secrets are never part of them (keys are named by environment variable)."""
    return yaml.safe_dump(settings.model_dump(mode="json"), allow_unicode=True, sort_keys=False)


def check_gold(settings: RunSettings) -> list[str]:
    """Read all problems and run the checker on every gold answer; returns what was left out. Raises DataError."""

    async def check() -> list[str]:
        async with settings.checker.create() as checker:
            problems, report = read_problems(settings.problems, checker)
            for problem in problems if settings.problems.answer is not None else ():
                grade = await checker.check_answer(problem, problem.gold)
                if grade.verdict != "correct":
                    file, _, line = problem.source.rpartition(":")
                    why = f"the checker calls the gold answer {problem.gold!r} itself {grade.verdict}: {grade.reason}"
                    raise DataError(file, why, line=int(line), field=settings.problems.answer)
            return [
                f"{len(problems)} problems, every gold answer is read by the checker",
                *report.bad_rows,
                *report.conflicting,
            ]

    return asyncio.run(check())
