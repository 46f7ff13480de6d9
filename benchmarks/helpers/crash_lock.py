"""Two builds at once: in one folder the second is refused; in two folders under one cache both come to their end."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping

from benchmarks.helpers.crash_builds import Build
from benchmarks.helpers.crash_kills import Outcome, conclude

REFUSED = (2, 3)
"""Exit codes of a build that is refused."""


def refuse_second(build: Build, at: int, wanted: Mapping[str, str]) -> Outcome:
    """Start a second build while the first, `at` completions on its way, gets no replies; then let the first finish."""
    first = start_and_hold(build, at)
    told = try_second(build, first)
    build.account.open.set()
    code = build.wait(first)
    return conclude(build, wanted, code, told=told + ([f"the first: {build.said(0)[-300:]}"] if code else []))


def follow_killed_holder(build: Build, at: int, wanted: Mapping[str, str]) -> Outcome:
    """Kill the process that holds the folder; the next one goes on at once."""
    first = start_and_hold(build, at)
    build.kill(first)
    build.account.open.set()
    code = build.finish()
    return conclude(build, wanted, code, kills=1, told=[build.said()[-300:]] if code else [])


def start_and_hold(build: Build, at: int) -> subprocess.Popen[bytes]:
    """Start a build and keep the replies back once it has asked for `at` completions."""
    heard = build.account.when(at)
    process = build.start()
    assert build.watch(process, heard.is_set), build.said()
    build.account.open.clear()
    return process


def try_second(build: Build, first: subprocess.Popen[bytes]) -> list[str]:
    """Start another process of a build; returns what is wrong with how it was refused. It is killed if it is not."""
    asked = len(build.account.asked)
    second = build.start()
    number = build.processes - 1
    if build.watch(second, lambda: any(one.process == number for one in build.account.asked[asked:])):
        build.kill(second)
        return ["the second build was not refused"]
    said = build.said()
    wrong = [] if second.returncode in REFUSED else [f"the second build ended with exit code {second.returncode}"]
    wrong += [] if str(first.pid) in said else [f"the first one's pid is not named: {said[-300:]}"]
    return wrong + (["the first build was harmed"] if first.poll() is not None else [])


def side_by_side(one: Build, other: Build, wanted: Mapping[str, str]) -> list[Outcome]:
    """Two runs that share a folder of runs, and so the cache, at the same time."""
    processes = [build.start() for build in (one, other)]
    codes = [build.wait(process) for build, process in zip((one, other), processes, strict=True)]
    return [
        conclude(build, wanted, code, told=[build.said()[-300:]] if code else [])
        for build, code in zip((one, other), codes, strict=True)
    ]
