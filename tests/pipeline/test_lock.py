"""One process at a time in a run's folder; the lock dies with its holder."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from pipeline import lock
from pipeline.errors import FolderInUse

HOLDER = """
import sys, time
from pathlib import Path
from pipeline import lock
with lock.hold(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(600)
"""


def test_another_process_is_refused_with_the_pid_until_the_holder_is_killed(tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    holder = subprocess.Popen([sys.executable, "-c", HOLDER, str(tmp_path)], stdout=subprocess.PIPE, env=environment)
    assert holder.stdout is not None
    assert holder.stdout.readline() == b"held\n"
    with pytest.raises(FolderInUse, match=f"pid {holder.pid} on "), lock.hold(tmp_path):
        pass
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    holder.stdout.close()
    with lock.hold(tmp_path):
        assert (tmp_path / ".lock").read_text().startswith(f"{os.getpid()} ")


def test_a_process_does_not_take_the_same_folder_twice(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path)
    with lock.hold(tmp_path):
        with pytest.raises(FolderInUse, match="this process already"), lock.hold(tmp_path / "link"):
            pass
        with lock.hold(tmp_path / "inside"):
            pass
    with lock.hold(tmp_path):
        pass


def test_a_forked_child_does_not_keep_the_lock(tmp_path: Path) -> None:
    """Worker processes that outlive a killed parent for a moment must not keep its run."""
    ready, done = os.pipe()
    with lock.hold(tmp_path):
        child = os.fork()
        if child == 0:
            os.read(ready, 1)
            os._exit(0)
    try:
        with lock.hold(tmp_path):
            pass
    finally:
        os.write(done, b"x")
        os.waitpid(child, 0)
        os.close(ready)
        os.close(done)


def test_of_many_threads_of_a_process_one_gets_the_folder(tmp_path: Path) -> None:
    got: list[str] = []
    ready, done = threading.Barrier(8), threading.Barrier(8)

    def take() -> None:
        ready.wait()
        try:
            with lock.hold(tmp_path / "run"):
                got.append("held")
                done.wait()
        except FolderInUse:
            got.append("refused")
            done.wait()

    threads = [threading.Thread(target=take) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(got) == ["held", *["refused"] * 7]
