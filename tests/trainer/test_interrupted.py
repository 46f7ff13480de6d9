"""Killed in the middle of a checkpoint, and the disk full: nothing half written is resumed, and all can go on."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.trainer import failing_ranks, killed_saves
from tests.trainer.test_entry_points import make_pairs, options, write_lines

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.slow


def run(*command: Any) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    told = [str(part) for part in command]
    return subprocess.run(told, capture_output=True, text=True, env=environment, timeout=280, cwd=ROOT)


def test_killed_at_any_write_of_a_checkpoint_it_goes_on_from_a_whole_one(student_dir: Path, tmp_path: Path) -> None:
    done = run(sys.executable, killed_saves.__file__, student_dir, tmp_path)
    assert done.returncode == 0, done.stderr[-3000:]
    deaths = json.loads(done.stdout.splitlines()[-1])
    assert {death["taken"] for death in deaths} == {"checkpoint-2", "checkpoint-4"}
    assert len(deaths) > 8
    assert all(death["off"] == 0 for death in deaths)


def test_an_error_in_one_process_is_told_in_all_and_none_waits_for_ever(student_dir: Path, tmp_path: Path) -> None:
    (tmp_path / "damaged.sqlite").write_bytes(b"no database at all, but long enough to be one" * 20)
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node=2"]
    done = run(*launch, failing_ranks.__file__, student_dir, tmp_path)
    assert done.returncode == 1
    assert "exitcode: 2" in done.stderr or "exitcode  : 2" in done.stderr, done.stderr[-3000:]
    first, second = (json.loads((tmp_path / f"{rank}.json").read_text()) for rank in (0, 1))
    assert first[:2] == second[:2] == [{"made": 3}, "TrainingInputError: not this"]
    assert "No space left" in first[2]
    assert "no space left" in second[2]
    assert first[3] == second[3] == "FileNotFoundError: [Errno 2] no such file: '/nowhere'"
    assert (first[4], second[4]) == ("KeyError: 'a bug'", "RuntimeError: the main process failed: KeyError: 'a bug'")
    assert first[5] == second[5] == [1]
    assert first[6] == second[6] == "Padded", "one process cannot take tries, so none does"
    assert first[7] == second[7]
    assert f"reference_cache {tmp_path}/damaged.sqlite cannot be used: file is not a database" in first[7]


SCRIPT = """
set -u
mount -t tmpfs -o size=20m none "$DISK" || exit 77
$ONE; echo "code $?"
ls -A "$DISK/out"
mount -o remount,size=90m "$DISK"
$ONE --resume last; echo "code $?"
rm -r "$DISK/out"
mount -o remount,size=20m "$DISK"
$TWO; echo "code $?"
ls -A "$DISK/two"
"""
"""In a mount namespace of its own. A checkpoint has 11 MB: of two processes' the first one has room, the second not."""


def test_a_full_disk_ends_with_3_and_the_same_command_goes_on(student_dir: Path, tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    data = write_lines(tmp_path / "pairs.jsonl", make_pairs(16))
    more = {"optim": "adamw_torch", "max_steps": 6, "save_strategy": "steps", "save_steps": 2, "report_to": "none"}
    one = ["dpo", *options(student_dir, data, disk / "out", **more)]
    two = ["dpo", *options(student_dir, data, disk / "two", **more), "--fsdp"]
    launch = ["torch.distributed.run", "--standalone", "--nproc_per_node=2"]
    commands = {
        "ONE": [sys.executable, "-m", "trainer", *one],
        "TWO": [sys.executable, "-m", *launch, "--module", "trainer", *two],
    }
    variables = [f"{name}={' '.join(words)}" for name, words in commands.items()]
    done = run("unshare", "-rm", "env", f"DISK={disk}", *variables, "bash", "-c", SCRIPT)
    if done.returncode == 77 or "unshare:" in done.stderr:
        pytest.skip("no disk can be mounted here")
    lines = [line for line in done.stdout.splitlines() if not line.startswith("{")]
    assert lines == ["code 3", "checkpoint-2", "code 0", "code 1", "checkpoint-2"], done.stderr[-3000:]
    told = f"trainer: {disk}/%s/checkpoint-4 was not written: no space left; make room and go on from "
    assert told % "out" + f"{disk}/out/checkpoint-2" in done.stderr
    assert done.stderr.count(told % "two") == 2, "both processes say so, and neither waits for the other"
