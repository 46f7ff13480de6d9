"""Runs whose checker asks a model: resumed, interrupted, failing and recovering, paid once, counted from records."""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path
from typing import Any

import pytest

import pipeline
from errata.cli import main
from pipeline.compare import outcome_of
from pipeline.errors import ConfigError, EngineUnusable, StoppedEarly
from pipeline.evaluate import evaluate
from pipeline.journal import scan_journal
from pipeline.loading import load_settings
from pipeline.run import build
from pipeline.stages import Progress
from pipeline.summary import Summary
from pipeline.types import Attempt, Correction

PRICES = {"input_price": 1.0, "output_price": 2.0}
ROWS = 12


def judge(body: dict[str, Any]) -> list[str]:
    """Calls the answer to every third question right, those to every fifth it cannot tell."""
    number = int(re.findall(r"What is (\d+)", body["messages"][-1]["content"])[0])
    verdict = "correct" if number % 3 == 0 else "unsure" if number % 5 == 0 else "wrong"
    return [json.dumps({"reason": "so it is", "answer": "1000", "verdict": verdict})]


def write_config(tmp_path: Path, url: str, *, checker: Any = None, engine: Any = None, **sections: Any) -> Path:
    rows = [{"question": f"What is {i} + {i}?", "answer": str(2 * i), "solution": f"#### {2 * i}"} for i in range(ROWS)]
    (tmp_path / "p.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    asked = {"engine": "endpoint", "base_url": url, "model": "m", "retry_wait": 0.001, **PRICES, **(engine or {})}
    settings = {
        "name": "test",
        "runs_dir": str(tmp_path / "runs"),
        "problems": {"path": str(tmp_path / "p.jsonl"), "rationale": "solution"},
        "student": {"engine": "scripted", "replies": ["#### 1000", "#### 4", "no idea"]},
        "sample": {"n": 3},
        "checker": {
            "checker": "chain",
            "first": "numeric",
            "second": {"checker": "judge", "engine": asked},
            **(checker or {}),
        },
        "correct": {"rungs": ["reference"]},
        **sections,
    }
    file = tmp_path / "config.yaml"
    file.write_text(json.dumps(settings))
    return file


def run(file: Path, progress: Progress | None = None) -> Summary:
    settings = load_settings(file)
    return asyncio.run(build(settings, progress) if progress else build(settings))


def test_agreement_is_counted_and_nothing_is_judged_twice(tmp_path: Path, serve) -> None:
    server = serve(judge)
    file = write_config(tmp_path, server.url)
    first = run(file)
    assert first.second_opinions == {
        "wrong": {"correct": 8, "wrong": 11, "unknown": 4},
        "unknown": {"correct": 4, "wrong": 6, "unknown": 2},
    }
    assert (first.correct, first.wrong, first.unknown, first.failed) == (1 + 4, 11 + 6 + 4, 8 + 2, 0)
    rate = first.false_negative_rate
    assert (rate.source, rate.n, rate.value) == ("measured", 8 + 4 + 1, round(8 / 13, 4))
    assert first.rejected_contamination == pytest.approx((12 / 99 + 4 * 8 / 19) / 21, abs=1e-4)
    assert len(server.bodies) == 2 * (23 + 12), "every doubtful text in both orders"
    assert first.usage["judge"].completions == 70
    assert first.usage["judge"].cost == pytest.approx(70 * 25 / 1e6)
    card = (tmp_path / "runs" / "test" / "dataset" / "README.md").read_text()
    assert "Called wrong by the first checker; by the second: correct 8, wrong 11, unknown 4." in card

    again = run(file)
    assert len(server.bodies) == 70
    assert again.second_opinions == first.second_opinions, "from the records: nobody was asked in this call"
    assert again.usage["judge"].from_cache == 0
    assert again.false_negative_rate == first.false_negative_rate
    attempts = [attempt for _, attempt in scan_journal(tmp_path / "runs/test/attempts.jsonl", Attempt)]
    assert len(attempts) == 36
    assert "opinions" in pipeline.load_run(tmp_path / "runs" / "test").attempts


def test_the_rate_may_be_configured(tmp_path: Path, serve) -> None:
    summary = run(write_config(tmp_path, serve(judge).url, grade={"false_negative_rate": 0.0}))
    assert summary.false_negative_rate.model_dump(exclude_defaults=True) == {"value": 0.0, "source": "configured"}
    assert summary.rejected_contamination == 0
    plain = run(write_config(tmp_path, "http://127.0.0.1:9/v1", checker={"second": "exact", "ask_on": ["unknown"]}))
    assert (plain.false_negative_rate.source, plain.false_negative_rate.value) == ("assumed", 0.01)


def test_a_judge_that_fails_leaves_failures_which_the_next_run_mends(tmp_path: Path, serve) -> None:
    broken = True

    def answer(body: dict[str, Any]) -> Any:
        if broken and "What is 7 " in body["messages"][-1]["content"]:
            return 400, {"error": {"message": "flagged"}}
        return judge(body)

    server = serve(answer)
    file = write_config(tmp_path, server.url)
    first = run(file)
    assert first.failed == 3
    assert first.attempts == 36 == first.correct + first.wrong + first.unknown + first.failed
    told = [json.loads(line) for line in (tmp_path / "runs/test/unknown.jsonl").read_text().splitlines()]
    failed = [line for line in told if line["verdict"] == "failed"]
    assert len(failed) == 3
    assert all(re.match(r"could not be graded: judge: .*flagged", line["reason"]) for line in failed)
    kept = [a for _, a in scan_journal(tmp_path / "runs/test/attempts.jsonl", Attempt) if a.failure]
    assert all(attempt.completion is not None and attempt.grade is None for attempt in kept)
    paid = first.usage["judge"].completions

    broken = False
    second = run(file)
    assert second.failed == 0
    assert second.usage["judge"].completions == paid + 6
    assert second.usage["judge"].requests == 6, "what was judged before is not asked again"
    assert second.usage["student"].completions == 36
    assert second.second_opinions["wrong"] == {"correct": 8, "wrong": 11, "unknown": 4}


def test_a_judge_that_always_fails_is_named(tmp_path: Path, serve) -> None:
    server = serve(lambda body: (400, {"error": {"message": "flagged"}}))
    file = write_config(tmp_path, server.url, sample={"n": 1})
    with pytest.raises(StoppedEarly, match=r"checker: all 12 requests failed, the first: .*judge: .*flagged"):
        run(file)


def test_a_judge_with_a_wrong_key_ends_the_run_and_is_named(tmp_path: Path, serve) -> None:
    server = serve(lambda body: (401, {"error": {"message": "no"}}))
    with pytest.raises(EngineUnusable, match="judge"):
        run(write_config(tmp_path, server.url))


def test_a_correction_that_could_not_be_judged_is_a_failure_too(tmp_path: Path, serve) -> None:
    def answer(body: dict[str, Any]) -> Any:
        if "beyond numbers" in body["messages"][-1]["content"]:
            return 400, {"error": {"message": "flagged"}}
        return judge(body)

    file = write_config(tmp_path, serve(answer).url)
    rows = [json.loads(line) for line in (tmp_path / "p.jsonl").read_text().splitlines()]
    odd = [{**row, "solution": "beyond numbers"} for row in rows]
    (tmp_path / "p.jsonl").write_text("".join(json.dumps(row) + "\n" for row in odd))
    summary = run(file)
    tries = [c for _, c in scan_journal(tmp_path / "runs/test/corrections.jsonl", Correction)]
    assert tries
    assert all(c.grade is None and c.failure and "could not be graded" in c.failure for c in tries)
    assert {outcome_of(c) for c in tries} == {"failed"}
    assert summary.dropped["uncorrected"] > 0
    assert summary.kept == 0


def test_an_interrupted_run_judges_the_rest_alone(tmp_path: Path, serve) -> None:
    server = serve(judge)

    class Interrupt(Progress):
        def __call__(self, stage: str, done: int, total: int) -> None:
            if done >= 4:
                raise KeyboardInterrupt

    file = write_config(tmp_path, server.url, concurrency=2)
    with pytest.raises(KeyboardInterrupt):
        run(file, Interrupt())
    assert 0 < len(server.bodies) < 70
    summary = run(file)
    assert len({json.dumps(body) for body in server.bodies}) == 70
    assert len(server.bodies) <= 70 + 2 * 3 * 2, "at most what was under way is asked again"
    assert summary.second_opinions["wrong"] == {"correct": 8, "wrong": 11, "unknown": 4}


def test_the_budget_holds_for_the_judge(tmp_path: Path, serve) -> None:
    server = serve(judge)
    asked = {"engine": "endpoint", "base_url": server.url, "model": "m"}
    checker = {"second": {"checker": "judge", "engine": asked, "params": {"max_tokens": 7}}}
    with pytest.raises(StoppedEarly, match=r"budget\.max_tokens"):
        run(write_config(tmp_path, server.url, checker=checker, budget={"max_tokens": 18 * 65}))
    assert 0 < len(server.bodies) <= 65
    summary = run(write_config(tmp_path, server.url, checker=checker))
    assert (summary.failed, len(server.bodies)) == (0, 70)


def test_another_judge_or_prompt_makes_new_records(tmp_path: Path, serve) -> None:
    server = serve(judge)
    before = run(write_config(tmp_path, server.url)).settings
    assert run(write_config(tmp_path, server.url, engine={"max_retries": 1, "input_price": 3.0})).settings == before
    assert run(write_config(tmp_path, server.url, engine={"model": "m2"})).settings != before
    (tmp_path / "prompts").mkdir()
    prompt = "{{ mark }} {{ order }} {{ question }} {{ response }} {{ answer }}"
    (tmp_path / "prompts" / "judge.jinja").write_text(prompt)
    other = run(write_config(tmp_path, server.url, prompts=str(tmp_path / "prompts")))
    assert other.settings != before
    assert prompt.count("{{") == 5
    assert any(body["messages"][-1]["content"].startswith("=") for body in server.bodies)


def test_journals_without_opinions_load(tmp_path: Path) -> None:
    grade = {"verdict": "wrong", "extracted": "1", "reason": "another number", "score": None}
    attempt = {
        "id": "a", "problem_id": "p", "index": 0, "engine": "student", "settings": "s",
        "completion": {"text": "1"}, "grade": grade, "failure": None,
    }  # fmt: skip
    (tmp_path / "attempts.jsonl").write_text(json.dumps(attempt) + "\n")
    ((_, loaded),) = scan_journal(tmp_path / "attempts.jsonl", Attempt)
    assert loaded.grade is not None
    assert loaded.grade.opinions == ()


BAD = {
    "a teacher of the judge's name": (
        {"teachers": {"judge": {"engine": "scripted", "replies": ["x"]}}},
        "the name 'judge' is taken",
    ),
    "no price": ({"budget": {"max_cost": 1.0}, "engine": {"input_price": None}}, "max_cost: judge has no input_price"),
    "no key": ({"engine": {"api_key_env": "NOT_SET"}}, "judge: endpoint .*set the environment variable NOT_SET"),
    "a wrong key of the judge's engine": (
        {"engine": {"modell": "m"}},
        r"config\.yaml:.*: checker\.second\.engine\.modell: unknown key 'modell'; did you mean 'model'",
    ),
    "an unknown checker in the chain": ({"checker": {"first": "maths"}}, "checker.first: unknown checker 'maths'; did"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_settings_are_told_before_anything_is_asked(tmp_path: Path, case: str) -> None:
    sections, told = BAD[case]
    with pytest.raises(ConfigError, match=told):
        load_settings(write_config(tmp_path, "http://127.0.0.1:9/v1", **sections)).check()
    assert not (tmp_path / "runs").exists()


def test_the_gold_answers_are_checked_without_a_request(tmp_path: Path, serve, capsys) -> None:
    server = serve(judge)
    only = {"checker": {"checker": "judge", "engine": {"engine": "endpoint", "base_url": server.url, "model": "m"}}}
    file = write_config(tmp_path, server.url)
    file.write_text(json.dumps({**json.loads(file.read_text()), **only}))
    assert main(["build", str(file), "--check", "--data"]) == 0
    assert "12 problems" in capsys.readouterr().out
    assert server.bodies == []
    assert not (tmp_path / "runs").exists()


def test_the_forecast_prices_the_judge_and_the_probe_asks_it(tmp_path: Path, serve, capsys) -> None:
    server = serve(judge)
    file = write_config(tmp_path, server.url)
    for sampled in (12, 6):  # the second time from the cache
        assert main(["build", str(file), "--dry-run", "--dry-run-problems", str(sampled), "--json"]) == 0
        told = json.loads(capsys.readouterr().out)["engines"]["judge"]
        assert told["texts"] == 70 or sampled < 12
        assert told["texts"] > 0
        assert told["cost"] == pytest.approx(told["texts"] * 25 / 1e6)
    assert len(server.bodies) == 70
    assert main(["build", str(file), "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert len(server.bodies) == 70
    assert main(["build", str(file)]) == 0
    table = capsys.readouterr().out
    assert re.search(r"second opinion on wrong +│ +23 │ correct 8, wrong 11, unknown 4", table)
    assert re.search(r"false negatives +│ +61\.5% │ \(.* of 13 ", table)
    assert shown["second_opinions"]["wrong"]["correct"] == 8

    server.answer = lambda body: ["42"] * body.get("n", 1)
    assert main(["teachers", str(file), "--json"]) == 0
    probes = {found["name"]: found for found in json.loads(capsys.readouterr().out)}
    assert probes["judge"]["usable"]
    assert probes["judge"]["model"] == "m"


def test_an_evaluation_is_judged_and_its_failures_are_counted(tmp_path: Path, serve) -> None:
    def answer(body: dict[str, Any]) -> Any:
        return (400, {"error": {"message": "flagged"}}) if "What is 107 " in str(body) else judge(body)

    server = serve(answer)
    held_out = [{"question": f"What is {i} + {i}?", "answer": str(2 * i)} for i in range(100, 110)]
    (tmp_path / "test.jsonl").write_text("".join(json.dumps(row) + "\n" for row in held_out))
    section = {
        "problems": {"path": str(tmp_path / "test.jsonl")},
        "samples": 2,
        "after": {"engine": "scripted", "replies": ["#### 204", "#### 214"]},
    }
    settings = load_settings(write_config(tmp_path, server.url, evaluate=section))
    told = asyncio.run(evaluate(settings, "unused"))
    scores = told.held_out.scores
    assert scores["before"].failed == scores["after"].failed == 1
    assert scores["before"].unknown == 1 + 3, "102, 105 and 108 are called wrong by one and right by the other"
    assert scores["after"].correct == 1
    asked = len(server.bodies)
    refused = sum("What is 107 " in str(body) for body in server.bodies)
    assert asyncio.run(evaluate(settings, "unused")) == told
    assert len(server.bodies) == asked + refused, "only what failed is asked again"
