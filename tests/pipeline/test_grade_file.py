"""`errata grade` with a model as the checker, and against labels."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from errata.cli import main


def judge(body: dict[str, Any]) -> list[str]:
    number = int(re.findall(r"q(\d+)", body["messages"][-1]["content"])[0])
    verdict = ("correct", "wrong", "unsure")[number % 3]
    return [json.dumps({"reason": "so it is", "answer": str(number), "verdict": verdict})]


def write_rows(tmp_path: Path, rows: list[dict[str, Any]]) -> str:
    (tmp_path / "answers.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(tmp_path / "answers.jsonl")


def make_rows(count: int = 6) -> list[dict[str, Any]]:
    return [{"id": i, "question": f"q{i}", "answer": "8", "response": f"#### {i}"} for i in range(count)]


def command(tmp_path: Path, *options: str, checker: str = "judge") -> list[str]:
    return [
        "grade",
        str(tmp_path / "answers.jsonl"),
        "--checker",
        checker,
        "--out",
        str(tmp_path / "g.jsonl"),
        *options,
    ]


def endpoint(url: str, prefix: str = "--checker.engine") -> list[str]:
    told = {"engine": "endpoint", "base_url": url, "model": "m", "retry_wait": "0.001"}
    return [word for key, value in told.items() for word in (f"{prefix}.{key}", value)]


def read_grades(tmp_path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (tmp_path / "g.jsonl").read_text().splitlines()]


def test_a_judge_grades_a_file_and_is_paid_once(tmp_path: Path, serve, capsys) -> None:
    server = serve(judge)
    write_rows(tmp_path, make_rows())
    assert main(command(tmp_path, *endpoint(server.url), "--json")) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["correct"], told["wrong"], told["unknown"]) == (2, 2, 2)
    assert told["usage"]["judge"]["completions"] == 12
    assert [row["verdict"] for row in read_grades(tmp_path)] == ["correct", "wrong", "unknown"] * 2
    assert (tmp_path / "completions.sqlite").is_file()
    assert main(command(tmp_path, *endpoint(server.url))) == 0
    assert "judge: 12 texts, 12 from the cache now" in capsys.readouterr().out
    assert len(server.bodies) == 12


def test_a_failed_request_is_no_verdict_and_is_asked_again(tmp_path: Path, serve, capsys) -> None:
    broken = True

    def answer(body: dict[str, Any]) -> Any:
        if broken and "q4" in body["messages"][-1]["content"]:
            return 400, {"error": {"message": "flagged"}}
        return judge(body)

    server = serve(answer)
    write_rows(tmp_path, make_rows())
    assert main(command(tmp_path, *endpoint(server.url), "--json")) == 3
    shown = capsys.readouterr()
    assert json.loads(shown.out)["failed"] == 1
    assert re.search(r"1 of 6 texts were not judged, the first: .*flagged.*; the same command", shown.err)
    row = read_grades(tmp_path)[4]
    assert (row["verdict"], row["failed"]) == ("unknown", True)
    assert "could not be graded: judge: " in row["reason"]
    asked, broken = len(server.bodies), False
    assert main(command(tmp_path, *endpoint(server.url))) == 0
    assert len(server.bodies) == asked + 2
    assert read_grades(tmp_path)[4]["verdict"] == "wrong"


def test_a_budget_stops_it_and_the_same_command_goes_on(tmp_path: Path, serve, capsys) -> None:
    server = serve(judge)
    write_rows(tmp_path, make_rows(40))
    options = [*endpoint(server.url), "--checker.params.max_tokens", "7"]
    assert main(command(tmp_path, *options, "--budget.max_tokens", str(18 * 60))) == 3
    assert re.search(r"budget\.max_tokens.*\(\d+ of 40 texts are graded\)", capsys.readouterr().err)
    assert 0 < len(server.bodies) <= 60
    assert main(command(tmp_path, *options)) == 0
    assert len(server.bodies) == 80


def test_a_chain_shows_both_opinions(tmp_path: Path, serve, capsys) -> None:
    server = serve(judge)
    write_rows(tmp_path, [*make_rows(), {"id": "r", "question": "q0", "answer": "8", "response": "#### 8"}])
    options = ["--checker.first", "numeric", "--checker.second.checker", "judge"]
    options += endpoint(server.url, "--checker.second.engine")
    assert main(command(tmp_path, *options, checker="chain")) == 0
    shown = capsys.readouterr().out
    assert "second opinion on 6 called wrong: correct 2, wrong 2, unknown 2" in shown
    assert "false-negative rate 66.67%" in shown
    rows = read_grades(tmp_path)
    assert [(o["checker"], o["verdict"]) for o in rows[0]["opinions"]] == [("numeric", "wrong"), ("judge", "correct")]
    assert "opinions" not in rows[6]


def test_labels_measure_the_rate_of_any_checker_and_no_cache_is_made(tmp_path: Path, capsys) -> None:
    rows = [
        {"question": "q", "answer": "8", "response": ["#### 8", "eight it is", "#### 9", "#### 8"], "ok": labels}
        for labels in ([True, True, True, False], ["yes", None, "no", ""])
    ]
    write_rows(tmp_path, rows)
    assert main(command(tmp_path, "--label", "ok", "--json", checker="numeric")) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["labels"] == {
        "right": {"correct": 2, "wrong": 1, "unknown": 1},
        "wrong": {"correct": 1, "wrong": 1, "unknown": 0},
    }
    rate = told["false_negative_rate"]
    assert (rate["value"], rate["source"], rate["n"]) == (0.25, "measured", 4)
    assert rate["interval"] == [0.0456, 0.6994]
    assert main(command(tmp_path, "--label", "ok", checker="numeric")) == 0
    shown = capsys.readouterr().out
    assert "labelled right (4): correct 2, wrong 1, unknown 1" in shown
    assert "grade: {false_negative_rate: 0.25}" in shown
    assert sorted(path.name for path in tmp_path.iterdir()) == ["answers.jsonl", "g.jsonl"]


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ({"ok": "maybe"}, "answers.jsonl:2: field 'ok': 'maybe' is not one of true, 1"),
        ({"ok": [True, False]}, "field 'ok': has 2 labels for 1 texts"),
        ({}, "field 'ok': no such column"),
        ({"ok": True, "response": 8}, "field 'response': must be text, not 8"),
    ],
)
def test_a_bad_row_is_told_before_anything_is_asked(tmp_path: Path, serve, capsys, row: Any, told: str) -> None:
    server = serve(judge)
    rows = make_rows(2)
    write_rows(tmp_path, [{**rows[0], "ok": True}, {**rows[1], **row}])
    assert main(command(tmp_path, *endpoint(server.url), "--label", "ok")) == 2
    assert told in capsys.readouterr().err
    assert server.bodies == []


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--checker.engine.base_url", "x"], "--checker.engine: say which one with the key 'engine'"),
        (["--checker.engine", "endpoint"], "--checker.engine.base_url: is required"),
        (["--checker.engine.engine", "endpont"], "--checker.engine: unknown engine 'endpont'; did you mean 'endpoint'"),
        (["--checker.engine", "scripted"], "judge: scripted engine: give either replies or function"),
        (["--student.model", "x"], "unknown option --student"),
        ([*endpoint("http://h/v1"), "--prompts", "nowhere"], "there is no folder nowhere"),
        ([*endpoint("http://h/v1"), "--budget.max_cost", "-1"], "--budget.max_cost: Input should be greater than 0"),
        ([*endpoint("http://h/v1"), "--budget", "5"], "--budget.NAME VALUE"),
    ],
)
def test_a_wrong_option_is_named_as_it_was_given(tmp_path: Path, capsys, options: list[str], told: str) -> None:
    write_rows(tmp_path, make_rows(1))
    assert main(command(tmp_path, *options)) == 2
    assert told in capsys.readouterr().err


def test_text_that_is_no_unicode_is_unknown(tmp_path: Path) -> None:
    (tmp_path / "answers.jsonl").write_text('{"question": "q", "answer": "8", "response": "#### 8 \\ud800"}\n')
    assert main(command(tmp_path, checker="numeric")) == 0
    assert read_grades(tmp_path)[0]["reason"] == "the text is not valid Unicode"


def test_a_file_without_questions_is_graded_by_a_checker_that_needs_none(tmp_path: Path) -> None:
    with_empty = {"id": 2, "question": "", "answer": "8", "response": "#### 9"}
    write_rows(tmp_path, [{"id": 1, "answer": "8", "response": "#### 8"}, with_empty])
    assert main(command(tmp_path, checker="numeric")) == 0
    assert [row["verdict"] for row in read_grades(tmp_path)] == ["correct", "wrong"]


def test_texts_without_ground_truth_are_scored(tmp_path: Path, capsys) -> None:
    rows = [{"question": "Greet me.", "response": ["Hello!", "Go away."]}]
    (tmp_path / "in.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "ratings.csv").write_text("question,response,score\nGreet me.,Hello!,9\nGreet me.,Hello!,7\n")
    ratings = ["--checker", "ratings", "--checker.path", str(tmp_path / "ratings.csv")]
    assert main(["grade", str(tmp_path / "in.jsonl"), *ratings, "--out", str(tmp_path / "out.jsonl")]) == 0
    told = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert [(row["verdict"], row.get("score")) for row in told] == [("unknown", 8.0), ("unknown", None)]
    assert told[1]["reason"] == "nobody has rated this text"
    capsys.readouterr()


def test_an_id_that_no_grade_can_carry_is_told_with_its_line(tmp_path: Path, capsys) -> None:
    write_rows(tmp_path, [*make_rows(2), {**make_rows(1)[0], "id": "\ud800"}])
    assert main(command(tmp_path, checker="numeric")) == 2
    assert "answers.jsonl:3: field 'id': '\\ud800' is no text or number" in capsys.readouterr().err
