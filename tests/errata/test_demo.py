"""The demo, whole and interrupted, as a person runs it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pipeline.measures.records import Evaluation

ROOT = Path(__file__).parents[2]


def start(runs: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "errata", "demo", "--runs-dir", str(runs)]
    return subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env={**os.environ, "HF_HUB_OFFLINE": "1"},
        preexec_fn=hear_interrupts,
    )


def hear_interrupts() -> None:
    """A process started in the background of a script inherits a deaf ear for Ctrl-C."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def wait_for(condition, process: subprocess.Popen[str]) -> None:
    while not condition():
        assert process.poll() is None, process.communicate()
        time.sleep(0.05)


@pytest.mark.slow
@pytest.mark.timeout(1500)
def test_the_demo_teaches_and_an_interrupted_one_ends_the_same(tmp_path: Path) -> None:
    whole = start(tmp_path / "whole")
    shown, errors = whole.communicate()
    assert whole.returncode == 0, errors
    told = Evaluation.model_validate_json((tmp_path / "whole" / "demo" / "evaluation.json").read_bytes()).held_out
    assert told.n == 500
    before, after = (told.scores[name].accuracy for name in ("before", "after"))
    assert before <= 0.30
    assert after >= 0.80
    assert f"{before:.1%} → {after:.1%}" in shown
    assert (tmp_path / "whole" / "demo" / "report.html").stat().st_size > 1_000_000
    assert "rejected" in shown

    runs = tmp_path / "broken" / "demo"
    signs = [
        lambda: (runs / "attempts.jsonl").is_file() and (runs / "attempts.jsonl").stat().st_size > 0,
        lambda: any((runs / "checkpoints").glob("*/checkpoint-*/trainer_state.json")),
        lambda: (runs / "policy" / "training.json").is_file(),
    ]
    for sign in signs:
        process = start(tmp_path / "broken")
        wait_for(sign, process)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate()
        assert process.returncode == 3, errors
        assert "the same command goes on" in errors
        assert "Traceback" not in errors
    last = start(tmp_path / "broken")
    _, errors = last.communicate()
    assert last.returncode == 0, errors
    again = Evaluation.model_validate_json((runs / "evaluation.json").read_bytes()).held_out
    assert (again.scores, again.changes) == (told.scores, told.changes)
    for name in ("pairs.jsonl", "policy/model.safetensors"):
        same = [(tmp_path / side / "demo" / name).read_bytes() for side in ("whole", "broken")]
        assert sorted(same[0].splitlines()) == sorted(same[1].splitlines()), name
