"""Shows that the sandbox holds on this machine, by trying to break out of it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from pipeline.errors import ConfigError
from pipeline.sandbox import escapes
from pipeline.sandbox.command import ENVIRONMENT, python_command, python_folders
from pipeline.sandbox.limits import Limits, Outcome
from pipeline.sandbox.run import run

FLOOD = "import os\nwhile True: os.write(1, bytes(65536))"
ADVICE = (
    ("Unknown option", "bubblewrap 0.8 or newer is needed (Debian 12, Ubuntu 24.04)"),
    (
        "setting up uid map",
        "AppArmor keeps user namespaces from it: sysctl -w kernel.apparmor_restrict_unprivileged_userns=0, or a "
        "profile for /usr/bin/bwrap with the rule 'userns,'",
    ),
    (
        "namespace",
        "namespaces are not allowed here. In a container: --cap-add SYS_ADMIN --security-opt seccomp=unconfined "
        "--security-opt apparmor=unconfined; elsewhere: sysctl -w user.max_user_namespaces=65536 and, where it "
        "exists, kernel.unprivileged_userns_clone=1",
    ),
    ("Resource temporarily unavailable", "processes are counted for each sandbox from Linux 5.14 on"),
)
"""What bubblewrap says when it cannot start, and what helps."""


async def prove(limits: Limits) -> None:
    """Return if every attempt to break out fails. Raises ConfigError naming what did not hold, or why nothing ran."""
    reached: list[str] = []

    async def greet(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        reached.append("reach_network: a connection came out")
        writer.close()

    server = await asyncio.start_server(greet, "127.0.0.1", 0)
    async with server:
        with _plant_secrets() as planted:
            targets = {
                "port": server.sockets[0].getsockname()[1], "secrets": planted, "environment": list(ENVIRONMENT),
                "folders": ["/", "/etc", "/usr/bin", "/dev", *python_folders(), *map(os.path.dirname, planted)],
                "pid": os.getpid(), "cpu": limits.cpu, "memory": limits.memory, "scratch": limits.scratch,
                "processes": limits.processes,
            }  # fmt: skip
            show = (*python_folders(), escapes.__file__)
            short = replace(limits, wall=30.0)
            tried, flooded = await asyncio.gather(
                run(python_command(escapes.__file__), input=json.dumps(targets).encode(), limits=short, show=show),
                run([*python_command("-c"), FLOOD], limits=short, show=show),
            )
    if faults := [*read_faults(tried), *reached[:1]]:
        raise ConfigError(f"the sandbox for code does not hold on this machine: {'; '.join(faults)}")
    if flooded.ended != "output" or len(flooded.output) != limits.output:
        raise ConfigError("the sandbox for code does not hold on this machine: output is not limited")


def read_faults(tried: Outcome) -> list[str]:
    """What the attempts managed. Raises ConfigError where they did not come to their end."""
    if tried.ended == "wall":
        return ["processes outlive the sandbox"]
    try:
        return [f"{name}: {how}" for name, how in json.loads(tried.output).items()]
    except ValueError:
        said = tried.errors.strip() or f"it ended with status {tried.status}"
        advice = next((what for sign, what in ADVICE if sign in said), "see what bubblewrap said")
        raise ConfigError(f"the sandbox for code does not start on this machine: {said[:300]}. {advice}") from None


@contextlib.contextmanager
def _plant_secrets() -> Iterator[list[str]]:
    """Files where secrets lie: in fresh folders among temporary files, in the home and in the working folder."""
    with contextlib.ExitStack() as stack:
        planted = []
        for folder in dict.fromkeys((tempfile.gettempdir(), str(Path.home()), str(Path.cwd()))):
            with contextlib.suppress(OSError):
                made = stack.enter_context(tempfile.TemporaryDirectory(dir=folder, prefix=".errata-secret-"))
                Path(made).chmod(0o755)  # it is the sandbox that must hide it, not the rights of the file
                planted.append(f"{made}/secret")
                Path(planted[-1]).write_text("secret")
        yield planted
