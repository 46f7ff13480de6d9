"""Commands in the sandbox: what they get, what they do not, and that nothing is left of them."""

from __future__ import annotations

import asyncio
import shutil
import signal
import subprocess
import sys
import uuid
from pathlib import Path

import psutil
import pytest

from pipeline.sandbox.command import ENVIRONMENT
from pipeline.sandbox.limits import Limits, Outcome
from pipeline.sandbox.run import run

pytestmark = pytest.mark.skipif(shutil.which("bwrap") is None, reason="bubblewrap is not installed")


def shell(script: str, input: bytes = b"", **limits: float) -> Outcome:
    return asyncio.run(run(["bash", "-c", script], input=input, limits=Limits(**limits)))


def find_marked(mark: str, name: str = "") -> list[psutil.Process]:
    """Processes with the mark in their command line, and with this name."""
    found = psutil.process_iter(["cmdline", "name"])
    return [p for p in found if mark in " ".join(p.info["cmdline"] or []) and name in p.info["name"]]


def wait_until_gone(mark: str) -> None:
    """Fails only where a marked process stays."""
    psutil.wait_procs(find_marked(mark), timeout=60)
    assert not find_marked(mark)


def test_a_command_gets_its_input_and_gives_output_errors_and_status() -> None:
    assert shell("cat; echo no >&2; exit 3", b"hello") == Outcome("itself", 3, b"hello", "no\n")


def test_a_signal_is_seen_in_the_status() -> None:
    assert shell("kill -SEGV $$").status == 128 + signal.SIGSEGV


def test_input_that_nobody_reads_does_no_harm() -> None:
    assert shell("exit 0", b"x" * 2**20).status == 0


def test_nothing_of_ours_is_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ERRATA_TEST_SECRET", "s3cret")
    lines = shell("env").output.decode().splitlines()
    assert {line.partition("=")[0] for line in lines} - {"PWD", "SHLVL", "_", "OLDPWD"} == set(ENVIRONMENT)


def test_output_beyond_the_limit_ends_everything() -> None:
    for stream in ("1", "2"):
        made = shell(f"yes >&{stream}", output=1000)
        assert made.ended == "output"
        assert len(made.output) + len(made.errors) == 1000


def test_a_command_that_only_waits_is_ended_at_the_limit_of_seconds() -> None:
    assert shell("sleep 3600", wall=0.2).ended == "wall"


def test_only_the_system_is_shown_and_nothing_but_the_scratch_folder_can_be_written(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("s3cret")
    made = shell(f"ls /; cat {tmp_path}/secret; cat /etc/passwd; echo x > /usr/bin/x; echo x > /x; echo x > /tmp/x")
    assert set(made.output.decode().split()) <= {"bin", "dev", "etc", "lib", "lib32", "lib64", "tmp", "usr"}
    assert made.errors.count("No such file") == 2
    assert made.errors.count("Read-only file system") + made.errors.count("Permission denied") == 2


def test_what_is_shown_can_be_read_at_its_own_path_and_not_be_written(tmp_path: Path) -> None:
    shown = tmp_path / "shown"
    shown.mkdir()
    shown.chmod(0o777)
    (shown / "file").write_text("seen")
    script = f"cat {shown}/file; echo x > {shown}/other"
    made = asyncio.run(run(["bash", "-c", script], limits=Limits(), show=[str(shown)]))
    assert made.output == b"seen"
    assert "Read-only file system" in made.errors
    assert [path.name for path in shown.iterdir()] == ["file"]


def test_the_scratch_folder_is_limited_and_fresh_each_time() -> None:
    fill = "for i in 1 2 3 4 5; do head -c 500000 /dev/zero > /tmp/$i || exit 9; done"
    assert shell(fill, scratch=2**20).status == 9
    assert shell("ls -A /tmp", scratch=2**20).output == b""


def test_processes_left_behind_end_with_the_command() -> None:
    mark = f"errata-mark-{uuid.uuid4().hex}"
    made = shell(f"setsid nohup bash -c 'while true; do sleep 0.1; done' {mark} </dev/null >/dev/null 2>&1 & exit 5")
    assert (made.ended, made.status) == ("itself", 5)
    wait_until_gone(mark)


def test_a_run_that_is_cancelled_leaves_nothing() -> None:
    mark = f"errata-mark-{uuid.uuid4().hex}"

    async def cancel() -> None:
        task = asyncio.create_task(run(["bash", "-c", "while true; do sleep 1; done", mark], limits=Limits()))
        while not find_marked(mark, "bash"):
            await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(cancel())
    wait_until_gone(mark)


def test_a_run_that_is_cancelled_while_it_starts_leaves_nothing() -> None:
    """And does not wait for the clock inside, which would take an hour."""
    mark = f"errata-mark-{uuid.uuid4().hex}"

    async def cancel(after: float) -> None:
        task = asyncio.create_task(run(["bash", "-c", "while true; do sleep 1; done", mark], limits=Limits(wall=3600)))
        await asyncio.sleep(after)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    async def cancel_often() -> None:
        for i in range(40):
            await cancel(i * 0.00025)

    asyncio.run(cancel_often())
    wait_until_gone(mark)


def test_the_sandbox_ends_with_a_parent_that_is_killed() -> None:
    mark = f"errata-mark-{uuid.uuid4().hex}"
    code = (
        "import asyncio; from pipeline.sandbox.limits import Limits; from pipeline.sandbox.run import run\n"
        f"loop = ['bash', '-c', 'while true; do sleep 1; done', 'errata' + {mark.removeprefix('errata')!r}]\n"
        "asyncio.run(run(loop, limits=Limits()))"
    )
    parent = subprocess.Popen([sys.executable, "-c", code], cwd=Path(__file__).parents[3])
    while not find_marked(mark, "bash"):
        assert parent.poll() is None
    parent.kill()
    parent.wait()
    wait_until_gone(mark)
