"""A preview: real pairs, what is in doubt, and what all of it will cost."""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path
from typing import Any

import pytest

import pipeline
from errata.config import ErrataSettings
from errata.init.preview import count_evaluation, print_preview, take_preview
from pipeline.forecast import forecast


def student(body: dict[str, Any]) -> list[str]:
    """Right about small numbers, wrong about larger ones; always wrong alike about the largest."""
    number = int(re.findall(r"What is (\d+)", body["messages"][-1]["content"])[0])
    if number >= 30:
        return [f"It is\n#### {number} or so, [red]\x1b[31m\u202e"]
    if number >= 20:
        return [f"Together:\n#### {3 * number}"]
    return [f"Together:\n#### {2 * number if body['seed'] % 2 else 2 * number + 1}"]


def teacher(body: dict[str, Any]) -> list[str]:
    number = int(re.findall(r"What is (\d+)", body["messages"][-1]["content"])[0])
    if number >= 25:
        return ["<gold_wrong>the question is about something else</gold_wrong>"]
    return [f"<diagnosis></diagnosis><solution>\nTogether:\n#### {2 * number}\n</solution>"]


@pytest.fixture
def settings(tmp_path: Path, serve: Any) -> ErrataSettings:
    rows = [{"question": f"What is {i} + {i}?", "answer": str(2 * i)} for i in range(10, 36)]
    (tmp_path / "p.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    prices = {"engine": "endpoint", "model": "m", "input_price": 1.0, "output_price": 2.0}
    return ErrataSettings.model_validate(
        {
            "name": "test",
            "runs_dir": tmp_path / "runs",
            "problems": {"path": str(tmp_path / "p.jsonl")},
            "student": {"base_url": serve(student).url, **prices},
            "teachers": {"t": {"base_url": serve(teacher).url, **prices}},
            "correct": {"rungs": ["own_correct", {"rung": "revise", "teacher": "t"}]},
        }
    )


def test_pairs_doubts_and_cost_are_shown(settings: ErrataSettings, capsys: pytest.CaptureFixture[str]) -> None:
    preview = take_preview(settings, 26)
    told = preview.as_json()
    assert (told["problems"], told["attempts"], told["correct"], told["wrong"], told["unknown"]) == (
        26,
        104,
        20,
        60,
        24,
    )
    assert told["unknown_reasons"] == {"the final answer … is not a number": 24}
    assert {s["question"] for s in told["suspicious_gold"]} == {f"What is {i} + {i}?" for i in range(20, 30)}
    assert {o["objection"] for o in told["objections"]} == {"gold_wrong"}
    assert json.loads(json.dumps(told)) == told
    print_preview(preview)
    shown = capsys.readouterr().out
    assert "26 problems, 104 attempts: correct 20, wrong 60, unknown 24; 15 pairs" in shown
    assert shown.count("chosen (own_correct)") == 3
    assert "24  the final answer … is not a number" in shown
    assert "In 10 problems most attempts agree" in shown
    assert "Teachers object (gold wrong 5)" in shown
    assert "Advice: 24 of 104 answers cannot be decided" in shown
    assert "foreseen from 26" in shown
    assert not {"\x1b", "\u202e"} & set(shown)


def test_the_sample_stays_in_the_folder_that_is_given(settings: ErrataSettings, tmp_path: Path) -> None:
    asyncio.run(forecast(settings, 10, folder=tmp_path / "kept"))
    run = pipeline.load_run(tmp_path / "kept")
    assert (len(run.attempts), run.attempts.problem_id.nunique()) == (40, 10)
    assert len(run.pairs[run.pairs.kept]) > 0
    assert not (settings.run_dir / "attempts.jsonl").exists()


def test_what_evaluation_will_ask_is_said_beside_the_forecast(
    settings: ErrataSettings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert take_preview(settings, 2).as_json()["evaluation"] is None
    rows = [{"question": f"Double {i} is what?", "answer": str(2 * i)} for i in range(1500)]
    (tmp_path / "held.jsonl").write_text("".join(json.dumps(row) + "\n" for row in [*rows, rows[0]]))
    held_out = {"path": str(tmp_path / "held.jsonl")}
    values = settings.model_dump(mode="json", exclude_unset=True) | {"evaluate": {"problems": held_out}}
    preview = take_preview(ErrataSettings.model_validate(values), 2)
    told = preview.as_json()
    assert told["evaluation"] == {"problems": 1500, "answers": 5, "models": 2, "texts": 15000}
    assert list(told["forecast"]["engines"]) == ["student", "t"]
    print_preview(preview)
    shown = " ".join(capsys.readouterr().out.split())
    assert "1,500 held-out problems × 5 answers × 2 models, 15,000 texts" in shown
    more = {"samples": 0, "second_turn": {}, "models": {"a": values["student"]}, "sets": {"x": {"problems": held_out}}}
    values["evaluate"] |= more
    counted = count_evaluation(ErrataSettings.model_validate(values))
    assert counted is not None
    assert (counted.problems, counted.answers, counted.models, counted.texts) == (3000, 2, 1, 6000)
