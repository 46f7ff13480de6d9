"""What a run may spend: the limit holds under concurrency, over calls, and nothing paid is lost."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from pipeline.budget import Budget, BudgetSettings
from pipeline.errors import ConfigError, EngineUnusable, StoppedEarly
from pipeline.loading import load_settings
from pipeline.run import build
from pipeline.summary import Summary

PRICE = (11 * 1.0 + 7 * 2.0) / 1e6
"""Of one text of the test server."""


def run(tmp_path: Path, url: str, **sections: Any) -> Summary:
    rows = [{"question": f"q{i}", "answer": "4", "solution": "#### 4"} for i in range(100)]
    (tmp_path / "p.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    prices = {"input_price": 1.0, "output_price": 2.0}
    settings = {
        "name": "test",
        "runs_dir": str(tmp_path / "runs"),
        "problems": {"path": str(tmp_path / "p.jsonl"), "rationale": "solution"},
        "student": {"engine": "endpoint", "base_url": url, "model": "m", "max_concurrency": 16, **prices},
        "sample": {"n": 1, "params": {"max_tokens": 7}},
        "correct": {"rungs": ["reference"]},
        **sections,
    }
    file = tmp_path / "config.yaml"
    file.write_text(json.dumps(settings))
    return asyncio.run(build(load_settings(file)))


@pytest.mark.parametrize(("budget", "texts"), [({"max_cost": 40.5 * PRICE}, 40), ({"max_tokens": 18 * 40 + 9}, 40)])
def test_the_run_stops_at_the_limit_and_goes_on_when_it_is_raised(
    tmp_path: Path, serve, budget: dict[str, float], texts: int
) -> None:
    server = serve(lambda body: ["#### 4"])
    name = next(iter(budget))
    with pytest.raises(StoppedEarly, match=f"budget.{name}.*of 100 problems are done"):
        run(tmp_path, server.url, budget=budget)
    assert len(server.bodies) == texts, "not one request beyond the limit, with 16 in flight"
    with pytest.raises(StoppedEarly):
        run(tmp_path, server.url, budget=budget)
    assert len(server.bodies) == texts, "the limit is the run's, not the call's"
    whole = run(tmp_path, server.url, budget={name: budget[name] * 3})
    assert len(server.bodies) == 100 == whole.usage["student"].completions
    assert whole.usage["student"].cost == pytest.approx(100 * PRICE)
    assert whole.attempts == 100


def test_a_sibling_run_pays_only_what_is_new(tmp_path: Path, serve) -> None:
    server = serve(lambda body: ["#### 4"])
    run(tmp_path, server.url)
    sibling = run(tmp_path, server.url, name="sibling", sample={"n": 2, "params": {"max_tokens": 7}})
    use = sibling.usage["student"]
    assert (use.from_cache, use.completions, use.requests) == (100, 100, 100)
    assert use.cost == pytest.approx(100 * PRICE)
    third = run(tmp_path, server.url, name="third", grade={"false_negative_rate": 0.02})
    assert third.usage["student"].requests == 0
    changed = run(tmp_path, server.url, name="fourth", sample={"n": 1, "params": {"max_tokens": 8}})
    assert changed.usage["student"].from_cache == 0


def test_a_cost_limit_needs_prices(tmp_path: Path, serve) -> None:
    student = {"engine": "endpoint", "base_url": "http://127.0.0.1:1/v1", "model": "m"}
    with pytest.raises(ConfigError, match="student has no input_price"):
        run(tmp_path, "", student=student, budget={"max_cost": 1})


def test_requests_whose_guess_passes_the_limit_wait_for_those_under_way() -> None:
    async def work() -> list[str]:
        budget = Budget(BudgetSettings(max_tokens=100))
        order: list[str] = []

        async def request(name: str, guess: int, true: int) -> None:
            async with budget.hold(lambda: (0.0, guess)):
                order.append(name)
                await asyncio.sleep(0)
                budget.spend(None, true)

        await asyncio.gather(request("a", 80, 10), request("b", 80, 10), request("c", 80, 10))
        with pytest.raises(StoppedEarly):
            await request("d", 80, 10)
        await request("e", 70, 70)
        assert budget.tokens == 100
        return order

    assert asyncio.run(work()) == ["a", "b", "c", "e"]


def test_prices_that_come_later_count_what_was_paid_before(tmp_path: Path, serve) -> None:
    server = serve(lambda body: ["#### 4"])
    student = {"engine": "endpoint", "base_url": server.url, "model": "m", "max_concurrency": 4}
    run(tmp_path, server.url, student=student, problems=first(tmp_path, 50))
    with pytest.raises(StoppedEarly):
        run(tmp_path, server.url, budget={"max_cost": 60.5 * PRICE})
    assert len(server.bodies) == 60


def test_another_name_for_a_teacher_does_not_renew_the_budget(tmp_path: Path, serve) -> None:
    wrong, teacher = serve(lambda body: ["#### 5"]), serve(lambda body: ["<solution>\n#### 4\n</solution>"])

    def sections(name: str) -> dict[str, Any]:
        endpoint = {"engine": "endpoint", "base_url": teacher.url, "model": name}
        rung = {"rung": "gold_guided", "teacher": name}
        return {"teachers": {name: endpoint}, "correct": {"rungs": [rung]}, "problems": first(tmp_path, 10)}

    run(tmp_path, wrong.url, **sections("one"))
    with pytest.raises(StoppedEarly):
        run(tmp_path, wrong.url, **sections("other"), budget={"max_tokens": 20 * 18})
    assert len(teacher.bodies) == 10


def test_a_server_that_reports_no_usage_cannot_be_kept_to_a_budget(tmp_path: Path, serve) -> None:
    choices = [{"index": 0, "message": {"role": "assistant", "content": "#### 4"}, "finish_reason": "stop"}]
    server = serve(lambda body: (200, {"choices": choices}))
    with pytest.raises(EngineUnusable, match="student reports no usage"):
        run(tmp_path, server.url, budget={"max_tokens": 1000})
    assert len(server.bodies) <= 50
    assert run(tmp_path, server.url).correct == 100


def test_a_useless_reply_that_was_paid_counts(tmp_path: Path, serve) -> None:
    usage = {"prompt_tokens": 11, "completion_tokens": 7}
    empty = {"choices": [{"index": 0, "message": {"content": None}, "finish_reason": "stop"}], "usage": usage}
    count = iter(range(10_000))
    server = serve(lambda body: (200, empty) if next(count) % 10 == 5 else ["#### 4"])
    options = {"engine": "endpoint", "base_url": server.url, "model": "m", "retry_wait": 0.01}
    summary = run(tmp_path, server.url, student={**options, "input_price": 1.0, "output_price": 2.0})
    use = summary.usage["student"]
    assert use.completions == 100
    assert use.errors["malformed"] > 5
    assert use.cost == pytest.approx(len(server.bodies) * PRICE)


def first(tmp_path: Path, count: int) -> dict[str, Any]:
    return {"path": str(tmp_path / "p.jsonl"), "rationale": "solution", "limit": count}
