"""Every mistake of four real models on GSM8K goes to a teacher over HTTP that fails in planted ways: all adds up."""

from __future__ import annotations

import asyncio
import json
import zlib
from collections import Counter
from pathlib import Path
from typing import Any

import pipeline
from pipeline.loading import load_settings
from pipeline.run import build
from pipeline.types import content_id

ROOT = Path(__file__).parents[2]
LEAKS = (
    "The given answer is {gold}, so the reasoning is as follows.\n{steps}",
    "The student's mistake was a slip.\n{steps}",
    "{steps}\nThis matches the expected answer.",
)


class Teacher:
    """Replies with the data set's rationale; one reply in twenty per fault and part of a fault."""

    def __init__(self, source: Path) -> None:
        rows = [json.loads(line) for line in source.read_text().splitlines()]
        self.rationales = {row["question"].strip(): row["ground_truth"] for row in rows}
        self.asked: Counter[str] = Counter()

    def fault(self, attempt: str) -> str:
        draw = zlib.crc32(attempt.strip().encode()) % 20
        return {0: "wrong", 1: "wrong", 2: "leak", 3: "leak", 4: "malformed", 5: "attempt_right"}.get(draw, "none")

    def answer(self, body: dict[str, Any]) -> list[str]:
        shown = body["messages"][0]["content"]
        question = shown.split("Problem:\n", 1)[1].split("\n\nAttempt:\n", 1)[0]
        attempt = shown.split("\n\nAttempt:\n", 1)[1].split("\n\nHow to write", 1)[0]
        fault = self.fault(attempt)
        self.asked[fault] += 1
        steps, _, gold = self.rationales[question.strip()].rpartition("\nA: ")
        if fault == "wrong":
            return [f"<diagnosis>d</diagnosis><solution>{steps}\nA: {int(gold.replace(',', '')) + 1}</solution>"]
        if fault == "leak":
            leak = LEAKS[len(attempt) % len(LEAKS)].format(gold=gold, steps=steps)
            return [f"<diagnosis>d</diagnosis><solution>{leak}\nA: {gold}</solution>"]
        if fault == "malformed" and (len(body["messages"]) == 1 or len(attempt) % 2):
            return [f"<solution>{steps}\nA: {gold}"]  # every second one is mended when asked again
        if fault == "attempt_right":
            return ["<attempt_right>every step holds</attempt_right>"]
        return [f"<diagnosis>a slip</diagnosis>\n<solution>\n{steps}\nA: {gold}\n</solution>"]


def test_every_planted_fault_is_caught_and_the_account_adds_up(tmp_path: Path, shared_data: Path, serve) -> None:
    source = shared_data / "gsm8k" / "example_model_solutions.jsonl"
    teacher = Teacher(source)
    server = serve(teacher.answer)
    endpoint = {"engine": "endpoint", "base_url": server.url, "model": "m", "input_price": 1.0, "output_price": 2.0}
    overrides = {
        "runs_dir": str(tmp_path),
        "problems": {"path": str(source)},
        "student": {"path": str(source)},
        "teachers": {"teacher": endpoint},
        "correct": {"rungs": [{"rung": "revise", "teacher": "teacher"}]},
    }
    settings = load_settings(ROOT / "configs" / "gsm8k_recorded.yaml", overrides)
    summary = asyncio.run(build(settings))
    loaded = pipeline.load_run(tmp_path / "gsm8k_recorded")

    # 3,275 attempts are wrong by their labels: those that the checker calls unknown have no pair, all others one
    assert summary.attempts - summary.correct == 3275
    assert summary.wrong + summary.unknown == 3275
    assert summary.mistakes == summary.wrong == len(loaded.pairs) == summary.kept + sum(summary.dropped.values())

    attempts = {content_id("mistake", row.id): row.text for row in loaded.attempts.itertuples()}
    told = Counter[tuple[str, str]]()
    for correction in loaded.corrections.itertuples():
        told[teacher.fault(attempts[correction.mistake_id]), outcome(correction)] += 1
    assert {key: n for key, n in told.items() if key[0] != "none"} == {
        ("wrong", "wrong"): told["wrong", "wrong"],
        ("leak", "allusion"): told["leak", "allusion"],
        ("malformed", "unreadable"): told["malformed", "unreadable"],
        ("malformed", "won"): told["malformed", "won"],
        ("attempt_right", "attempt_right"): summary.objections["attempt_right"],
    }
    assert min(told[key] for key in told if key[0] != "none") > 20
    assert told["none", "won"] + told["malformed", "won"] == summary.corrections["revise"]
    assert told["none", "won"] > 0.99 * sum(n for (fault, _), n in told.items() if fault == "none")
    assert summary.repaired == told["malformed", "won"] + told["malformed", "unreadable"]

    lost = {"uncorrected", "attempt_right", "repeated_mistake", "format", "identical_text", "gold_first"}
    assert set(summary.dropped) <= lost
    assert summary.dropped["attempt_right"] == summary.objections["attempt_right"]
    objections = (tmp_path / "gsm8k_recorded" / "objections.jsonl").read_text().splitlines()
    assert len(objections) == summary.objections["attempt_right"]
    assert (
        summary.kept + summary.dropped.get("format", 0) + summary.dropped.get("gold_first", 0)
        == summary.corrections["revise"]
    )
    assert len(loaded.corrections) == summary.mistakes - summary.dropped["repeated_mistake"]

    use = summary.usage["teacher"]
    assert use.completions == use.requests == sum(teacher.asked.values())
    assert (use.prompt_tokens, use.completion_tokens) == (11 * use.requests, 7 * use.requests)
    assert abs((use.cost or 0) - (11 * use.requests + 2 * 7 * use.requests) / 1e6) < 1e-9
    assert int(loaded.corrections.completion_tokens.sum()) == use.completion_tokens


def outcome(correction: Any) -> str:
    if correction.won:
        return "won"
    if isinstance(correction.objection, str):
        return correction.objection
    failure = correction.failure if isinstance(correction.failure, str) else ""
    if "alludes" in failure:
        return "allusion"
    if "cannot be read" in failure:
        return "unreadable"
    return failure or str(correction.verdict)
