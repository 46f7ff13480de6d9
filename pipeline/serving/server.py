"""A server as a child process: started, awaited, watched, ended with all its processes even when we are killed."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from pipeline.errors import EngineUnusable, ErrataError
from pipeline.printable import printable
from pipeline.serving import watchdog
from pipeline.serving.secrets import child_environment

log = logging.getLogger(__name__)
TOLD_EVERY = 10.0
"""Seconds between two lines that say how the start is going."""
TAIL_LINES = 15
LOOKED_AT = 1 << 18
"""Bytes of a server's log that are looked at."""
COLOUR = re.compile(r"\x1b\[[0-9;]*m")


class ServerDied(ErrataError):
    """The process ended before it was ready."""


class ManagedServer:
    """One server process behind the watchdog. `start` and `stop` may be called again and again."""

    def __init__(
        self, name: str, command: Sequence[str], environment: Mapping[str, str], health: str, start_timeout: float
    ) -> None:
        self.name, self.command, self.environment = name, list(command), dict(environment)
        self.health, self.start_timeout = health, start_timeout
        self._folder = tempfile.TemporaryDirectory(prefix="errata-server-")
        self.log_file = Path(self._folder.name) / "log.txt"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def alive(self) -> bool:
        """Whether the process runs."""
        return self._process is not None and self._process.poll() is None

    def tail(self) -> str:
        """The server's own last lines."""
        lines = self.output().splitlines()[-TAIL_LINES:]
        return "\n".join(f"  | {line}" for line in lines) or "(it wrote nothing)"

    def output(self) -> str:
        """The end of what it wrote since it was first started."""
        if not self.log_file.exists():
            return ""
        with self.log_file.open("rb") as file:
            file.seek(max(0, self.log_file.stat().st_size - LOOKED_AT))
            return printable(COLOUR.sub("", file.read().decode(errors="replace")))

    async def start(self) -> None:
        """Start and wait until the health page answers. Raises ServerDied, or EngineUnusable at the time limit."""
        started = told = time.monotonic()
        with self.log_file.open("ab") as output:
            self._process = subprocess.Popen(  # noqa: S603 - our own watchdog
                [sys.executable, watchdog.__file__, *self.command],
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=child_environment() | self.environment,
                start_new_session=True,  # Ctrl-C in the terminal is for us
            )
        while not await self.healthy():
            now = time.monotonic()
            if not self.alive:
                raise ServerDied(f"{self.name}: the server ended while it was starting; its last lines:\n{self.tail()}")
            if now - started > self.start_timeout:
                await self.stop()
                raise EngineUnusable(
                    f"{self.name}: the server was not ready after {self.start_timeout:.0f} s (start_timeout); "
                    f"its last lines:\n{self.tail()}"
                )
            if now - told > TOLD_EVERY:
                told = now
                log.info("%s: starting the server, %.0f s: %s", self.name, now - started, self._last_line())
            await asyncio.sleep(0.25)
        log.info("%s: the server is ready after %.0f s", self.name, time.monotonic() - started)

    async def healthy(self) -> bool:
        """Whether the health page answers with 200."""
        import aiohttp

        try:
            async with (
                aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=10)) as session,
                session.get(self.health, allow_redirects=False) as reply,
            ):
                return reply.status == 200
        except (aiohttp.ClientError, TimeoutError, OSError):
            return False

    async def stop(self) -> None:
        """End the server and wait until none of its processes is left."""
        process, self._process = self._process, None
        if process is None:
            return
        assert process.stdin is not None
        process.stdin.close()  # the watchdog takes it for our end
        try:
            await asyncio.to_thread(process.wait, 3 * watchdog.GRACE)
        except subprocess.TimeoutExpired:
            log.warning("%s: the server's watchdog does not end; killed", self.name)
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)  # nobody is left in the group unless the watchdog was killed
        await asyncio.to_thread(process.wait)

    def close(self) -> None:
        """Remove the log."""
        self._folder.cleanup()

    def _last_line(self) -> str:
        return self.tail().rpartition("| ")[2][:120]


def free_port() -> int:
    """A port of loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def port_is_taken(port: int) -> bool:
    """Whether somebody listens on a port of loopback."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return True
        return False
