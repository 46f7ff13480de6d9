"""Models on held-out problems, and the guarantee that these are held out."""

from __future__ import annotations

import asyncio
import itertools
import json
from pathlib import Path
from typing import Any

import pytest

from errata.demo import world
from pipeline.engines import transformers, vllm
from pipeline.errors import ConfigError, DataError
from pipeline.evaluate import evaluate, with_model
from pipeline.loading import load_settings
from pipeline.measures.records import AnswerRow, Evaluation


def write_config(tmp_path: Path, student_dir: Path, shared: int) -> Path:
    stories = list(itertools.islice(world.stories("evaluate-test"), 20))
    for name, part in (("train", stories[:10]), ("test", stories[10 - shared :])):
        rows = [{"question": s.question, "answer": world.answer_of(world.solve(s))} for s in part]
        (tmp_path / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    settings = {
        "name": "test",
        "runs_dir": str(tmp_path / "runs"),
        "problems": {"path": str(tmp_path / "train.jsonl")},
        "student": {"engine": "transformers", "model": str(student_dir)},
        "evaluate": {"problems": {"path": str(tmp_path / "test.jsonl")}, "samples": 2, "params": {"max_tokens": 96}},
    }
    (tmp_path / "config.yaml").write_text(json.dumps(settings))
    return tmp_path / "config.yaml"


def test_the_same_model_before_and_after_shows_no_change(tmp_path: Path, student_dir: Path) -> None:
    settings = load_settings(write_config(tmp_path, student_dir, shared=0))
    told = asyncio.run(evaluate(settings, str(student_dir))).held_out
    assert told.n == 10
    assert told.scores["before"] == told.scores["after"]
    change = told.changes["after"]
    assert (change.fixed, change.broken, change.gain.value, change.significant) == (0, 0, 0.0, False)
    assert "No significant change" in change.conclusion


def test_the_record_and_every_answer_are_on_disk(tmp_path: Path, student_dir: Path) -> None:
    settings = load_settings(write_config(tmp_path, student_dir, shared=0))
    made = asyncio.run(evaluate(settings, str(student_dir)))
    folder = tmp_path / "runs" / "test"
    assert Evaluation.model_validate_json((folder / "evaluation.json").read_bytes()) == made
    rows = [AnswerRow.model_validate_json(line) for line in (folder / "answers.jsonl").read_text().splitlines()]
    assert len(rows) == 2 * 10 * (1 + 2)
    right = sum(row.verdict == "correct" for row in rows if (row.model, row.kind) == ("after", "greedy"))
    assert right == made.held_out.scores["after"].correct


def test_without_a_trained_model_the_student_is_measured_alone(tmp_path: Path, student_dir: Path) -> None:
    made = asyncio.run(evaluate(load_settings(write_config(tmp_path, student_dir, shared=0)), None))
    assert list(made.models) == list(made.held_out.scores) == ["before"]
    assert made.held_out.changes == {}
    assert "of 10 held-out problems" in made.conclusion


def test_any_number_of_models_answer_any_number_of_sets(tmp_path: Path, student_dir: Path) -> None:
    path = write_config(tmp_path, student_dir, shared=0)
    told = json.loads(path.read_text())
    rows = [{"q": f"Which one is it, number {n}?", "a": "B", "topic": "odd" if n % 2 else "even"} for n in range(6)]
    (tmp_path / "choices.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    always = {"engine": "scripted", "replies": ["The answer is B."]}
    never = {"engine": "scripted", "replies": ["The answer is C."]}
    told["evaluate"]["models"] = {"wrong": never, "right": always, "same": always}
    told["evaluate"]["sets"] = {
        "letters": {
            "problems": {"path": str(tmp_path / "choices.jsonl"), "question": "q", "answer": "a"},
            "checker": "exact",
            "by": ["topic"],
        }
    }
    path.write_text(json.dumps(told))
    made = asyncio.run(evaluate(load_settings(path), None))
    assert list(made.sets) == ["held_out", "letters"]
    letters = made.sets["letters"]
    assert {name: score.accuracy for name, score in letters.scores.items()} == {"wrong": 0.0, "right": 1.0, "same": 1.0}
    assert letters.checker == "exact"
    assert {value: part.n for value, part in letters.scores["right"].slices["topic"].items()} == {"even": 3, "odd": 3}
    assert list(letters.changes) == ["right", "same"]
    assert letters.changes["right"].fixed == 6
    assert "On letters: `right` is better by 100.0 points" in made.conclusion


def test_the_second_turn_is_measured_before_and_after(tmp_path: Path, student_dir: Path) -> None:
    path = write_config(tmp_path, student_dir, shared=0)
    told = json.loads(path.read_text())
    told["evaluate"]["second_turn"] = {}
    path.write_text(json.dumps(told))
    made = asyncio.run(evaluate(load_settings(path), str(student_dir))).held_out
    turn = made.scores["before"].second_turn
    assert turn is not None
    assert turn.n == 10
    assert round(turn.first - turn.second, 4) == round((turn.right_to_wrong - turn.wrong_to_right) / 10, 4)
    assert turn.first == made.scores["before"].accuracy
    gain = made.changes["after"].second_turn_gain
    assert gain is not None
    assert gain.value == 0.0


def test_a_held_out_problem_that_was_trained_on_is_refused(tmp_path: Path, student_dir: Path) -> None:
    settings = load_settings(write_config(tmp_path, student_dir, shared=2))
    with pytest.raises(DataError, match="2 of 12 in held_out"):
        asyncio.run(evaluate(settings, str(student_dir)))


def test_a_held_out_problem_in_other_data_that_was_trained_on_is_refused(tmp_path: Path, student_dir: Path) -> None:
    settings = load_settings(write_config(tmp_path, student_dir, shared=0))
    row = json.loads((tmp_path / "test.jsonl").read_text().splitlines()[3])
    pair = {"prompt": [{"role": "user", "content": row["question"]}]}
    pair |= {side: [{"role": "assistant", "content": f"#### {side}"}] for side in ("chosen", "rejected")}
    (tmp_path / "pairs.jsonl").write_text(json.dumps(pair) + "\n")
    with pytest.raises(DataError, match=r"pairs\.jsonl:1"):
        asyncio.run(evaluate(settings, str(student_dir), trained_on=[tmp_path / "pairs.jsonl"]))


def test_a_missing_policy_is_named(tmp_path: Path, student_dir: Path) -> None:
    settings = load_settings(write_config(tmp_path, student_dir, shared=0))
    with pytest.raises(ConfigError, match="nowhere"):
        asyncio.run(evaluate(settings, str(tmp_path / "nowhere")))


@pytest.mark.parametrize(
    ("section", "said"),
    [
        ({"k": [1, 3]}, "3 is not between 1 and samples, 2"),
        ({"sets": {"held_out": {"problems": {"path": "x.jsonl"}}}}, "call this set something else"),
        ({"models": {"a": "scripted"}, "after": "scripted"}, "stands for one of the default models"),
    ],
)
def test_settings_that_contradict_themselves_are_refused(
    tmp_path: Path, student_dir: Path, section: dict[str, Any], said: str
) -> None:
    path = write_config(tmp_path, student_dir, shared=0)
    told = json.loads(path.read_text())
    told["evaluate"] |= section
    path.write_text(json.dumps(told))
    with pytest.raises(ConfigError, match=said):
        load_settings(path)


@pytest.mark.parametrize("engine", [transformers, vllm])
def test_another_models_code_is_not_trusted_because_the_students_is(tmp_path: Path, engine: Any) -> None:
    student = engine.Settings(model="org/student", trust_remote_code=True)
    assert with_model(student, str(tmp_path)).trust_remote_code is True
    assert with_model(student, "org/student", ours=False).trust_remote_code is True
    other = with_model(student, str(tmp_path), ours=False)
    assert (other.local_model, other.trust_remote_code) == (str(tmp_path), False)
