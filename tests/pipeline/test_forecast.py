"""`errata build --dry-run`: a few problems tell what all of them will take."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from errata.cli import main


def student(body: dict[str, Any]) -> list[str]:
    number = int(re.findall(r"\d+", body["messages"][-1]["content"])[0])
    return [f"Sample {body['seed']}:\n#### {2 * number + number % 2}"]


def teacher(body: dict[str, Any]) -> list[str]:
    number = int(re.findall(r"What is (\d+)", body["messages"][-1]["content"])[0])
    return [f"<solution>\nSo:\n#### {2 * number}\n</solution>"]


def config(tmp_path: Path, student_url: str, teacher_url: str) -> Path:
    rows = [{"question": f"What is {i} + {i}?", "answer": str(2 * i)} for i in range(200)]
    (tmp_path / "p.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    prices = {"input_price": 1.0, "output_price": 2.0}
    settings = {
        "name": "test",
        "runs_dir": str(tmp_path / "runs"),
        "problems": {"path": str(tmp_path / "p.jsonl")},
        "student": {"engine": "endpoint", "base_url": student_url, "model": "m", **prices},
        "sample": {"n": 2},
        "teachers": {"t": {"engine": "endpoint", "base_url": teacher_url, "model": "m", **prices}},
        "correct": {"rungs": [{"rung": "gold_guided", "teacher": "t"}]},
    }
    file = tmp_path / "config.yaml"
    file.write_text(json.dumps(settings))
    return file


def test_the_forecast_holds_and_its_sample_is_not_paid_again(tmp_path: Path, serve, capsys) -> None:
    students, teachers = serve(student), serve(teacher)
    file = config(tmp_path, students.url, teachers.url)
    assert main(["build", str(file), "--dry-run", "--dry-run-problems", "41", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["problems"], told["sampled"]) == (200, 41)
    assert len(students.bodies) == 2 * 41
    foreseen = told["engines"]
    assert foreseen["student"]["texts"] == 400
    assert foreseen["student"]["known"] == 82
    assert not (tmp_path / "runs" / "test" / "dataset").exists()

    assert main(["build", str(file), "--json"]) == 0
    made = json.loads(capsys.readouterr().out)
    assert len(students.bodies) == 400
    assert len(teachers.bodies) == 100, "both mistakes at a problem have the same prompt, which is asked once"
    student_cost = made["usage"]["student"]["cost"] * (400 - 82) / 400
    assert foreseen["student"]["cost"] == pytest.approx(student_cost), "what is in the cache costs nothing"
    low, high = foreseen["t"]["cost_range"]
    assert low <= made["usage"]["t"]["cost"] <= high
    for name in ("student", "t"):
        assert made["usage"][name]["prompt_tokens"] == pytest.approx(foreseen[name]["prompt_tokens"], rel=0.3)
    assert told["paid"] < told["cost"]
    assert told["seconds"] > 0


def test_the_table_names_engines_and_ranges(tmp_path: Path, serve, capsys) -> None:
    file = config(tmp_path, serve(student).url, serve(teacher).url)
    assert main(["build", str(file), "--dry-run"]) == 0
    shown = capsys.readouterr().out
    assert "200 problems, foreseen from 16" in shown
    assert re.search(r"student +│ +400", shown)
    assert main(["build", str(file), "--dry-run", "--dry-run-problems", "0"]) == 2


def test_caps_on_requests_bound_the_time(tmp_path: Path, serve, capsys) -> None:
    file = config(tmp_path, serve(student).url, serve(teacher).url)
    options = ["--student.requests_per_minute", "6000", "--dry-run-problems", "10", "--json"]
    assert main(["build", str(file), "--dry-run", *options]) == 0
    told = json.loads(capsys.readouterr().out)["engines"]["student"]
    assert told["seconds"] >= 60 * (told["texts"] - told["known"]) / 6000 - 0.01
