"""A run against a server that fails in every way: nothing is lost, nothing is paid twice, every count agrees."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest

import pipeline
from pipeline.errors import EngineUnusable, StoppedEarly
from pipeline.loading import load_settings
from pipeline.run import build
from pipeline.summary import Summary

FAULTS = ("rate_limit", "server_error", "timeout", "connection", "truncated", "no_choices", "html")
KEY = "sk-planted-3141592653589793"


def write_problems(path: Path, count: int) -> Path:
    rows = [
        {"question": f"What is {i} + {i}?", "answer": str(2 * i), "solution": f"#### {2 * i}"} for i in range(count)
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def answer(body: dict[str, Any]) -> list[str]:
    """Right for even numbers, wrong for odd ones."""
    number = int(re.findall(r"\d+", body["messages"][-1]["content"])[0])
    return [f"{number} + {number}\n#### {2 * number + number % 2}"]


def write_config(
    tmp_path: Path, url: str, *, count: int = 60, options: Mapping[str, Any] = MappingProxyType({}), **sections: Any
) -> Path:
    fast = {"retry_wait": 0.005, "breaker_pause": 0.02, "timeout": 10.0, "max_concurrency": 64}
    settings = {
        "name": "test",
        "runs_dir": str(tmp_path / "runs"),
        "problems": {"path": str(write_problems(tmp_path / "p.jsonl", count)), "rationale": "solution"},
        "student": {"engine": "endpoint", "base_url": url, "model": "m", **fast, **options},
        "sample": {"n": 1},
        "correct": {"rungs": ["reference"]},
        **sections,
    }
    file = tmp_path / "config.yaml"
    file.write_text(json.dumps(settings))
    return file


def run(tmp_path: Path, url: str, **options: Any) -> Summary:
    return asyncio.run(build(load_settings(write_config(tmp_path, url, **options))))


def test_2000_problems_against_faults_of_every_kind(tmp_path: Path, serve_faulty, monkeypatch, caplog) -> None:
    monkeypatch.setenv("PLANTED_KEY", KEY)
    server = serve_faulty(answer)
    options = {"api_key_env": "PLANTED_KEY", "max_retries": 3, "min_concurrency": 32}
    summary = run(tmp_path, server.url, count=2000, options=options)
    assert summary.attempts == 2000 == summary.correct + summary.wrong + summary.failed
    reasons = [json.loads(line)["reason"] for line in (tmp_path / "runs/test/unknown.jsonl").read_text().splitlines()]
    assert len(reasons) == summary.failed
    assert all("after 4 tries" in reason for reason in reasons)

    use, did = summary.usage["student"], server.did
    assert max(server.paid.values()) == 1, "no accepted completion is paid twice"
    assert use.requests == did.total()
    assert use.completions == did["answered"] == len(server.paid) == summary.correct + summary.wrong
    assert use.errors == {
        "rate_limit": did["rate_limit"],
        "server_error": did["server_error"],
        "timeout": did["timeout"],
        "connection": did["connection"],
        "malformed": did["truncated"] + did["no_choices"] + did["html"],
    }
    assert use.retries == did.total() - 2000
    assert (use.prompt_tokens, use.completion_tokens) == (11 * use.completions, 7 * use.completions)
    assert summary.kept == summary.wrong > 0

    server.one_in = 1 << 40
    again = run(tmp_path, server.url, count=2000, options=options)
    assert again.failed == 0
    assert again.usage["student"].requests == summary.failed, "the next run asks for what failed and nothing else"
    assert again.usage["student"].completions == 2000
    assert max(server.paid.values()) == 1
    for path in [*(tmp_path / "runs").rglob("*")]:
        assert path.is_dir() or KEY.encode() not in path.read_bytes(), path
    assert KEY not in caplog.text
    assert len(pipeline.load_run(tmp_path / "runs" / "test").attempts) == 2000


def test_a_wrong_key_stops_at_once_and_names_the_variable(tmp_path: Path, serve, monkeypatch) -> None:
    monkeypatch.setenv("PLANTED_KEY", KEY)
    server = serve(lambda body: (401, {"error": {"message": f"Incorrect API key provided: {KEY}"}}))
    with pytest.raises(EngineUnusable, match=r"student.*PLANTED_KEY") as caught:
        run(tmp_path, server.url, count=2000, options={"api_key_env": "PLANTED_KEY", "max_concurrency": 16})
    assert len(server.bodies) <= 16
    assert KEY not in str(caught.value)
    for path in [*(tmp_path / "runs").rglob("*")]:
        assert path.is_dir() or KEY.encode() not in path.read_bytes(), path


def test_a_server_that_speaks_html_is_found_out_before_all_problems_are_asked(tmp_path: Path, serve) -> None:
    server = serve(lambda body: (200, "<html>Welcome</html>"))
    with pytest.raises(EngineUnusable, match="base_url"):
        run(tmp_path, server.url, count=500)
    assert len(server.bodies) < 100


def test_a_context_that_is_too_long_fails_its_row_alone(tmp_path: Path, serve) -> None:
    def limited(body: dict[str, Any]) -> Any:
        if " 7 +" in body["messages"][-1]["content"]:
            return 400, {"error": {"message": "maximum context length is 10 tokens", "code": "context_length_exceeded"}}
        return answer(body)

    server = serve(limited)
    summary = run(tmp_path, server.url)
    assert (summary.failed, summary.attempts) == (1, 60)
    assert len(server.bodies) == 60, "a refused request is not repeated"
    assert "maximum context length" in (tmp_path / "runs/test/unknown.jsonl").read_text()


def test_settings_that_no_request_can_pass_stop_the_run_early(tmp_path: Path, serve) -> None:
    server = serve(lambda body: (400, {"error": {"message": "temperature is not supported"}}))
    with pytest.raises(EngineUnusable, match="refused each of the first 20 requests: HTTP 400: temperature is not"):
        run(tmp_path, server.url, count=500)
    assert len(server.bodies) < 100


def test_an_account_without_credit_stops_resumably(tmp_path: Path, serve) -> None:
    credit = iter([True] * 30)

    def poor(body: dict[str, Any]) -> Any:
        return answer(body) if next(credit, False) else (402, {"error": {"message": "Insufficient Balance"}})

    server = serve(poor)
    with pytest.raises(StoppedEarly, match=r"out of credit.*of 60 problems are done"):
        run(tmp_path, server.url, options={"max_concurrency": 4})
    server.answer = answer
    assert run(tmp_path, server.url).usage["student"].completions == 60
    texts = [json.dumps(body["messages"]) for body in server.bodies]
    assert len(texts) - len(set(texts)) <= 4, "what was answered before is not asked again"


def test_a_server_that_goes_away_and_comes_back_is_waited_for(tmp_path: Path, serve) -> None:
    count = iter(range(10_000))

    def broken_for_a_while(body: dict[str, Any]) -> Any:
        return (500, {"error": {"message": "down"}}) if 20 <= next(count) < 50 else answer(body)

    server = serve(broken_for_a_while)
    options = {"breaker_failures": 5, "max_retries": 40, "max_concurrency": 8}
    assert run(tmp_path, server.url, options=options).failed == 0


def test_an_outage_beyond_the_limit_stops_resumably(tmp_path: Path, serve) -> None:
    count = iter(range(10_000))
    server = serve(lambda body: answer(body) if next(count) < 20 else (500, {"error": {"message": "down for good"}}))
    options = {"breaker_failures": 5, "max_retries": 1000, "max_concurrency": 8, "outage": 0.1}
    with pytest.raises(StoppedEarly, match="down for good"):
        run(tmp_path, server.url, options=options)
    assert len(server.bodies) < 200


def test_a_server_that_refuses_n_does_not_end_the_run(tmp_path: Path, serve) -> None:
    server = serve(lambda body: (400, {"error": {"message": "n must be 1"}}) if "n" in body else answer(body))
    summary = run(tmp_path, server.url, options={"omit": ["seed"]}, sample={"n": 4})
    assert (summary.attempts, summary.failed) == (240, 0)


@pytest.mark.parametrize("status", [403, 404])
def test_one_question_that_is_refused_does_not_end_the_run(tmp_path: Path, serve, status: int) -> None:
    """403 is what some say of a text that their moderation dislikes, 404 of a provider that is gone for a moment."""
    count = iter(range(1000))
    refused = status, {"error": {"message": "flagged"}}
    server = serve(lambda body: refused if next(count) == 30 else answer(body))
    summary = run(tmp_path, server.url, options={"max_concurrency": 4})
    assert (summary.attempts, summary.failed) == (60, 1)


@pytest.mark.parametrize(
    "body", [{"error": f"Incorrect API key: {KEY}"}, f"<html>{'.' * 60}{KEY}</html>", "x" * 490 + KEY]
)
def test_a_key_that_a_reply_quotes_is_struck_out_wherever_it_stands(
    tmp_path: Path, serve, monkeypatch, body: Any
) -> None:
    monkeypatch.setenv("PLANTED_KEY", KEY)
    count = iter(range(1000))
    status = 400 if isinstance(body, str) and body.startswith("x") else 200
    told = {"error": {"message": body}} if status == 400 else body
    server = serve(lambda sent: (status, told) if next(count) % 5 == 4 else answer(sent))
    run(tmp_path, server.url, options={"api_key_env": "PLANTED_KEY", "max_retries": 0, "max_concurrency": 4})
    for path in [*(tmp_path / "runs").rglob("*")]:
        assert path.is_dir() or KEY[:14].encode() not in path.read_bytes(), path


def test_a_server_that_only_keeps_the_line_open_runs_into_the_time_limit(tmp_path: Path, serve_faulty) -> None:
    server = serve_faulty(answer, faults=("drip",))
    summary = run(tmp_path, server.url, count=10, options={"timeout": 4.0, "max_retries": 0, "breaker_failures": 100})
    assert summary.usage["student"].errors == {"timeout": server.did["drip"]}
    assert summary.failed == server.did["drip"] > 0


def test_student_teacher_and_pool_meet_faults_with_several_samples_a_request(tmp_path: Path, serve_faulty) -> None:
    def teach(body: dict[str, Any]) -> list[str]:
        number = int(re.findall(r"What is (\d+)", body["messages"][-1]["content"])[0])
        return [f"<solution>\nSo:\n#### {2 * number}\n</solution>"]

    faults = tuple(fault for fault in FAULTS if fault != "timeout")
    student = serve_faulty(lambda body: answer(body) * body.get("n", 1), faults=faults)
    direct, routed = serve_faulty(teach, one_in=2, faults=faults), serve_faulty(teach, faults=faults)
    fast = {"model": "m", "retry_wait": 0.005, "breaker_pause": 0.02, "max_retries": 1, "breaker_failures": 3}
    pool = {"engine": "pool", "endpoints": {n: {"base_url": s.url, **fast} for n, s in (("a", direct), ("b", routed))}}
    summary = run(
        tmp_path,
        student.url,
        count=200,
        options={"omit": ["seed"], "max_retries": 8},
        sample={"n": 3},
        teachers={"pool": pool},
        correct={"rungs": [{"rung": "gold_guided", "teacher": "pool"}]},
        pair={"max_per_problem": 1},
    )
    assert (summary.attempts, summary.failed) == (600, 0)
    assert max(student.paid.values()) == 1
    for name, server in (("student", student), ("pool/a", direct), ("pool/b", routed)):
        assert summary.usage[name].requests == server.did.total(), name
        assert summary.usage[name].errors.get("rate_limit", 0) == server.did["rate_limit"], name
    assert summary.usage["pool/a"].completions == direct.did["answered"]
    assert summary.usage["pool/b"].completions == routed.did["answered"] > 0
    paid = direct.paid + routed.paid
    assert max(paid.values()) == 1, "no correction is paid twice, not even by two members"
    assert summary.kept + summary.dropped.get("uncorrected", 0) == 100


def test_ctrl_c_lets_what_is_under_way_come_in_so_that_nothing_is_paid_twice(tmp_path: Path, serve) -> None:
    some_asked, stopped = threading.Event(), threading.Event()

    def hold_the_later_ones(body: dict[str, Any]) -> list[str]:
        if len(server.bodies) > 30:
            some_asked.set()
            assert stopped.wait(60)
        return answer(body)

    server = serve(hold_the_later_ones)
    file = write_config(tmp_path, server.url, options={"max_concurrency": 4, "timeout": 120})
    command = [sys.executable, "-m", "errata", "build", str(file)]
    env = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    with subprocess.Popen(command, env=env, stderr=subprocess.PIPE, preexec_fn=heed_ctrl_c) as building:
        assert building.stderr is not None
        assert some_asked.wait(60)
        building.send_signal(signal.SIGINT)
        assert any(b"requests under way" in line for line in building.stderr)  # read up to there, no further
        stopped.set()
        told = building.stderr.read().decode()
    assert building.returncode == 3
    assert "stopped by Ctrl-C" in told
    assert 31 <= len(server.bodies) <= 34, "those that were under way, and no other"
    assert run(tmp_path, server.url).usage["student"].completions == 60
    assert len(server.bodies) == 60, "each was asked once"


def heed_ctrl_c() -> None:
    """A process started in the background of a shell ignores Ctrl-C, and so would its child."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
