"""One build as a chain of processes: started, killed, started again until it is done; and what it leaves, compared."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil

from benchmarks.helpers.crash_server import HEADER, Account, Recount, Witness, recount

ROOT = Path(__file__).resolve().parents[2]
PROCESS = "CRASH_PROCESS"
"""Variable that tells a process what to say in the header."""
AT_ONCE, SAMPLES = 8, 4
"""Problems under way in a build, and samples of each."""
UNDER_WAY = AT_ONCE * SAMPLES
"""Completions that a build has under way at most."""
COMPARED = (
    *("control.jsonl", "selection.jsonl", "findings.jsonl", "unknown.jsonl", "objections.jsonl", "left_out.jsonl"),
    *("format.json", "audit.json"),
)
TIMED = ("usage", "seconds")
"""Parts of the summary that differ from call to call: requests and texts from the cache, seconds."""
GONE_WITHIN = 60.0
"""Seconds that what a killed process leaves behind may take to end; on a machine with nothing to do it takes none."""
IDLE, WORK = 30.0, 0.5
"""A process hangs if for so many seconds it asks for nothing and has less than so many seconds of processor time."""
HUNG = -signal.SIGKILL
"""The exit code of one that hung, and was killed for it."""
LOOK_EVERY = 0.001


def endpoint(url: str, model: str, at_once: int) -> dict[str, Any]:
    """Settings of an engine that asks the witness."""
    where = {"engine": "endpoint", "base_url": url, "model": model, "headers_env": {HEADER: PROCESS}}
    return {**where, "max_concurrency": at_once}


def make_settings(url: str, problems: Path, **sections: Any) -> dict[str, Any]:
    """A build that uses everything whose loss would show: three views of a problem, four journals, the audit."""
    return {
        "name": "run",
        "problems": {"path": str(problems)},
        "student": endpoint(url, "student", UNDER_WAY // 2),
        "teachers": {"teacher": endpoint(url, "teacher", AT_ONCE)},
        "sample": {"n": SAMPLES, "params": {"max_tokens": 64}},
        "correct": {"rungs": ["own_correct", {"rung": "gold_guided", "teacher": "teacher", "params": {"seed": 0}}]},
        "pair": {"views": ["direct", "revise"], "revise": {"second_try": True}},
        "format": {"detect_from": 64},
        "concurrency": AT_ONCE,
        "audit": {"permutations": 100, "repeats": 1, "folds": 2},
        **sections,
    }


class Build:
    """A build in a folder of its own, with a completion cache of its own. Use as a context manager."""

    def __init__(self, witness: Witness, name: str, folder: Path, settings: Mapping[str, Any]) -> None:
        self.name, self.folder = name, folder
        self.account: Account = witness.accounts[name]
        self.processes = 0
        self.config = folder / "config.yaml"
        self.runs = Path(settings.get("runs_dir", folder / "runs"))
        self._settings = {**settings, "runs_dir": str(self.runs)}
        self._started: list[subprocess.Popen[bytes]] = []
        self._children: dict[int, psutil.Process] = {}
        folder.mkdir(parents=True, exist_ok=True)
        self.config.write_text(json.dumps(self._settings))  # JSON is YAML

    @property
    def run(self) -> Path:
        """The run's folder."""
        return self.runs / str(self._settings["name"])

    def command(self) -> list[str]:
        """The command that builds, and goes on."""
        return [sys.executable, "-m", "errata", "build", str(self.config)]

    def environment(self, path: Sequence[Path] = ()) -> dict[str, str]:
        """Variables of the next process; `path` comes before our own tree."""
        own = {PROCESS: f"{self.name}/{self.processes}", "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
        return {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, (*path, ROOT))), **own}

    def start(self, path: Sequence[Path] = ()) -> subprocess.Popen[bytes]:
        """Start the next process, in a session of its own."""
        environment = self.environment(path)
        with self.said_file(self.processes).open("wb") as said:
            process = subprocess.Popen(
                self.command(),
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.processes += 1
        self._started.append(process)
        return process

    def said_file(self, number: int) -> Path:
        return self.folder / f"said-{number}.txt"

    def said(self, number: int = -1) -> str:
        """What a process wrote to its terminal; by default the last one."""
        return self.said_file(number % self.processes).read_text(errors="replace")

    def children_of(self, process: subprocess.Popen[bytes]) -> list[psutil.Process]:
        """All processes below one that was started; they are remembered, so that none outlives the build unseen."""
        try:
            found = psutil.Process(process.pid).children(recursive=True)
        except psutil.NoSuchProcess:
            found = []
        self._children |= {child.pid: child for child in found}
        return found

    def kill(self, process: subprocess.Popen[bytes], *, group: bool = False) -> None:
        """SIGKILL to the process alone, or to its whole group at once; waits until what was below it has ended."""
        self.children_of(process)
        if group:
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()
        process.wait()
        self.left()

    def left(self) -> int:
        """How many processes have outlived those that were started; they are given time to end by themselves."""
        return len(psutil.wait_procs(self._children.values(), timeout=GONE_WITHIN)[1])

    def watch(self, process: subprocess.Popen[bytes], until: Callable[[], bool]) -> bool:
        """Whether something holds before the process has ended, which is killed if it hangs."""
        looked, worked = time.monotonic(), -1.0
        while process.poll() is None:
            if until():
                return True
            time.sleep(LOOK_EVERY)
            if time.monotonic() - looked > IDLE:
                looked, before = time.monotonic(), worked
                worked = len(self.account.asked) + self._work(process)
                if abs(worked - before) < WORK:  # it falls when a child has ended
                    self.kill(process)
        return False

    def wait(self, process: subprocess.Popen[bytes]) -> int:
        """The exit code of a process, HUNG for one that hangs."""
        self.watch(process, lambda: False)
        return process.wait()

    def _work(self, process: subprocess.Popen[bytes]) -> float:
        """Seconds of processor time of a process and all below it."""
        spent = 0.0
        for one in (psutil.Process(process.pid), *self.children_of(process)):
            with contextlib.suppress(psutil.NoSuchProcess):
                times = one.cpu_times()
                spent += times.user + times.system
        return spent

    def finish(self) -> int:
        """Start it and wait for its end; returns the exit code."""
        return self.wait(self.start())

    def recount(self) -> Recount:
        """What it has paid for more than once."""
        return recount(self.account.asked)

    def __enter__(self) -> Build:
        return self

    def __exit__(self, *_: object) -> None:
        """Let nothing run on, and keep no reply back."""
        self.account.open.set()
        for process in self._started:
            if process.poll() is None:
                self.children_of(process)
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        for child in self._children.values():
            with contextlib.suppress(psutil.NoSuchProcess):
                child.kill()  # psutil looks that the number still belongs to it


@contextmanager
def watched(witness: Witness) -> Iterator[Witness]:
    """Close a server with the block."""
    try:
        yield witness
    finally:
        witness.close()


def digest(run: Path) -> dict[str, str]:
    """Hashes of what a build leaves for its reader: the data set's files, the lists beside it, the account."""
    files = [run / name for name in COMPARED]
    files += sorted(file for file in (run / "dataset").rglob("*") if file.is_file())
    made = {str(file.relative_to(run)): hash_of(file.read_bytes()) for file in files if file.is_file()}
    if (run / "summary.json").is_file():
        summary = json.loads((run / "summary.json").read_text())
        kept = {name: value for name, value in summary.items() if name not in TIMED}
        made["summary.json"] = hash_of(json.dumps(kept, sort_keys=True).encode())
    return made


def differences(made: Mapping[str, str], wanted: Mapping[str, str]) -> list[str]:
    """Names of the files that are not the same."""
    return sorted(name for name in made.keys() | wanted.keys() if made.get(name) != wanted.get(name))


def hash_of(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
