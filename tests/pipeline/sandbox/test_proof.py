"""The sandbox is used only where attempts to break out of it fail."""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
from pathlib import Path

import pytest

from pipeline.errors import ConfigError
from pipeline.sandbox.limits import Limits
from pipeline.sandbox.proof import prove

needs_bwrap = pytest.mark.skipif(shutil.which("bwrap") is None, reason="bubblewrap is not installed")
linux = pytest.mark.skipif(sys.platform != "linux", reason="the sandbox is Linux's")


@pytest.fixture
def stand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A `bwrap` that is found first; the test writes it."""
    path = tmp_path / "bwrap"
    path.touch(mode=0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    return path


@needs_bwrap
def test_the_sandbox_holds_on_this_machine() -> None:
    asyncio.run(prove(Limits()))


@needs_bwrap
@pytest.mark.parametrize(
    ("option", "values", "what"),
    [
        ("--unshare-net", 0, "loopback was reached"),
        ("--seccomp", 1, "a user namespace was made"),
        ("--size", 1, "more was written to the scratch folder"),
    ],
)
def test_a_sandbox_with_a_hole_is_refused(stand_in: Path, option: str, values: int, what: str) -> None:
    real = shutil.which("bwrap", path="/usr/bin:/usr/local/bin:/bin")
    stand_in.write_text(f"""#!/bin/bash
kept=()
while [ $# -gt 0 ]; do
    if [ "$1" = {option} ]; then shift {values + 1}; else kept+=("$1"); shift; fi
done
exec {real} "${{kept[@]}}"
""")
    with pytest.raises(ConfigError, match=f"does not hold on this machine: .*{what}"):
        asyncio.run(prove(Limits()))


@linux
@pytest.mark.parametrize(
    ("said", "advice"),
    [
        ("bwrap: setting up uid map: Permission denied", "apparmor_restrict_unprivileged_userns=0"),
        ("bwrap: Creating new namespace failed: Operation not permitted", "--cap-add SYS_ADMIN"),
        ("bwrap: Unknown option --size", "bubblewrap 0.8 or newer"),
    ],
)
def test_a_sandbox_that_does_not_start_is_refused_with_what_helps(stand_in: Path, said: str, advice: str) -> None:
    if shutil.which("choom") is None:
        pytest.skip("util-linux is not installed")
    stand_in.write_text(f"#!/bin/sh\necho '{said}' >&2\nexit 1\n")
    with pytest.raises(ConfigError, match="does not start on this machine") as raised:
        asyncio.run(prove(Limits()))
    assert said in str(raised.value)
    assert advice in str(raised.value)


@linux
def test_a_missing_tool_is_named_with_its_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ConfigError, match=r"needs 'bwrap'.*apt-get install bubblewrap"):
        asyncio.run(prove(Limits()))
