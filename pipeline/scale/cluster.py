"""A Ray cluster: reached or told to be out of reach, quiet, and looked at before anything is begun on it."""

from __future__ import annotations

import hashlib
import logging
import os
import platform
import signal
import socket
import threading
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import psutil

import pipeline
from pipeline.errors import ConfigError
from pipeline.prompts import SHIPPED
from pipeline.scale.shards import PARTS

log = logging.getLogger(__name__)
REACH = 5.0
"""Seconds for a connection to the cluster's head."""
LEVEL = "RAY_BACKEND_LOG_LEVEL"
LOOK = 180.0
"""Seconds for a look at the nodes; a node has to start a process for it."""
SAME = 5.0
"""Seconds by which a clock that was set may move the time at which a process began."""


class Node(NamedTuple):
    """A machine of the cluster."""

    id: str
    host: str
    cpus: float
    gpus: float

    def room(self, cpus: float, gpus: float) -> int:
        """Workers that fit on it, each taking so much."""
        return int(min(self.cpus // cpus, self.gpus // gpus if gpus else self.cpus // cpus))


def need_ray() -> None:
    """Import Ray, which reports to nobody. Raises ConfigError where it is not installed."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_ENABLE_AUTO_CONNECT", "0")  # or a late call starts a cluster by itself
    try:
        import ray.data  # noqa: F401
    except ImportError as error:
        raise ConfigError(f"--on ray: {error}; pip install 'errata[ray]'") from error


def check_address(address: str | None) -> None:
    """Raises ConfigError for an address at which nothing listens; Ray itself would wait for minutes."""
    if address in (None, "auto"):
        return
    assert address is not None
    host, colon, port = address.rpartition(":")
    if not colon or "/" in host or not port.isdigit():
        raise ConfigError(f"--address {address!r}: want auto, or the head's host:port, such as 10.0.0.1:6379")
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=REACH).close()
    except (OSError, OverflowError) as error:
        raise ConfigError(f"--address {address}: nothing answers there ({error}); is it the head's address?") from error


@contextmanager
def connected(address: str | None) -> Iterator[None]:
    """Connect to a cluster; None starts one of this machine alone, which ends with the block.

    Within a process that is connected already, its cluster is used, and left as it is.
    """
    import ray

    if ray.is_initialized():
        yield
        return
    _hush()
    before = signal.getsignal(signal.SIGTERM)
    options: dict[str, Any] = {} if address else {"include_dashboard": False, "_node_ip_address": "127.0.0.1"}
    try:
        with _mute():
            ray.init(address=address or "local", logging_level=logging.CRITICAL, log_to_driver=False, **options)
    except (ConnectionError, RuntimeError, ValueError, ray.exceptions.RayError) as error:
        fix = "is a cluster there (`ray start --head`), and ~/.ray/auth_token its? None is needed without --address"
        told = " ".join(str(error).split())
        raise ConfigError(f"--on ray: {told}" + (f"; {fix}" if address else "")) from error
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, before)  # which ends us without a word, as it does a local build
    try:
        yield
    finally:
        ray.shutdown()


def _hush() -> None:
    """Ray writes no line of its own to the terminal; what ends a build is told by us."""
    import ray._private.worker
    import ray.data

    for name in ("ray", "ray.data"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    ray._private.worker._worker_logs_enabled = False  # what tells of a dead worker ignores log_to_driver
    warnings.filterwarnings("ignore", module=r"ray\.")


@contextmanager
def _mute() -> Iterator[None]:
    """Have Ray's C++ side write to its log files alone: it says so on stderr, which is closed to it meanwhile."""
    before = os.environ.get(LEVEL)
    stderr, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.environ.setdefault(LEVEL, "fatal")
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(stderr, 2)
        os.close(stderr)
        os.close(nowhere)
        if before is None:
            del os.environ[LEVEL]


def data_context() -> None:
    """What Ray Data is told in this process."""
    import ray.data

    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    context.print_on_execution_start = False
    context.execution_no_progress_timeout_s = -1  # a part may take longer than any limit of Ray's


@cache
def code_version() -> str:
    """A hash of this package's source and of the prompts that come with it: workers must run the same."""
    content = hashlib.sha256()
    for folder, pattern in ((Path(pipeline.__file__).parent, "*.py"), (SHIPPED, "*.jinja")):
        for path in sorted(folder.rglob(pattern)):
            content.update(f"{path.relative_to(folder)}\0".encode() + path.read_bytes())
    return content.hexdigest()[:16]


def versions() -> dict[str, str]:
    """What must be the same on all nodes."""
    return {"Python": platform.python_version(), "Errata": f"{code_version()} in {Path(pipeline.__file__).parent}"}


def difference(there: Mapping[str, str], here: Mapping[str, str]) -> str | None:
    """What is another version there, if anything; where it lies does not matter."""
    for name, version in here.items():
        if there[name].partition(" ")[0] != version.partition(" ")[0]:
            return f"another {name} there ({there[name]}) than for the driver ({version})"
    return None


def find_nodes() -> list[Node]:
    """The machines of the cluster that are alive."""
    import ray

    found = [node for node in ray.nodes() if node["Alive"]]  # type: ignore[no-untyped-call]
    return [
        Node(
            node["NodeID"],
            node["NodeManagerHostname"],
            node["Resources"].get("CPU", 0.0),
            node["Resources"].get("GPU", 0.0),
        )
        for node in found
    ]


def look_at(nodes: Sequence[Node], folder: Path) -> None:
    """Raises ConfigError for a node on which a worker could not work: another Errata, or none, or another storage."""
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    def look(marker: str) -> dict[str, Any]:  # sent as it is: a node may have no Errata to import it from
        import os

        told: dict[str, Any] = {"shared": os.path.exists(marker)}  # noqa: PTH110
        try:
            from pipeline.scale.cluster import versions as versions_there
        except ImportError as error:
            return told | {"error": str(error)}
        return told | versions_there()

    marker = folder / PARTS / "look"
    marker.parent.mkdir(exist_ok=True)
    marker.touch()
    try:
        looks = []
        for node in nodes:
            where = NodeAffinitySchedulingStrategy(node.id, soft=False)
            options: dict[str, Any] = {"num_cpus": 0, "scheduling_strategy": where, "max_retries": 0}
            looks.append(ray.remote(look).options(**options).remote(str(marker)))
        for node, one in zip(nodes, looks, strict=True):
            try:
                told = ray.get(one, timeout=LOOK)
            except (ray.exceptions.RayError, TimeoutError) as error:
                log.warning("node %s cannot be looked at: %s", node.host, " ".join(str(error).split())[:300])
                continue
            _compare(node, told, folder)
    finally:
        marker.unlink()


def _compare(node: Node, told: dict[str, Any], folder: Path) -> None:
    fix = "install the same environment on all nodes"
    if "error" in told:
        raise ConfigError(f"node {node.host}: Errata cannot be imported there ({told['error']}); {fix}")
    if differs := difference(told, versions()):
        raise ConfigError(f"node {node.host}: {differs}; {fix}")
    if not told["shared"]:
        raise ConfigError(f"node {node.host}: does not see {folder}; runs_dir must lie on storage that all nodes share")


def end_process(node: str, pid: int, created: float) -> None:
    """Have a process on a node killed, if it is still the one that was created then; does not wait for it."""
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    where = NodeAffinitySchedulingStrategy(node, soft=False)
    options: dict[str, Any] = {"num_cpus": 0, "scheduling_strategy": where, "max_retries": 0}
    ray.remote(kill_process).options(**options).remote(pid, created)


def kill_process(pid: int, created: float) -> None:
    """SIGKILL, if the process is still the one that was created then."""
    with suppress(psutil.NoSuchProcess):
        process = psutil.Process(pid)
        if abs(process.create_time() - created) < SAME:
            process.kill()
