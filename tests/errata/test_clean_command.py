"""`errata clean`: repairs a run with what its configuration names, over real HTTP, and anybody's data without one."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from errata.cli import main
from pipeline.clean import Cleaned
from pipeline.loading import load_settings
from pipeline.preferences import open_preferences
from pipeline.run import build
from tests.pipeline.shortcuts.test_markers import OPENER, STUDENT, make_pairs, open_with, plant
from tests.pipeline.test_auditing import FOREIGN, make_rows, write_pairs
from tests.pipeline.test_cleaning import spell
from tests.pipeline.test_control import build_run, write_run

AUDIT = {
    "features": ["openers", "closers", {"feature": "words", "longest": 1}],
    **{"permutations": 100, "repeats": 1, "columns": 32},
}


def read_chosen(folder: Path) -> dict[str, str]:
    """Chosen texts by id."""
    rows = open_preferences(folder)
    return {str(r.values["id"]): r.chosen if isinstance(r.chosen, str) else r.chosen[-1]["content"] for r in rows}


def test_a_run_is_cleaned_with_its_own_settings_and_checker(tmp_path: Path, capsys: Any) -> None:
    run, summary = build_run(tmp_path, 30, audit=AUDIT)
    out = tmp_path / "clean"
    assert main(["clean", str(run), "--out", str(out)]) == 0
    shown = capsys.readouterr().out
    assert f"{summary.kept} of {summary.kept} pairs kept; strip {summary.kept}" in " ".join(shown.split())
    assert f"openers: '{OPENER}', in 100% of pairs more in chosen" in " ".join(shown.split())
    assert "Certificate: underpowered" in shown
    assert "were not graded again" not in shown
    before, after = read_chosen(run), read_chosen(out)
    assert after == {id: text.removeprefix(f"{OPENER}\n") for id, text in before.items()}
    assert main(["audit", str(out), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["markers"], told["control"]["pairs"]) == ([], summary.control)
    assert main(["clean", str(run), "--out", str(out), "--json"]) == 0
    again = json.loads(capsys.readouterr().out)
    assert json.loads((out / "clean.json").read_text()) == again
    assert (again["regraded"], again["changed"]) == (True, {"strip": summary.kept})
    assert read_chosen(run) == before, "the source stays as it is"


def write_spelled(folder: Path, url: str, **sections: Any) -> Path:
    """A run whose references spell out `equals`, which no strip takes out, and write the gold answer as `57.00`."""
    teacher = {"engine": "endpoint", "base_url": url, "model": "m", "retry_wait": 0.001, "input_price": 1.0}
    told = {"teachers": {"helper": teacher}, "clean": {"restyle": "helper"}, "audit": AUDIT, **sections}
    file = write_run(folder, 24, **told)
    source = folder / "problems.jsonl"
    rows = [json.loads(line) for line in source.read_text().splitlines()]
    for row in rows:
        row["rationale"] = spell(row["rationale"].removeprefix(f"{OPENER}\n"))
        row["answer"] += ".00"
    source.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return file


def build_spelled(folder: Path, url: str) -> Path:
    asyncio.run(build(load_settings(write_spelled(folder, url))))
    return folder / "run"


def test_a_teacher_rewrites_what_no_strip_mends_and_never_sees_the_gold_answer(
    tmp_path: Path, serve: Callable[..., Any], capsys: Any
) -> None:
    def rewrite(body: dict[str, Any]) -> list[str]:
        asked = body["messages"][-1]["content"]
        number = next(n for n in range(24) if f"problem {n}?" in asked)
        text = STUDENT.write(f"problem {number}", 7, right=number != 5)
        return [f"<solution>\n{text}\n</solution>"]

    server = serve(rewrite)
    run = build_spelled(tmp_path, server.url)
    assert server.bodies == [], "building asks nobody"
    rows = {row["question"]: row for row in map(json.loads, (tmp_path / "problems.jsonl").read_text().splitlines())}
    out = tmp_path / "clean"
    assert main(["clean", str(run), "--out", str(out), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    carriers = [text for text in read_chosen(run).values() if " equals " in text]
    assert told["changed"]["restyle"] + told["changed"]["refused"] == len(carriers) == len(server.bodies)
    assert told["before"] == "marker"
    for body in server.bodies:
        shown = json.dumps(body)
        question = next(question for question in rows if question in shown)
        assert rows[question]["answer"] not in shown, "57.00 stands nowhere but in the gold answer"
        assert " equals " in body["messages"][-1]["content"]
        own = [text for row in rows.values() if row["question"] != question for text in row["said"][:1]]
        assert sum(text in body["messages"][-1]["content"] for text in own) == 3, "right answers to other problems"
    changes = [json.loads(line) for line in (out / "changes.jsonl").read_text().splitlines()]
    refused = [change for change in changes if change["action"] == "refused"]
    assert refused
    assert all(change["reason"].startswith("restyle: it is wrong now") for change in refused)
    after = read_chosen(out)
    assert {change["pair"] for change in changes if change["action"] == "restyle"} <= set(after)
    for change in changes:
        if change["action"] == "restyle":
            assert after[change["pair"]] == change["after"] != change["before"]
    asked = len(server.bodies)
    assert main(["clean", str(run), "--out", str(out)]) == 0
    assert len(server.bodies) == asked, "nothing is paid twice"


def test_a_teacher_that_stays_away_changes_nothing_and_is_told(
    tmp_path: Path, serve: Callable[..., Any], capsys: Any
) -> None:
    server = serve(lambda body: (400, {"error": {"message": "maximum context length is 4 tokens"}}))
    run = build_spelled(tmp_path, server.url)
    out = tmp_path / "clean"
    assert main(["clean", str(run), "--out", str(out), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert "restyle" not in told["changed"]
    assert told["changed"]["refused"] > 0
    reasons = {json.loads(line)["reason"] for line in (out / "changes.jsonl").read_text().splitlines()}
    assert any("maximum context length" in reason for reason in reasons)
    assert set(read_chosen(out).values()) <= set(read_chosen(run).values())


def test_data_of_others_are_cleaned_with_a_checker_or_without_one(tmp_path: Path, capsys: Any) -> None:
    planted = plant(make_pairs(40, sample=1), open_with, 1)
    source = str(write_pairs(tmp_path / "pairs.jsonl", planted))
    command = ["clean", source, "--out", str(tmp_path / "out")]
    assert main([*command, "--checker", "numeric"]) == 0
    assert "were not graded again" not in capsys.readouterr().out
    first = read_chosen(tmp_path / "out")
    assert first == {pair.id: pair.chosen.removeprefix(f"{OPENER}\n") for pair in planted}
    assert main(command) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "Changed texts were not graded again: their numbers, formulas and final answers are as they were." in shown
    assert read_chosen(tmp_path / "out") == first


def test_columns_of_other_names_become_those_of_trl(tmp_path: Path) -> None:
    source = str(write_pairs(tmp_path / "foreign.jsonl", plant(make_pairs(40), open_with, 1), **FOREIGN))
    options = ["--column", "prompt=question", "--column", "chosen=good", "--column", "rejected=bad"]
    assert main(["clean", source, *options, "--out", str(tmp_path / "out")]) == 0
    rows = list(open_preferences(tmp_path / "out"))
    assert len(rows) == 40
    assert not any(OPENER in str(row.chosen) for row in rows)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--checker", "numerik"], "unknown checker 'numerik'; did you mean 'numeric'?"),
        (["--checker", "judge", "--checker.engine.engine", "scripted"], "asks a model; give it in a configuration"),
        (["--checker", "numeric", "--student.model", "x"], "unknown option --student"),
        (["--clean.hold_out", "0.3"], "settings go with --config"),
        (["--config", "absent.yaml"], "absent.yaml"),
        (["--column", "chosen"], "write NAME=THEIRS"),
        (["--control", "absent.jsonl"], "absent.jsonl"),
    ],
)
def test_wrong_options_end_with_2_and_write_nothing(options: list[str], told: str, tmp_path: Path, capsys: Any) -> None:
    source = str(write_pairs(tmp_path / "pairs.jsonl", make_pairs(4)))
    assert main(["clean", source, "--out", str(tmp_path / "out"), *options]) == 2
    assert told in capsys.readouterr().err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["pairs.jsonl"]


def test_the_source_is_never_replaced(tmp_path: Path, capsys: Any) -> None:
    run, _ = build_run(tmp_path, 6, audit=None)
    for out in (run, run / "dataset", tmp_path):
        assert main(["clean", str(run), "--out", str(out), "--overwrite"]) == 2
        assert "would replace what is read" in capsys.readouterr().err
    assert main(["clean", str(run), "--out", str(tmp_path / "x"), "--checker", "numeric"]) == 2
    assert "names the checker" in capsys.readouterr().err


def test_settings_of_a_run_can_be_overridden(tmp_path: Path, capsys: Any) -> None:
    run, _ = build_run(tmp_path, 30, "erred", audit=AUDIT)
    options = ["--clean.hold_out", "0.4", "--json"]
    assert main(["clean", str(run), "--out", str(tmp_path / "out"), *options]) == 0
    few = json.loads(capsys.readouterr().out)["certificate"]["prompts"]
    options[1] = "0.8"
    assert main(["clean", str(run), "--out", str(tmp_path / "out"), *options]) == 0
    assert few < json.loads(capsys.readouterr().out)["certificate"]["prompts"]


def test_an_unknown_teacher_is_refused_before_anything_is_read(tmp_path: Path, capsys: Any) -> None:
    run, _ = build_run(tmp_path, 6, audit=None)
    assert main(["clean", str(run), "--out", str(tmp_path / "out"), "--clean.restyle", "nobody"]) == 2
    assert "clean.restyle: unknown teacher 'nobody'" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_repair_that_must_be_certified_and_is_not_ends_with_4(tmp_path: Path) -> None:
    source = str(write_pairs(tmp_path / "pairs.jsonl", make_pairs(8)))
    command = ["clean", source, "--out", str(tmp_path / "out")]
    assert main(command) == 0
    assert main([*command, "--require-passed"]) == 4
    assert (tmp_path / "out" / "clean.json").is_file(), "it is written all the same"


def test_any_column_may_be_the_topic_and_one_that_is_not_there_is_refused(tmp_path: Path, capsys: Any) -> None:
    rows = [row | {"subject": "algebra", "note": 1} for row in make_rows(make_pairs(8))]
    (tmp_path / "pairs.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    command = ["clean", str(tmp_path / "pairs.jsonl"), "--out", str(tmp_path / "out")]
    assert main([*command, "--topic", "subject", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["notes"] == ["columns not carried over: note"]
    assert {row.values["topic"] for row in open_preferences(tmp_path / "out")} == {"algebra"}
    assert main([*command, "--topic", "subjekt"]) == 2
    assert "no such column, to be read as topic; did you mean 'subject'?" in capsys.readouterr().err


def test_texts_that_cannot_be_graded_again_stay_and_are_told(tmp_path: Path) -> None:
    planted = plant(make_pairs(40), open_with, 1)
    source = str(write_pairs(tmp_path / "pairs.jsonl", planted, answer=None, rejected_answer=None))
    assert main(["clean", source, "--out", str(tmp_path / "out"), "--checker", "numeric"]) == 0
    changes = [json.loads(line) for line in (tmp_path / "out" / "changes.jsonl").read_text().splitlines()]
    assert {(change["action"], change["reason"]) for change in changes} == {
        ("refused", "it cannot be graded again: the row has no answer")
    }
    assert all(OPENER in text for text in read_chosen(tmp_path / "out").values())


@pytest.mark.parametrize("prompts", [1, 4])
@pytest.mark.parametrize("control", [[], make_pairs(45)])
def test_of_a_handful_of_prompts_nothing_is_certified(prompts: int, control: list[Any], tmp_path: Path) -> None:
    pairs = [replace(pair, prompt=f"{n % prompts}") for n, pair in enumerate(make_pairs(40, sample=1))]
    command = ["clean", str(write_pairs(tmp_path / "pairs.jsonl", pairs)), "--out", str(tmp_path / "out")]
    if control:
        command += ["--control", str(write_pairs(tmp_path / "control.jsonl", control))]
    assert main(command) == 0
    cleaned = Cleaned.model_validate_json((tmp_path / "out" / "clean.json").read_text())
    assert (cleaned.certificate.outcome, cleaned.certificate.after) == ("underpowered", None)


def test_where_filters_leave_nothing_there_is_no_folder_and_an_answer(tmp_path: Path, capsys: Any) -> None:
    pairs = [replace(p, chosen=f"The student's attempt is wrong.\n{p.chosen}") for p in make_pairs(20)]
    source = str(write_pairs(tmp_path / "pairs.jsonl", pairs))
    assert main(["clean", source, "--out", str(tmp_path / "out")]) == 2
    assert "leaves no pair: filters drop all of them" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["pairs.jsonl"]


@pytest.mark.parametrize("name", ["own.parquet", "folder"])
def test_a_control_in_any_form_goes_with_the_cleaned_folder(name: str, tmp_path: Path) -> None:
    source, control = write_pairs(tmp_path / "pairs.jsonl", make_pairs(20, sample=1)), tmp_path / name
    if name == "folder":
        control.mkdir()
    write_pairs(control / "train.jsonl" if name == "folder" else control, make_pairs(20))
    assert main(["clean", str(source), "--control", str(control), "--out", str(tmp_path / "out")]) == 0
    assert len(list(open_preferences(tmp_path / "out" / "control.jsonl"))) == 20
