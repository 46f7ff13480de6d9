"""Python code, checked by running the problem's unit tests on it in a sandbox that is first shown to hold.

`wrong` is earned: the tests, or the answer's code itself, raised. Time-outs, ends without a verdict, refusals of the
sandbox (network, files, memory), missing packages and answers whose code is not clear are `unknown`.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import sysconfig
from typing import Any, Literal, Self

from pydantic import Field, JsonValue, PositiveFloat, PositiveInt

from pipeline.checkers.base import Checker, CheckerSettings, EngineOf
from pipeline.prompts import Prompts
from pipeline.sandbox import exam
from pipeline.sandbox.command import python_command, python_folders
from pipeline.sandbox.limits import MIB, Limits, Outcome
from pipeline.sandbox.proof import prove
from pipeline.sandbox.run import run
from pipeline.sandbox.source import Found, find_code, parse, runs_nothing, unusual_tests, wanted_names
from pipeline.types import Grade, Problem, Verdict

KEPT = 4000
"""Characters of the code that a grade keeps."""


class Settings(CheckerSettings):
    """Where the tests are, and what the code may use."""

    checker: Literal["code"] = "code"
    tests: str = "tests"
    """Column with the tests: Python, or a list of Python texts, run in turn after the answer's code and with its names;
    their functions `test_…` are called. `from solution import …` works too."""
    prelude: str | None = None
    """Column with code that runs before the answer's: imports, or the beginning that the question shows."""
    entry_point: str | None = None
    """Column with the name of the function that the tests' own `check(function)` is called with (HumanEval)."""
    limit: PositiveInt = 10
    """Seconds of processor time that the code and its tests may take."""
    wall: PositiveFloat = 60.0
    """Seconds after which they are ended though they only wait."""
    memory: PositiveInt = 512
    """MiB that a process of the code may take."""
    scratch: PositiveInt = 16
    """MiB that it may write to its scratch folder."""
    processes: int = Field(default=16, ge=5)
    """Processes and threads that it may have, with three of the sandbox's own."""
    packages: bool = False
    """Whether the packages that are installed beside Errata can be imported; otherwise the standard library alone."""
    workers: PositiveInt = os.cpu_count() or 1
    """Answers that are run at once."""

    @property
    def columns(self) -> tuple[str, ...]:
        return tuple(name for name in (self.tests, self.prelude, self.entry_point) if name is not None)

    def create(self) -> Checker:
        return Code(self)

    def fingerprint(self, engine_of: EngineOf, prompts: Prompts) -> JsonValue:
        """Nothing depends on the number of workers; much depends on the version of Python."""
        return {**self.model_dump(mode="json", exclude={"workers"}), "python": list(sys.version_info[:2])}


