"""A real cluster of two nodes: the same data set as a local build, whatever is killed, and nothing paid twice."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import signal
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pyarrow.parquet
import pytest

from errata.demo import world
from pipeline.cache import CompletionCache
from pipeline.loading import load_settings
from pipeline.run import build
from pipeline.scale.workshop import LOST
from pipeline.types import Message
from tests.conftest import Server
from tests.pipeline.scale.clusters import ROOT, TwoNodes, ray_workers, worker_pids
from tests.pipeline.scale.lesson import ask_student, ask_teacher, digest, ids, make_settings, write_problems

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def nodes() -> Iterator[TwoNodes]:
    """A cluster for all tests of this file."""
    pytest.importorskip("ray")
    with TwoNodes() as started:
        yield started


class Paid(Server):
    """A student and a teacher behind HTTP, which take their time and count what they were paid for."""

    def __init__(self, seconds: float) -> None:
        self.paid: Counter[str] = Counter()
        self.asked = 0

        def answer(body: dict[str, Any]) -> list[str]:
            self.asked += 1
            time.sleep(seconds)
            messages = [Message(**message) for message in body["messages"]]
            ask = ask_teacher if body["model"] == "teacher" else ask_student
            self.paid[json.dumps([body["model"], body["messages"], body.get("seed")])] += 1
            return [ask(messages, body.get("seed", 0))]

        super().__init__(answer)

    def engines(self) -> dict[str, Any]:
        """Settings of a build that asks it."""
        where = {"engine": "endpoint", "base_url": self.url, "max_concurrency": 8}
        return {"student": where | {"model": "student"}, "teachers": {"teacher": where | {"model": "teacher"}}}


@pytest.fixture
def server() -> Iterator[Paid]:
    started = Paid(0.02)
    yield started
    started.close()


def build_here(runs: Path, problems: Path, **sections: Any) -> Path:
    """A local build; returns its folder."""
    settings = make_settings(runs, problems, **sections)
    asyncio.run(build(settings))
    return settings.run_dir


def read_rows(run: Path) -> list[dict[str, Any]]:
    return [
        row
        for file in sorted((run / "dataset").glob("*.parquet"))
        for row in pyarrow.parquet.read_table(file).to_pylist()
    ]


def test_gsm8k_is_built_as_locally_though_a_worker_is_killed(
    nodes: TwoNodes, tmp_path: Path, shared_data: Path
) -> None:
    source = str(shared_data / "gsm8k" / "example_model_solutions.jsonl")
    where = {"problems": {"path": source}, "student": {"path": source}, "audit": None}
    local = load_settings(ROOT / "configs" / "gsm8k_recorded.yaml", {"runs_dir": str(tmp_path / "local"), **where})
    asyncio.run(build(local))
    config = tmp_path / "config.yaml"
    settings = load_settings(ROOT / "configs" / "gsm8k_recorded.yaml", {"runs_dir": str(tmp_path / "scaled"), **where})
    config.write_text(json.dumps(settings.model_dump(mode="json")))

    driver = nodes.build(config, "--workers", "2", "--scale.part", "20", "--scale.parts_at_once", "2")
    driver.until(lambda: bool(worker_pids(settings.run_dir, "pairs", 40)))
    os.kill(worker_pids(settings.run_dir, "pairs", 40)[0], signal.SIGKILL)
    assert driver.end() == 0, driver.said
    assert digest(settings.run_dir) == digest(local.run_dir)
    assert ids(settings.run_dir) == ids(local.run_dir)
    assert not (settings.run_dir / "shards").exists()
    assert "ray" not in driver.said.lower(), "Ray itself says nothing"


def test_whatever_stops_a_run_nothing_is_paid_twice_and_any_build_finishes_it(
    nodes: TwoNodes, tmp_path: Path, server: Paid
) -> None:
    """The budget of all workers ends it, then Ctrl-C, SIGKILL of the keeper, of the driver; it is finished locally."""
    problems = write_problems(tmp_path / "problems.jsonl", 400)
    limit = 9000
    settings = make_settings(tmp_path / "scaled", problems, budget={"max_tokens": limit}, **server.engines())
    config = tmp_path / "scaled" / "config.yaml"
    run, more = settings.run_dir, ("--budget.max_tokens", "100000000")

    driver = nodes.build(config, "--workers", "2")
    assert driver.end() == 3, driver.said
    assert "budget.max_tokens" in driver.said
    assert "of 400 problems are done" in driver.said
    cache = CompletionCache(tmp_path / "scaled" / "completions.sqlite")
    spent = sum(paid.prompt_tokens + paid.completion_tokens for paid in cache.spent("run").values())
    cache.close()
    a_request, at_once = 11 + 7, 8  # of all workers together
    assert limit - 2 * at_once * a_request < spent <= limit + 4 * at_once * a_request
    assert set(server.paid.values()) == {1}

    before = server.asked
    driver = nodes.build(config, "--workers", "2", *more)
    driver.until(lambda: server.asked > before + 150)
    os.kill(driver.process.pid, signal.SIGINT)
    assert driver.end() == 3, driver.said
    assert "stopped by Ctrl-C" in driver.said
    assert psutil.wait_procs(ray_workers(), timeout=60)[1] == [], "workers and keeper are gone"
    assert set(server.paid.values()) == {1}, "what was under way was waited for"
    assert not (run / "shards").exists(), "what was done stands in the run's journals"

    before = server.asked
    driver = nodes.build(config, "--workers", "2", *more)
    driver.until(lambda: server.asked > before + 150)
    (keeper,) = [process for process in ray_workers() if "Keeper" in " ".join(process.cmdline())]
    keeper.kill()
    assert driver.end() == 3, driver.said
    assert psutil.wait_procs(ray_workers(), timeout=60)[1] == []

    before = server.asked
    driver = nodes.build(config, "--workers", "2", *more)
    driver.until(lambda: server.asked > before + 150)
    driver.kill()
    assert psutil.wait_procs(ray_workers(), timeout=60)[1] == []

    build_here(tmp_path / "scaled", problems, **server.engines())
    twice = sum(count - 1 for count in server.paid.values())
    assert twice <= 2 * 2 * 2 * at_once, "no more than two kills found under way, or on their way to the keeper"
    assert not (run / "shards").exists()
    reference = build_here(tmp_path / "local", problems, **server.engines())
    assert digest(run) == digest(reference)
    assert ids(run) == ids(reference)


def test_a_node_may_be_lost(nodes: TwoNodes, tmp_path: Path, server: Paid) -> None:
    problems = write_problems(tmp_path / "problems.jsonl", 400)
    settings = make_settings(tmp_path / "scaled", problems, **server.engines())
    nodes.tell("add")
    driver = nodes.build(
        tmp_path / "scaled" / "config.yaml", "--workers", "3", "--scale.cpus", "2", "--scale.part", "10"
    )
    driver.until(lambda: len(worker_pids(settings.run_dir)) == 3)
    nodes.tell("remove")
    assert driver.end() == 0, driver.said
    reference = build_here(tmp_path / "local", problems, **server.engines())
    assert digest(settings.run_dir) == digest(reference)
    assert ids(settings.run_dir) == ids(reference)


def test_a_problem_that_ends_its_worker_is_recorded_and_the_run_goes_on(nodes: TwoNodes, tmp_path: Path) -> None:
    problems = write_problems(tmp_path / "problems.jsonl", 40)
    student = {"engine": "scripted", "function": "tests.pipeline.scale.lesson:ask_poisoned"}
    settings = make_settings(tmp_path / "scaled", problems, student=student)
    driver = nodes.build(tmp_path / "scaled" / "config.yaml", "--workers", "2")
    assert driver.end() == 0, driver.said
    summary = json.loads((settings.run_dir / "summary.json").read_text())
    assert (summary["problems"], summary["attempts"], summary["failed"]) == (40, 160, 4)
    told = [json.loads(line) for line in (settings.run_dir / "unknown.jsonl").read_text().splitlines()]
    assert [(t["problem_id"], t["reason"]) for t in told if t["verdict"] == "failed"] == [("p9", LOST)] * 4
    reference = build_here(tmp_path / "local", problems)

    def texts(run: Path) -> list[Any]:
        return [(r["prompt"], r["chosen"], r["rejected"]) for r in read_rows(run) if r["problem_id"] != "p9"]

    assert texts(settings.run_dir) == texts(reference)


def test_a_worker_that_cannot_begin_ends_the_build_with_the_reason(
    nodes: TwoNodes, tmp_path: Path, server: Paid
) -> None:
    problems = write_problems(tmp_path / "problems.jsonl", 20)
    engines = server.engines()
    engines["student"]["api_key_env"] = "LESSON_KEY"
    make_settings(tmp_path / "key", problems, **engines | {"name": "run"})
    driver = nodes.build(tmp_path / "key" / "config.yaml", "--workers", "2", LESSON_KEY="secret")
    assert driver.end() == 2, driver.said
    assert "set the environment variable LESSON_KEY" in " ".join(driver.said.split())
    assert os.uname().nodename in driver.said

    make_settings(
        tmp_path / "dies", problems, student={"engine": "scripted", "function": "tests.pipeline.scale.fatal:ask"}
    )
    driver = nodes.build(tmp_path / "dies" / "config.yaml", "--workers", "1")
    assert driver.end() == 2, driver.said
    assert "died 3 times while it opened its engines" in " ".join(driver.said.split())


def test_a_worker_that_cannot_open_its_engines_is_done_without(nodes: TwoNodes, tmp_path: Path) -> None:
    problems = write_problems(tmp_path / "problems.jsonl", 200)
    student = {"engine": "scripted", "function": "tests.pipeline.scale.broken:ask"}
    settings = make_settings(tmp_path / "scaled", problems, student=student)
    driver = nodes.build(tmp_path / "scaled" / "config.yaml", "--workers", "2", "--scale.part", "10")
    assert driver.end() == 0, driver.said
    told = " ".join(driver.said.split())
    assert "goes on without a worker that cannot open its engines" in told
    assert "no GPU here" in told
    reference = build_here(tmp_path / "local", problems)
    assert ids(settings.run_dir) == ids(reference)


def test_a_worker_that_hangs_is_ended_and_its_parts_are_repeated(nodes: TwoNodes, tmp_path: Path, server: Paid) -> None:
    problems = write_problems(tmp_path / "problems.jsonl", 200)
    settings = make_settings(tmp_path / "scaled", problems, **server.engines())
    options = ("--workers", "2", "--scale.part", "10", "--scale.silence", "15")
    driver = nodes.build(tmp_path / "scaled" / "config.yaml", *options)
    driver.until(lambda: len(worker_pids(settings.run_dir)) == 2)
    hung = worker_pids(settings.run_dir)[0]
    os.kill(hung, signal.SIGSTOP)
    assert driver.end() == 0, driver.said
    assert not psutil.pid_exists(hung)
    assert f"its process ({hung}) is ended" in " ".join(driver.said.split())
    reference = build_here(tmp_path / "local", problems, **server.engines())
    assert digest(settings.run_dir) == digest(reference)
    assert ids(settings.run_dir) == ids(reference)


@pytest.mark.parametrize("times", [1, 2])
def test_ctrl_c_ends_a_build_whose_workers_hang(nodes: TwoNodes, tmp_path: Path, server: Paid, times: int) -> None:
    """Once they are given up; at once, for the second one."""
    problems = write_problems(tmp_path / "problems.jsonl", 200)
    settings = make_settings(tmp_path / "scaled", problems, **server.engines())
    driver = nodes.build(tmp_path / "scaled" / "config.yaml", "--workers", "2", "--scale.part", "10")
    driver.until(lambda: len(worker_pids(settings.run_dir)) == 2)
    for hung in worker_pids(settings.run_dir):
        os.kill(hung, signal.SIGSTOP)
    os.kill(driver.process.pid, signal.SIGINT)
    driver.until(lambda: "Ctrl-C: waiting" in driver.said)
    if times == 2:
        os.kill(driver.process.pid, signal.SIGINT)
    assert driver.end() == 3, driver.said
    assert "stopped by Ctrl-C" in driver.said
    assert psutil.wait_procs(ray_workers(), timeout=60)[1] == []
    reference = build_here(tmp_path / "local", problems, **server.engines())
    build_here(tmp_path / "scaled", problems, **server.engines())
    assert digest(settings.run_dir) == digest(reference)


def test_each_worker_has_its_vllm_and_none_outlives_the_build(
    nodes: TwoNodes, tmp_path: Path, student_dir: Path
) -> None:
    """Two real servers on two nodes; one of the workers is killed with its server under load."""
    python = ROOT / ".venv-vllm" / "bin" / "python"
    if not python.is_file():
        pytest.skip("no environment with vLLM: make vllm")
    student = {
        **{"engine": "vllm", "model": str(student_dir), "python": str(python), "max_concurrency": 16},
        **{"max_model_len": 256, "dtype": "float32", "extra_args": ["--enforce-eager"]},
        **{"environment": {"VLLM_CPU_KVCACHE_SPACE": "1"}},
    }
    problems = tmp_path / "problems.jsonl"
    with problems.open("w") as out:
        for number, story in enumerate(itertools.islice(world.stories("scale-test"), 160)):
            row = {"id": f"p{number}", "question": story.question, "answer": world.answer_of(world.solve(story))}
            out.write(json.dumps(row) + "\n")
    sections = {
        **{"student": student, "teachers": {}, "sample": {"n": 4, "params": {"max_tokens": 96}}, "pair": {}},
        **{"correct": {"rungs": ["own_correct"]}, "scale": {"workers": 2, "cpus": 2, "part": 10}},
    }
    settings = make_settings(tmp_path / "scaled", problems, **sections)
    driver = nodes.build(tmp_path / "scaled" / "config.yaml")
    driver.until(lambda: bool(worker_pids(settings.run_dir)))
    assert len({process.ppid() for process in nodes.servers()}) >= 2
    os.kill(worker_pids(settings.run_dir)[0], signal.SIGKILL)
    assert driver.end() == 0, driver.said
    assert psutil.wait_procs(nodes.servers(), timeout=60)[1] == []
    summary = json.loads((settings.run_dir / "summary.json").read_text())
    assert (summary["problems"], summary["attempts"], summary["failed"]) == (160, 640, 0)
    assert summary["correct"] > 60
