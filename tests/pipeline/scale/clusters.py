"""A Ray cluster of two nodes in a process of its own, and drivers that build on it: `python clusters.py` starts one."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

import psutil

ROOT = Path(__file__).resolve().parents[3]
ON_NODES = "LESSON_ON_NODES"
"""Variable that is set on the nodes alone."""
MIB = 1 << 20


def copy_tree(folder: Path) -> Path:
    """The source as it is now: a worker that begins later, and finds another, is refused."""
    for part in ("errata", "pipeline", "trainer", "prompts", "tests/pipeline/scale"):
        shutil.copytree(ROOT / part, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "tests" / "conftest.py", folder / "tests")
    return folder


def environment(tree: Path = ROOT, **variables: str) -> dict[str, str]:
    """Variables of a cluster and of those that connect to it."""
    ours = {"PYTHONPATH": str(tree), "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1", "COLUMNS": "120"}
    return {**os.environ, **ours, **variables}


class TwoNodes:
    """A cluster of two nodes with two logical processors each. Use as a context manager."""

    def __init__(self) -> None:
        self.token = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}
        self.drivers: list[Driver] = []

    def __enter__(self) -> Self:
        self.mark = secrets.token_hex(8)
        self._folder = tempfile.TemporaryDirectory(prefix="errata-tree-")
        self.tree = copy_tree(Path(self._folder.name))
        variables = environment(self.tree, **self.token, **{ON_NODES: self.mark})
        self._process = subprocess.Popen(
            [sys.executable, __file__],
            cwd=self.tree,
            env=variables,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.address = self._hear()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        below = [psutil.Process(self._process.pid), *psutil.Process(self._process.pid).children(recursive=True)]
        for driver in self.drivers:
            driver.kill()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.communicate(timeout=60)
        for process in below:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        self._folder.cleanup()

    def _hear(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()

    def tell(self, word: str) -> str:
        """`add` a node, or `remove` the one that was added last."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{word}\n")
        self._process.stdin.flush()
        return self._hear()

    def servers(self) -> list[psutil.Process]:
        """The processes of all vLLM servers that were started on the nodes."""
        found = []
        for process in psutil.process_iter(["cmdline", "name"]):
            words = " ".join(process.info["cmdline"] or [])
            with contextlib.suppress(psutil.Error):
                if ("vllm.entrypoints" in words or "VLLM" in process.info["name"]) and self._is_ours(process):
                    found.append(process)
        return found

    def _is_ours(self, process: psutil.Process) -> bool:
        return process.environ().get(ON_NODES) == self.mark

    def build(self, config: Path, *options: str, **variables: str) -> Driver:
        """Start a build on the cluster."""
        command = ["--on", "ray", "--address", self.address, *options]
        self.drivers.append(Driver(config, command, environment(self.tree, **self.token, **variables)))
        return self.drivers[-1]


class Driver:
    """One build, as a process."""

    def __init__(self, config: Path, options: list[str], variables: Mapping[str, str]) -> None:
        self._log = config.with_name(f"said-{secrets.token_hex(4)}.txt")
        with self._log.open("wb") as said:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "errata", "build", str(config), *options],
                env=dict(variables),
                cwd=variables["PYTHONPATH"],
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def said(self) -> str:
        """What it wrote to the terminal."""
        return self._log.read_text(errors="replace")

    def until(self, true: Callable[[], bool]) -> None:
        """Wait until something holds; the driver must not have ended before."""
        while not true():
            assert self.process.poll() is None, f"it ended before: {self.said}"
            time.sleep(0.02)

    def end(self) -> int:
        """Wait for its end; returns the exit code."""
        return self.process.wait()

    def kill(self) -> None:
        """SIGKILL to the driver alone."""
        self.process.kill()
        self.process.wait()


def worker_pids(run: Path, journal: str = "attempts", lines: int = 1) -> list[int]:
    """Processes of the workers of a run whose journals have so many lines, by what stands in their locks."""
    found = []
    for shard in sorted((run / "shards").glob("*")):
        with contextlib.suppress(FileNotFoundError, ValueError):
            if (shard / f"{journal}.jsonl").read_bytes().count(b"\n") >= lines:
                found.append(int((shard / ".lock").read_text().split()[0]))
    return found


def ray_workers() -> list[psutil.Process]:
    """The processes of all actors that take parts, and of all keepers, on this machine."""
    found = []
    for process in psutil.process_iter(["cmdline"]):
        words = " ".join(process.info["cmdline"] or [])
        if words.startswith(("ray::MapWorker", "ray::Keeper")):
            found.append(process)
    return found


def main() -> None:
    """Start the cluster, say its address, do as told until the input ends."""
    from ray.cluster_utils import Cluster

    size = {"num_cpus": 2, "object_store_memory": 150 * MIB}
    cluster = Cluster(initialize_head=True, head_node_args={"include_dashboard": False, **size})
    nodes = [cluster.add_node(**size)]
    print(cluster.address, flush=True)
    for line in sys.stdin:
        if line.strip() == "add":
            nodes.append(cluster.add_node(**size))
        else:
            cluster.remove_node(nodes.pop(), allow_graceful=False)
        print("done", flush=True)
    cluster.shutdown()


if __name__ == "__main__":
    main()
