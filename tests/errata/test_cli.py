"""The command line as people use it: exit codes, messages, speed of --check."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from errata.cli import main

ROOT = Path(__file__).parents[2]
HEAVY = (
    "torch",
    "transformers",
    "datasets",
    "pandas",
    "sympy",
    "math_verify",
    "scipy",
    "ray",
    "vllm",
    "openai",
    "pyarrow",
)


@pytest.fixture
def config(tmp_path: Path) -> dict[str, Any]:
    rows = [
        {"question": f"What is {i} + {i}?", "answer": str(2 * i), "solution": f"#### {2 * i}"} for i in range(1, 13)
    ]
    (tmp_path / "p.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return {
        "name": "cli",
        "runs_dir": str(tmp_path / "runs"),
        "problems": {"path": str(tmp_path / "p.jsonl"), "rationale": "solution"},
        "student": {"engine": "scripted", "replies": ["#### 4", "#### 1000"]},
        "sample": {"n": 2},
    }


def write(tmp_path: Path, config: dict[str, Any]) -> str:
    (tmp_path / "config.yaml").write_text(json.dumps(config, indent=1))
    return str(tmp_path / "config.yaml")


def test_build_ends_with_0_and_prints_the_counts(tmp_path: Path, config: dict[str, Any], capsys: Any) -> None:
    assert main(["build", write(tmp_path, config), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["problems"], told["attempts"], told["correct"], told["wrong"]) == (12, 24, 1, 23)
    assert told == json.loads((tmp_path / "runs" / "cli" / "summary.json").read_text())
    assert main(["build", write(tmp_path, config)]) == 0
    shown = capsys.readouterr().out
    assert "pairs kept" in shown
    assert "summary.json" in shown


def break_jsonl(tmp_path: Path, config: dict[str, Any]) -> None:
    path = tmp_path / "p.jsonl"
    lines = path.read_text().splitlines()
    path.write_text("\n".join([*lines[:6], '{"question": "broken', *lines[6:]]) + "\n")


def break_gold(tmp_path: Path, config: dict[str, Any]) -> None:
    with (tmp_path / "p.jsonl").open("a") as file:
        file.write('{"question": "How many?", "answer": "five or six", "solution": "x"}\n')


def copy_student(tmp_path: Path, config: dict[str, Any], without: str) -> None:
    shutil.copytree(ROOT / "errata" / "demo" / "student", tmp_path / "model")
    (tmp_path / "model" / without).unlink()
    config["student"] = {"engine": "transformers", "model": str(tmp_path / "model")}


BAD = {
    "missing file": (lambda t, c: (t / "p.jsonl").unlink(), ["p.jsonl", "there is no file"]),
    "malformed JSON on line 7": (break_jsonl, ["p.jsonl:7", "malformed JSON"]),
    "missing column": (
        lambda t, c: c["problems"].update(question="qestion"),
        ["p.jsonl:1", "'qestion'", "did you mean 'question'"],
    ),
    "empty data set": (lambda t, c: (t / "p.jsonl").write_text(""), ["p.jsonl", "no usable problem"]),
    "unknown engine": (
        lambda t, c: c["student"].update(engine="scriptd"),
        ["config.yaml:", "student", "unknown engine 'scriptd'", "did you mean 'scripted'", "endpoint, pool, recorded"],
    ),
    "unknown checker": (
        lambda t, c: c.update(checker="maths"),
        ["unknown checker 'maths'", "did you mean 'math'", "math, numeric"],
    ),
    "unknown rung": (
        lambda t, c: c.update(correct={"rungs": ["referense"]}),
        ["correct.rungs.0", "unknown rung 'referense'", "did you mean 'reference'"],
    ),
    "unknown key": (
        lambda t, c: c["sample"].update(nn=3),
        ["config.yaml:", "sample.nn", "unknown key 'nn'", "params, prompt"],
    ),
    "unreadable gold": (break_gold, ["p.jsonl:13", "'answer'", "five or six"]),
    "no tokenizer": (lambda t, c: copy_student(t, c, "tokenizer_config.json"), ["model", "no tokenizer"]),
    "no chat template": (lambda t, c: copy_student(t, c, "chat_template.jinja"), ["model", "no chat template"]),
    "unknown teacher": (
        lambda t, c: c.update(correct={"rungs": [{"rung": "gold_guided", "teacher": "bob"}]}),
        ["unknown teacher 'bob'", "`teachers` is empty"],
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_ends_with_2_and_says_where_what_and_how(
    tmp_path: Path, config: dict[str, Any], capsys: Any, case: str
) -> None:
    spoil, told = BAD[case]
    spoil(tmp_path, config)
    assert main(["build", write(tmp_path, config)]) == 2
    message = capsys.readouterr().err
    for part in told:
        assert part in message
    assert "Traceback" not in message


def test_a_missing_configuration_file_and_an_unknown_command_end_with_2(capsys: Any) -> None:
    assert main(["build", "nowhere.yaml"]) == 2
    assert "nowhere.yaml: there is no such configuration file" in capsys.readouterr().err
    with pytest.raises(SystemExit) as caught:
        main(["biuld"])
    assert caught.value.code == 2


def test_dotted_options_win_over_variables_and_the_file(
    tmp_path: Path, config: dict[str, Any], capsys: Any, monkeypatch
) -> None:
    monkeypatch.setenv("ERRATA_SAMPLE__N", "1")
    monkeypatch.setenv("ERRATA_NAME", "from-variable")
    assert main(["build", write(tmp_path, config), "--json", "--name", "from-option"]) == 0
    assert json.loads(capsys.readouterr().out)["attempts"] == 12
    assert (tmp_path / "runs" / "from-option" / "summary.json").is_file()


@pytest.mark.parametrize(
    "command", ["--help", "build --help", "grade --help", "train --help", "evaluate --help", "demo --help"]
)
def test_every_command_has_help(command: str, capsys: Any) -> None:
    with pytest.raises(SystemExit) as caught:
        main(command.split())
    assert caught.value.code == 0
    assert len(capsys.readouterr().out) > 200


@pytest.mark.parametrize("arguments", [["--help"], ["build", "CONFIG", "--check"]])
def test_help_and_check_import_nothing_heavy(tmp_path: Path, config: dict[str, Any], arguments: list[str]) -> None:
    path = write(tmp_path, config)
    code = (
        "import sys; from errata.cli import main\n"
        "try: code = main(sys.argv[1:])\n"
        "except SystemExit as end: code = end.code\n"
        f"print('heavy:', [name for name in {HEAVY!r} if name in sys.modules]); sys.exit(code)"
    )
    filled = [path if word == "CONFIG" else word for word in arguments]
    result = subprocess.run([sys.executable, "-c", code, *filled], capture_output=True, text=True, cwd=ROOT)
    assert result.returncode == 0, result.stderr
    assert "heavy: []" in result.stdout


def test_check_data_reads_every_row(tmp_path: Path, config: dict[str, Any], capsys: Any) -> None:
    path = write(tmp_path, config)
    assert main(["build", path, "--check", "--data"]) == 0
    assert "12 problems" in capsys.readouterr().out
    break_gold(tmp_path, config)
    assert main(["build", path, "--check"]) == 0
    assert main(["build", path, "--check", "--data"]) == 2
    assert not (tmp_path / "runs").exists()


def test_grade_writes_a_verdict_for_every_answer(tmp_path: Path, capsys: Any) -> None:
    rows = [
        {"id": "a", "question": "q", "answer": "8", "response": "so #### 8"},
        {"id": "b", "question": "q", "answer": "8", "response": "#### 9"},
        {"id": "c", "question": "q", "answer": "8", "response": "no idea"},
    ]
    (tmp_path / "answers.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    out = tmp_path / "grades.jsonl"
    assert main(["grade", str(tmp_path / "answers.jsonl"), "--checker", "numeric", "--out", str(out)]) == 0
    assert "correct 1, wrong 1, unknown 1" in capsys.readouterr().out
    told = [json.loads(line) for line in out.read_text().splitlines()]
    assert [(t["id"], t["verdict"], t["extracted"]) for t in told] == [
        ("a", "correct", "8"),
        ("b", "wrong", "9"),
        ("c", "unknown", None),
    ]
    assert all(t["reason"] for t in told)
    assert main(["grade", str(tmp_path / "answers.jsonl"), "--checker", "numerc", "--out", str(out)]) == 2
    assert "did you mean 'numeric'" in capsys.readouterr().err


def test_train_without_a_data_set_says_what_to_do_first(tmp_path: Path, config: dict[str, Any], capsys: Any) -> None:
    config["student"] = {"engine": "transformers", "model": str(ROOT / "errata" / "demo" / "student")}
    assert main(["train", write(tmp_path, config)]) == 2
    assert "errata build" in capsys.readouterr().err


def test_a_bug_is_not_hidden(tmp_path: Path, config: dict[str, Any]) -> None:
    """An exception outside the tree keeps its traceback and ends with 1."""
    (tmp_path / "buggy.py").write_text("def answer(messages, index):\n    return 1 / 0\n")
    config["student"] = {"engine": "scripted", "function": "buggy:answer"}
    environment = {**os.environ, "PYTHONPATH": f"{tmp_path}:{ROOT}"}
    command = [sys.executable, "-m", "errata", "build", write(tmp_path, config)]
    result = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert result.returncode == 1
    assert "ZeroDivisionError" in result.stderr


def test_a_folder_that_cannot_be_written_is_named_not_a_traceback(
    tmp_path: Path, config: dict[str, Any], capsys: Any
) -> None:
    (tmp_path / "runs").write_text("a file where a folder should be")
    assert main(["build", write(tmp_path, config)]) == 2
    assert f"{tmp_path / 'runs'}" in capsys.readouterr().err


def test_a_full_disk_stops_a_run_that_can_be_resumed(
    tmp_path: Path, config: dict[str, Any], capsys: Any, monkeypatch: Any
) -> None:
    code = "import errno\ndef answer(messages, index):\n    raise OSError(errno.ENOSPC, 'No space left on device')\n"
    (tmp_path / "full_disk.py").write_text(code)
    monkeypatch.syspath_prepend(tmp_path)
    config["student"] = {"engine": "scripted", "function": "full_disk:answer"}
    assert main(["build", write(tmp_path, config)]) == 3
    assert "disk is full" in capsys.readouterr().err


def test_a_pipe_to_others_that_breaks_is_no_quiet_end(
    tmp_path: Path, config: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    code = "import errno\ndef answer(messages, index):\n    raise BrokenPipeError(errno.EPIPE, 'Broken pipe')\n"
    (tmp_path / "left.py").write_text(code)
    monkeypatch.syspath_prepend(tmp_path)
    config["student"] = {"engine": "scripted", "function": "left:answer"}
    with pytest.raises(BrokenPipeError):
        main(["build", write(tmp_path, config)])


def test_nothing_is_said_to_a_reader_that_has_left(tmp_path: Path, config: dict[str, Any]) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-m", "errata", "build", write(tmp_path, config), "--check"]
    buffered = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    told = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE, text=True, cwd=ROOT, env=buffered)
    os.close(writer)
    assert (told.returncode, told.stderr) == (1, "")


def test_grade_takes_lists_and_names_a_wrong_option(tmp_path: Path, capsys: Any) -> None:
    (tmp_path / "a.jsonl").write_text(
        json.dumps({"question": "q", "answer": 8, "samples": ["#### 8", "#### 7"]}) + "\n"
    )
    out = tmp_path / "grades.jsonl"
    command = ["grade", str(tmp_path / "a.jsonl"), "--checker", "numeric", "--response", "samples", "--out", str(out)]
    assert main([*command, "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"correct": 1, "wrong": 1, "unknown": 0}
    assert [(t["id"], t["index"]) for t in map(json.loads, out.read_text().splitlines())] == [(1, 0), (1, 1)]
    assert main([*command, "--checker.tolerence", "1"]) == 2
    assert "--checker.tolerence: unknown key 'tolerence'; did you mean 'tolerance'" in capsys.readouterr().err


def test_a_foreign_package_of_the_same_name_is_named(tmp_path: Path) -> None:
    (tmp_path / "pipeline").mkdir()
    (tmp_path / "pipeline" / "__init__.py").write_text("")
    command = [sys.executable, "-c", "import errata"]
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    told = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env=environment)
    assert told.returncode == 1
    assert f"the package `pipeline` that Python finds is {tmp_path / 'pipeline'}" in told.stderr
