"""`errata compare-teachers`: the same mistakes to every teacher, and a recommendation with its grounds."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from errata.cli import main
from pipeline.compare import TeacherResult, recommend


def solver(right: int, of: int, reply: str = "<solution>\n{0} + {0}\n#### {1}\n</solution>") -> Any:
    """A teacher that is right in `right` of `of` problems; else it doubts, refuses or errs in turn."""

    def answer(body: dict[str, Any]) -> list[str]:
        number = int(re.findall(r"What is (\d+)", body["messages"][0]["content"])[0])
        if number % of < right:
            return [reply.format(number, 2 * number)]
        other = ["<gold_wrong>the sum is off</gold_wrong>", "I cannot help.", "<solution>\n#### 7777\n</solution>"]
        return [other[number % 3]]

    return answer


def config(tmp_path: Path, **teachers: dict[str, Any]) -> Path:
    rows = [{"question": f"What is {i} + {i}?", "answer": str(2 * i)} for i in range(1, 200)]
    (tmp_path / "p.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    settings = {
        "name": "test",
        "runs_dir": str(tmp_path / "runs"),
        "problems": {"path": str(tmp_path / "p.jsonl")},
        "student": {"engine": "scripted", "replies": ["I guess.\n#### -1"]},
        "sample": {"n": 1},
        "teachers": {name: {"engine": "endpoint", "model": "m", **t} for name, t in teachers.items()},
        "correct": {"rungs": [{"rung": "gold_guided", "teacher": next(iter(teachers)), "repairs": 0}]},
    }
    file = tmp_path / "config.yaml"
    file.write_text(json.dumps(settings))
    return file


def test_teachers_cannot_be_compared_by_what_they_do_not_write(tmp_path: Path, capsys) -> None:
    """`continue_fix` leaves the writing to the student: the teachers' own texts are compared instead."""
    function = "tests.pipeline.test_corrections:teacher"
    file = config(tmp_path, t={"base_url": "http://127.0.0.1:1/v1"})
    told = json.loads(file.read_text())
    told["teachers"] = {"t": {"engine": "scripted", "function": function}}
    told["correct"] = {"rungs": [{"rung": "continue_fix", "teacher": "t"}]}
    told["student"] = {"engine": "scripted", "function": "tests.pipeline.test_corrections:student"}
    told["sample"] = {"n": 2}
    file.write_text(json.dumps(told))
    assert main(["compare-teachers", str(file), "--mistakes", "5", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["rung"] == "gold_guided"
    told |= {"checker": {"checker": "reward", "function": "tests.pipeline.test_corrections:score"}}
    file.write_text(json.dumps(told | {"correct": {"rungs": ["best_worst"]}, "sample": {"n": 4}}))
    assert main(["compare-teachers", str(file)]) == 2
    assert "cannot tell whose corrections are right" in capsys.readouterr().err


def test_two_teachers_get_the_same_mistakes_and_every_outcome_is_counted(tmp_path: Path, serve, capsys) -> None:
    good, poor = serve(solver(19, 20)), serve(solver(6, 20))
    file = config(
        tmp_path,
        good={"base_url": good.url, "input_price": 10.0, "output_price": 20.0},
        poor={"base_url": poor.url, "input_price": 1.0, "output_price": 2.0},
    )
    assert main(["compare-teachers", str(file), "--mistakes", "60", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told == json.loads((tmp_path / "runs" / "test" / "teachers.json").read_text())
    asked = [{json.dumps(body["messages"]) for body in server.bodies} for server in (good, poor)]
    assert asked[0] == asked[1]
    assert len(asked[0]) == len(good.bodies) == len(poor.bodies) == told["mistakes"] == 60
    outcomes = ("accepted", "wrong", "unknown", "refused", "attempt_right", "gold_wrong", "failed")
    for name, result in told["teachers"].items():
        assert sum(result[o] for o in outcomes) == 60, name
        assert result["cost"] == pytest.approx(60 * (11 + 2 * 7) * (10 if name == "good" else 1) / 1e6)
        assert result["latency"] > 0
        assert 0 < result["edit_ratio"] <= 1
    poor_result = told["teachers"]["poor"]
    assert poor_result["gold_wrong"] > 0
    assert poor_result["refused"] > 0
    assert poor_result["wrong"] > 0
    assert told["recommended"] == "good"
    assert "significantly more" in told["grounds"]

    assert main(["compare-teachers", str(file), "--mistakes", "60"]) == 0
    shown = capsys.readouterr().out
    assert "Recommended: good" in shown
    assert len(good.bodies) == 60, "a second comparison comes from the cache"


def result(accepted: int, cost: float | None, edit_ratio: float = 0.5) -> TeacherResult:
    return TeacherResult(
        accepted=accepted, interval=(0, 1), prompt_tokens=0, completion_tokens=0, cost=cost,
        cost_per_accepted=None if cost is None else cost / max(1, accepted), latency=None, length_ratio=None,
        edit_ratio=edit_ratio, reasons={},
    )  # fmt: skip


def test_among_equals_the_cheaper_one_is_recommended() -> None:
    flags = {"dear": [True] * 48 + [False] * 2, "cheap": [True] * 47 + [False] * 3, "bad": [False] * 50}
    results = {"dear": result(48, 9.0), "cheap": result(47, 1.0), "bad": result(0, 0.1)}
    name, grounds = recommend(results, flags)
    assert name == "cheap"
    assert "do not differ significantly" in grounds
    assert "costs least" in grounds


def test_without_prices_the_one_closest_to_the_student_is_recommended() -> None:
    flags = {"a": [True] * 50, "b": [True] * 50}
    name, grounds = recommend({"a": result(50, None, 0.8), "b": result(50, 1.0, 0.3)}, flags)
    assert name == "b"
    assert "closest" in grounds


def test_a_difference_that_could_be_chance_is_not_called_one() -> None:
    flags = {"a": [True] + [False] * 49, "b": [False] * 50}
    name, grounds = recommend({"a": result(1, 1.0), "b": result(0, 1.0)}, flags)
    assert name == "a"
    assert "too few to call it a difference" in grounds


def test_a_teacher_may_say_that_the_attempt_is_right(tmp_path: Path, serve, capsys) -> None:
    def answer(body: dict[str, Any]) -> list[str]:
        assert "I guess.\n#### -1" in body["messages"][-1]["content"], "the attempt is shown"
        return ["<attempt_right>it adds up</attempt_right>"]

    file = config(tmp_path, t={"base_url": serve(answer).url})
    told = json.loads(file.read_text())
    file.write_text(json.dumps({**told, "correct": {"rungs": ["own_correct"]}}))
    assert main(["compare-teachers", str(file), "--mistakes", "5", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["teachers"]["t"]["attempt_right"] == 5


def test_teachers_of_whom_none_is_accepted_are_not_praised() -> None:
    _, grounds = recommend({"a": result(0, None)}, {"a": [False] * 5})
    assert "no teacher" in grounds


def test_a_configuration_without_teachers_or_mistakes_is_told(tmp_path: Path, serve, capsys) -> None:
    file = config(tmp_path, t={"base_url": serve(solver(1, 1)).url})
    told = json.loads(file.read_text())
    file.write_text(json.dumps({**told, "teachers": {}, "correct": {"rungs": ["reference"]}}))
    assert main(["compare-teachers", str(file)]) == 2
    assert "there are none to compare" in capsys.readouterr().err
    (tmp_path / "p.jsonl").write_text('{"question": "What is 1?", "answer": "-1"}\n')
    file.write_text(json.dumps(told))
    assert main(["compare-teachers", str(file)]) == 2
    assert "no mistake in 1 problems" in capsys.readouterr().err
