"""`errata loop` on the demo world: real rounds, killed in the middle and gone on with."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest
import yaml

from errata.config import load
from errata.demo import story
from errata.loop import run_loop
from errata.records import Loop
from pipeline.stages import Progress

ABLE = 1.0
"""Greedy accuracy of the student before its misconceptions were planted (errata/demo/student/training.json)."""


def write_loop(folder: Path, problems: int, held_out: int | None = None, **sections: Any) -> Path:
    """A configuration of the demo world without its fixed training model."""
    settings = story.make_settings(folder / "runs", ["--name", "looped"])
    story.write_problems(settings, problems)
    told = settings.model_dump(mode="json")
    if held_out is not None:
        told["evaluate"]["problems"]["limit"] = held_out
    for name, section in sections.items():
        told[name] = {**told[name], **section} if isinstance(told[name], dict) else section
    path = folder / "loop.yaml"
    path.write_text(yaml.safe_dump(told))
    return path


def errata(*arguments: str) -> subprocess.Popen[str]:
    """The command in a process group of its own."""
    command = [sys.executable, "-m", "errata", *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True)


def loop(path: Path, rounds: int) -> Loop:
    """The command run to its end."""
    process = errata("loop", str(path), "--rounds", str(rounds), "--json")
    out, err = process.communicate()
    assert process.returncode == 0, err
    return Loop.model_validate_json(out)


def kill_in_round_two(path: Path, runs: Path) -> None:
    """Start the command and kill it with SIGKILL once round 2 has attempts and no data set yet."""
    process = errata("loop", str(path), "--rounds", "3", "--json")
    second = runs / "looped" / "round-2"
    while not ((second / "attempts.jsonl").is_file() and (second / "attempts.jsonl").stat().st_size):
        assert process.poll() is None, process.communicate()[1]
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert not (second / "dataset").exists(), "it was killed in the middle"


def comparable(told: Loop) -> dict[str, Any]:
    """Everything but the time it took; the fingerprint names the folder, too."""
    made: dict[str, Any] = json.loads(told.model_dump_json(exclude={"fingerprint"}))
    for one in made["rounds"]:
        one.pop("seconds")
    return made


@pytest.mark.slow
@pytest.mark.timeout(2400)
def test_three_rounds_mend_the_student_though_the_second_is_killed(tmp_path: Path) -> None:
    path = write_loop(tmp_path, story.PROBLEMS)
    kill_in_round_two(path, tmp_path / "runs")
    told = loop(path, 3)
    assert [one.number for one in told.rounds] == [1, 2, 3]
    assert told.stopped is None
    for one in told.rounds:
        assert one.p_value >= 0.05 or one.gain.value > 0, "no significant fall between rounds"
    assert told.rounds[0].before < 0.35
    assert told.rounds[-1].after >= ABLE - 0.02
    assert told.total is not None
    assert told.total.significant
    for number in (1, 2, 3):
        assert (tmp_path / "runs" / "looped" / f"round-{number}" / "policy" / "training.json").is_file()


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_a_loop_that_was_killed_in_the_second_round_ends_as_one_that_was_not(tmp_path: Path) -> None:
    killed, whole = tmp_path / "killed", tmp_path / "whole"
    path = write_loop(killed, 200, 60)
    kill_in_round_two(path, killed / "runs")
    told, untouched = loop(path, 2), loop(write_loop(whole, 200, 60), 2)
    assert comparable(told) == comparable(untouched)
    for number in range(1, len(told.rounds) + 1):
        for name in ("policy/model.safetensors", "pairs.jsonl"):
            same = [(side / "runs" / "looped" / f"round-{number}" / name).read_bytes() for side in (killed, whole)]
            assert sorted(same[0].splitlines()) == sorted(same[1].splitlines()), (number, name)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_finished_loop_is_not_repeated_and_more_rounds_go_on_from_it(tmp_path: Path) -> None:
    path = write_loop(tmp_path, 80, 30, loop={"patience": 5, "past_pairs": True})
    first = loop(path, 1)
    policy = tmp_path / "runs" / "looped" / "round-1" / "policy" / "training.json"
    written = policy.stat().st_mtime_ns
    both = loop(path, 2)
    assert both.rounds[0] == first.rounds[0]
    assert policy.stat().st_mtime_ns == written
    assert both.rounds[1].student == "round-1/policy"
    assert both.rounds[1].past_pairs == first.rounds[0].pairs
    assert loop(path, 1).rounds == first.rounds
    kept = Loop.model_validate_json((tmp_path / "runs" / "looped" / "loop.json").read_bytes())
    assert kept.rounds == both.rounds, "asking for fewer rounds forgets none"
    process = errata("loop", str(path), "--rounds", "3", "--budget.max_cost", "1", "--loop.reference", "fixed")
    out, err = process.communicate()
    assert process.returncode == 0, err
    fixed = json.loads((tmp_path / "runs" / "looped" / "loop.json").read_text())
    assert fixed["reference"] == "fixed"
    assert "3 of 3 rounds" in out


class Onlooker(Progress):
    """Counts servers of vLLM that are alive, by what goes on meanwhile."""

    def __init__(self) -> None:
        self.alive: dict[str, int] = {}

    def __call__(self, stage: str, done: int, total: int) -> None:
        servers = [p for p in psutil.Process().children(recursive=True) if "vllm" in " ".join(command_of(p))]
        self.alive[stage] = max(self.alive.get(stage, 0), len(servers))

    @contextmanager
    def bars(self) -> Iterator[Progress]:
        yield self

    def say(self, line: str) -> None:
        """Nothing is shown."""


def command_of(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.NoSuchProcess:
        return []


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_a_served_student_gives_its_memory_to_training_and_takes_it_back(tmp_path: Path) -> None:
    python = Path(__file__).parents[2] / ".venv-vllm" / "bin" / "python"
    if not python.is_file():
        pytest.skip("no environment with vLLM: make vllm")
    path = write_loop(tmp_path, 40, 20, correct={"rungs": [{"rung": "reference"}]})
    served = {
        "engine": "vllm",
        "model": str(story.HERE / "student"),
        "python": str(python),
        "max_model_len": 384,
        "dtype": "float32",
        "extra_args": ["--enforce-eager"],
        "environment": {"VLLM_CPU_KVCACHE_SPACE": "1"},
    }
    told = yaml.safe_load(path.read_text()) | {"student": served, "teachers": {}, "audit": None}
    path.write_text(yaml.safe_dump(told))
    onlooker = Onlooker()
    made = run_loop(load(path, []), 2, onlooker)
    assert [one.student for one in made.rounds] == [str(story.HERE / "student"), "round-1/policy"]
    assert onlooker.alive["problems"] > 0
    assert onlooker.alive["evaluate after"] > 0
    assert onlooker.alive["train"] == onlooker.alive["rewards"] == 0