class Code(Checker):
    """Refuses to be entered where the sandbox does not hold."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.columns = settings.columns
        self.limits = Limits(
            cpu=settings.limit,
            wall=settings.wall,
            memory=settings.memory * MIB,
            scratch=settings.scratch * MIB,
            processes=settings.processes,
        )
        self._slots = asyncio.Semaphore(settings.workers)
        self._proven = False

    async def __aenter__(self) -> Self:
        await prove(self.limits)
        self._proven = True
        return self

    def gold_error(self, problem: Problem) -> str | None:
        tests, entry_point = self._tests(problem), self._text(problem, self.settings.entry_point)
        column = f"checker 'code': column {self.settings.tests!r}"
        if not any(test.strip() for test in tests):
            return f"{column} has no tests"
        for number, test in enumerate(tests, 1):
            if isinstance(tree := parse(test), str):
                return f"{column}: test {number} cannot be read as Python: {tree}"
        if unusual := unusual_tests(tests):
            return f"{column}: {unusual[0]} takes arguments or is async; tests are called plainly, without pytest"
        if self.settings.entry_point is None and runs_nothing(tests):
            return f"{column} only defines functions: call them there, or name them test_…, or set entry_point"
        if self.settings.entry_point is not None and not entry_point.isidentifier():
            return f"checker 'code': column {self.settings.entry_point!r} has no name of a function"
        if isinstance(tree := parse(self._text(problem, self.settings.prelude)), str):
            return f"checker 'code': column {self.settings.prelude!r} cannot be read as Python: {tree}"
        return None

    async def check(self, problem: Problem, text: str) -> Grade:
        wanted = wanted_names(self._tests(problem), self._text(problem, self.settings.entry_point))
        found = find_code(text, wanted)
        if isinstance(found, str):
            return Grade(verdict="unknown", extracted=None, reason=found)
        return await self._run(problem, found)

    async def check_answer(self, problem: Problem, answer: str) -> Grade:
        return await self._run(problem, Found(answer))

    def _text(self, problem: Problem, column: str | None) -> str:
        value = problem.extras.get(column) if column is not None else None
        return value if isinstance(value, str) else ""

    def _tests(self, problem: Problem) -> tuple[str, ...]:
        value = problem.extras.get(self.settings.tests)
        return value if isinstance(value, tuple) else (self._text(problem, self.settings.tests),)

    async def _run(self, problem: Problem, found: Found) -> Grade:
        assert self._proven, "enter the checker first: it has to show that its sandbox holds"
        if error := self.gold_error(problem):
            return Grade(verdict="unknown", extracted=found.code[:KEPT], reason=error)
        packages = list({sysconfig.get_path(name) for name in ("purelib", "platlib")}) if self.settings.packages else []
        answer = {"prelude": self._text(problem, self.settings.prelude), "answer": found.code, "packages": packages}
        tests = {"tests": self._tests(problem), "entry_point": self._text(problem, self.settings.entry_point)}
        parts = [json.dumps(part).encode() for part in (answer, tests)]
        given = b"".join(len(part).to_bytes(4, "big") + part for part in parts)
        show = (*python_folders(), *packages, exam.__file__)
        async with self._slots:
            outcome = await run(python_command(exam.__file__), input=given, limits=self.limits, show=show)
        verdict, reason = judge(outcome, self.limits, found)
        told = " ".join(reason.encode(errors="replace").decode().split())  # the code chose the words
        return Grade(verdict=verdict, extracted=found.code[:KEPT], reason=told[:400])


def judge(outcome: Outcome, limits: Limits, found: Found) -> tuple[Verdict, str]:
    """What an exam's outcome says of the code."""
    if outcome.ended != "itself":
        limit = f"after {limits.wall:g} s" if outcome.ended == "wall" else f"after {limits.output} bytes of output"
        return "unknown", f"stopped {limit}"
    try:
        told: dict[str, Any] = json.loads(outcome.output)
    except ValueError:
        said = outcome.errors.strip().splitlines()[-1:] or [f"status {outcome.status}"]
        return "unknown", f"the sandbox gave no verdict: {said[0]}"
    if told["outcome"] == "passed":
        return "correct", f"passes {told['tests']} of {told['tests']} tests"
    if told["outcome"] == "raised":
        return _judge_error(told, found)
    if told["outcome"] == "forged":
        return "unknown", "the code wrote to the channel of its examiner"
    if told["signal"] == signal.SIGXCPU or told["cpu"] >= limits.cpu:
        return "unknown", f"took more than {limits.cpu} s of processor time"
    how = f"signal {told['signal']}" if told["signal"] else f"exit status {told['status']}"
    return "unknown", f"the process ended before its tests were through ({how})"


UNCLEAR = {
    "exit": "it ends the program",
    "memory": "memory is limited",
    "import": "only the standard library is there; see the setting packages",
    "system": "the sandbox allows no network, few processes, and no files outside its scratch folder",
}
"""Errors that may be the sandbox's doing rather than a mistake."""


def _judge_error(told: dict[str, Any], found: Found) -> tuple[Verdict, str]:
    place = f"{told['where']}, line {told['line']}" if told["line"] else str(told["where"])
    what = f"{told['kind']}: {told['said']}" if told["said"] else told["kind"]
    reason = f"{place}: {what}; at: {told['source']}" if told["source"] else f"{place}: {what}"
    if told["where"] == "prelude":
        return "unknown", f"the problem's own code fails: {reason}"
    if told["family"] in UNCLEAR:
        return "unknown", f"{reason} ({UNCLEAR[told['family']]})"
    if told["kind"] == "NameError" and not found.alone:
        return "unknown", f"{reason} (the answer has several blocks of code; one was run)"
    return "wrong", reason
