"""`errata init` as people use it: at a real terminal, with options, and with a preview that is paid once."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from pathlib import Path
from typing import Any

import pytest

from errata.cli import main
from errata.config import load
from errata.demo import story
from errata.init.models import guess_engine


def hear_interrupts() -> None:
    """A process started in the background of a script inherits a deaf ear for Ctrl-C."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


class Terminal:
    """A command at a pseudo-terminal of 100 columns."""

    def __init__(self, *command: str, cwd: Path) -> None:
        self.master, ours = pty.openpty()
        fcntl.ioctl(ours, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 100, 0, 0))
        quiet = {"HF_HUB_OFFLINE": "1", "TERM": "xterm-256color", "OMP_NUM_THREADS": "1"}
        environment = {**os.environ, **quiet}
        environment.pop("COLUMNS", None)  # the terminal says how wide it is
        self.process = subprocess.Popen(
            [sys.executable, "-m", "errata", *command],
            stdin=ours,
            stdout=ours,
            stderr=ours,
            cwd=cwd,
            env=environment,
            start_new_session=True,
            preexec_fn=hear_interrupts,
        )
        os.close(ours)
        self.raw, self.read = "", 0

    @property
    def shown(self) -> str:
        """All that was written, without colours."""
        return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", self.raw).replace("\r\n", "\n")

    def answer(self, prompt: str, text: str) -> None:
        """Wait for a prompt behind the last one, then type."""
        end = time.monotonic() + 60
        while prompt not in self.shown[self.read :]:
            assert time.monotonic() < end, self.shown
            assert self._listen(), self.shown
        self.read += self.shown[self.read :].index(prompt) + len(prompt)
        os.write(self.master, text.encode())

    def _listen(self) -> bool:
        """False once the command has closed its terminal."""
        if select.select([self.master], [], [], 1)[0]:
            try:
                self.raw += os.read(self.master, 65536).decode(errors="replace")
            except OSError:
                return False
        return True

    def end(self) -> int:
        """Read to the end; returns the exit code."""
        while self._listen():
            assert self.process.poll() is None or select.select([self.master], [], [], 0.2)[0], self.shown
        os.close(self.master)
        return self.process.wait(60)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder but for 60 of the demo's problems, in `apples.jsonl`; the current one."""
    settings = story.make_settings(tmp_path / "made", [])
    story.write_problems(settings, 60)
    work = tmp_path / "work"
    work.mkdir()
    Path(settings.problems.path).rename(work / "apples.jsonl")
    monkeypatch.chdir(work)
    return work


def test_a_person_at_a_terminal_gets_a_configuration_and_a_preview(folder: Path, student_dir: Path) -> None:
    terminal = Terminal("init", "--preview-problems", "6", cwd=folder)
    terminal.answer("hub id of `datasets`: ", "aples.jsonl\n")
    terminal.answer("no such file", "apples.jsonl\n")
    terminal.answer("Is this right? [y/n] (y): ", "n\n")
    terminal.answer("Column of the question (question): ", "\n")
    terminal.answer("Column of the gold answer (answer): ", "anwser\n")
    terminal.answer("no column 'anwser'", "answer\n")
    terminal.answer("inside a longer text (- for none) (-): ", "\n")
    terminal.answer("worked solutions (- for none) (solution): ", "\n")
    terminal.answer("ids (- for none) (-): ", "\n")
    terminal.answer("Is this right? [y/n] (y): ", "\n")
    terminal.answer("OpenAI-compatible server: ", f"{student_dir}\n")
    terminal.answer(f"What runs it ({guess_engine()}): ", "1\n")
    terminal.answer("Teacher (reference): ", "sk-1\n")
    terminal.answer("unknown teacher", "\n")
    terminal.answer("Checker (numeric): ", "\n")
    terminal.answer("another file (split): ", "none\n")
    terminal.answer("Its name (apples): ", "pears\n")
    terminal.answer("problems now?", "y\n")
    assert terminal.end() == 0, terminal.shown
    shown = terminal.shown
    for part in (
        "numeric reads 60 of 60 gold answers",
        "Preview. 6 problems, 24 attempts",
        "rejected",
        "foreseen from 6",
    ):
        assert part in shown
    assert "errata build pears.yaml" in shown
    assert "Traceback" not in shown
    assert re.search(r"\x1b\[[0-9;]*9[0-9;]*m", terminal.raw), "words that are not in the chosen text are struck out"
    settings = load(folder / "pears.yaml", [])
    assert (settings.name, settings.student.model, settings.evaluate) == ("pears", str(student_dir), None)
    assert [rung.name for rung in settings.rungs] == ["own_correct", "reference"]
    assert sorted(path.name for path in folder.iterdir()) == ["apples.jsonl", "pears.yaml", "runs"]
    assert not (folder / "runs" / "pears").exists(), "the preview is no run"


def test_the_end_of_the_input_and_ctrl_c_leave_nothing_behind(folder: Path) -> None:
    terminal = Terminal("init", cwd=folder)
    terminal.answer("hub id of `datasets`: ", "\x04")
    assert terminal.end() == 2
    assert "nothing was written" in terminal.shown
    terminal = Terminal("init", "--data", "apples.jsonl", cwd=folder)
    terminal.answer("Is this right?", "")
    os.killpg(terminal.process.pid, signal.SIGINT)
    assert terminal.end() == 3
    assert "errata: stopped by Ctrl-C; nothing was written" in terminal.shown
    assert [path.name for path in folder.iterdir()] == ["apples.jsonl"]


def test_options_need_no_terminal(folder: Path, student_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    told = ["--data", "apples.jsonl", "--student", str(student_dir), "--teacher", "reference", "--held-out", "split"]
    before = (folder / "apples.jsonl").read_bytes()
    assert main(["init", "run.yaml", *told]) == 0
    assert "54 rows to train on, 6 held out" in capsys.readouterr().out
    settings = load(folder / "run.yaml", [])
    settings.check()
    assert (settings.problems.path, settings.evaluate.problems.path) == ("run-train.jsonl", "run-heldout.jsonl")
    assert settings.sample.params.max_tokens == 256
    assert (folder / "apples.jsonl").read_bytes() == before
    assert main(["init", "run.yaml", *told]) == 2
    assert "run.yaml is there already; another name, or --force" in capsys.readouterr().err
    assert main(["init", "run.yaml", *told, "--force", "--checker", "math"]) == 0
    assert load(folder / "run.yaml", []).checker.name == "math"
    assert main(["build", "run.yaml", "--check", "--data"]) == 0


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ([], "--data is required: a .jsonl"),
        (["--data", "apples.jsonl"], "--student is required: a model folder"),
        (["--data", "apples.jsonl", "--student", "a/b"], "--teacher is required: one of openai"),
        (["--data", "nope.jsonl"], "--data: nope.jsonl: there is no such file"),
        (["--data", "apples.jsonl", "--answer", "asnwer"], "--answer: there is no column 'asnwer'"),
        (["--data", "apples.jsonl", "--answer-pattern", "("], "--answer-pattern: not a regular expression"),
        (["--data", "apples.jsonl", "--answer-pattern", "x"], "--answer-pattern: needs a group"),
        (["--data", "apples.jsonl", "--student", "x"], "--student: x: is neither a folder nor"),
        (["--data", "apples.jsonl", "--student", "a/b", "--teacher", "nobody"], "--teacher: unknown teacher"),
        (
            ["--data", "apples.jsonl", "--student", "a/b", "--teacher", "deepseek", "--teacher-key-env", "sk-x"],
            "--teacher-key-env: give the name of an environment variable",
        ),
        (
            ["--data", "apples.jsonl", "--student", "a/b", "--teacher", "none", "--checker", "exactly"],
            "did you mean 'exact'",
        ),
        (
            ["--data", "apples.jsonl", "--student", "a/b", "--teacher", "none", "--held-out", "apples.jsonl"],
            "the data itself",
        ),
        (["--preview-problems", "0"], "--preview-problems must be at least 1"),
    ],
)
def test_what_is_missing_or_wrong_is_named(
    folder: Path, options: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["init", *options]) == 2
    assert told in capsys.readouterr().err
    assert [path.name for path in folder.iterdir()] == ["apples.jsonl"]


def teacher(body: dict[str, Any]) -> list[str]:
    """Computes what it is asked, but objects to the second problem in the list of all."""
    question = body["messages"][-1]["content"]
    rows = [json.loads(line) for line in Path("apples.jsonl").read_text().splitlines()]
    row = next(row for row in rows if row["question"] in question)
    return [f"<solution>\n{row['solution']}\n</solution>"]


def test_a_preview_asks_the_teacher_and_the_run_asks_nothing_again(
    folder: Path, student_dir: Path, serve: Any, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MINE_KEY", "a-secret-of-mine")
    server = serve(teacher)
    options = ["--data", "apples.jsonl", "--student", str(student_dir), "--teacher", f"mine=m@{server.url}"]
    options += ["--teacher-key-env", "MINE_KEY", "--teacher-price", "1/2", "--max-cost", "3", "--held-out", "none"]
    assert main(["init", "run.yaml", *options, "--preview", "--preview-problems", "24", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    preview = told["preview"]
    assert (told["config"], told["read"], told["gold_answers"]) == ("run.yaml", 60, 60)
    assert (preview["problems"], preview["attempts"]) == (24, 96)
    assert preview["attempts"] == sum(preview[verdict] for verdict in ("correct", "wrong", "unknown", "failed"))
    assert preview["pairs"] > 0
    assert 0 < preview["forecast"]["paid"] <= preview["forecast"]["cost"]
    assert server.keys == {"Bearer a-secret-of-mine"}
    assert "a-secret-of-mine" not in Path("run.yaml").read_text()
    assert load(Path("run.yaml"), []).budget.max_cost == 3

    asked = len(server.bodies)
    assert asked > 0
    assert main(["build", "run.yaml", "--dry-run", "--dry-run-problems", "24", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["paid"] == 0
    assert len(server.bodies) == asked, "nothing is paid twice"


def test_a_student_behind_a_server_is_asked_there_and_trained_here(
    folder: Path, student_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DEEPSEEK_API_KEY", "x")
    options = ["--student", "m@http://127.0.0.1:9/v1", "--train-model", str(student_dir), "--teacher", "deepseek"]
    assert main(["init", "run.yaml", "--data", "apples.jsonl", *options, "--held-out", "split"]) == 0
    settings = load(Path("run.yaml"), [])
    settings.check()
    assert (settings.student.base_url, settings.student.input_price) == ("http://127.0.0.1:9/v1", 0)
    assert (settings.train.model, settings.budget.max_cost) == (str(student_dir), 20)
    assert settings.evaluate.after.model == "runs/run/policy"
    assert main(["init", "b.yaml", "--data", "apples.jsonl", "--student", str(student_dir), *options[2:]]) == 2


def test_without_its_key_nothing_is_tried(
    folder: Path, student_dir: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DEEPSEEK_API_KEY", raising=False)
    options = ["--data", "apples.jsonl", "--student", str(student_dir), "--teacher", "deepseek", "--held-out", "none"]
    assert main(["init", "run.yaml", *options]) == 0
    assert "set the environment variable DEEPSEEK_API_KEY" in capsys.readouterr().out
    assert main(["init", "run.yaml", *options, "--preview", "--force"]) == 2
    assert "no preview: deepseek" in capsys.readouterr().err
    assert (folder / "run.yaml").exists()


def test_rows_that_cannot_be_read_are_left_out_and_said(
    folder: Path, student_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with Path("apples.jsonl").open("a") as file:
        file.write('{"question": "How many?", "answer": "five or six", "solution": "x"}\n{broken\n')
    options = ["--data", "apples.jsonl", "--student", str(student_dir), "--teacher", "reference"]
    assert main(["init", "run.yaml", *options]) == 0
    shown = capsys.readouterr().out
    assert "Rows that cannot be read: 1, the first" in shown
    assert "numeric reads 60 of 61 gold answers" in shown
    assert load(Path("run.yaml"), []).problems.on_bad_row == "skip"
    assert main(["build", "run.yaml", "--check", "--data"]) == 0
    assert main(["init", "other.yaml", *options, "--answer", "question", "--checker", "numeric"]) == 2
    assert "numeric reads 0 of 61 gold answers" in capsys.readouterr().err


def test_held_out_problems_that_are_training_problems_are_kept_out_of_training(
    folder: Path, student_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = Path("apples.jsonl").read_text().splitlines(keepends=True)
    Path("apples-train.jsonl").write_text("".join(lines[:40]))
    Path("apples-test.jsonl").write_text("".join(lines[38:]))
    options = ["--data", "apples-train.jsonl", "--student", str(student_dir), "--teacher", "reference"]
    assert main(["init", "run.yaml", *options]) == 0
    shown = capsys.readouterr().out
    assert "apples-test.jsonl: 22 problems" in shown
    assert "Some stand in the training data" in shown
    settings = load(Path("run.yaml"), [])
    assert [file.path for file in settings.problems.decontaminate.files] == ["apples-test.jsonl"]


def test_real_data_are_understood_without_a_word(
    folder: Path, shared_data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("train", "test"):
        lines = (shared_data / "gsm8k" / f"{name}.jsonl").read_text().splitlines(keepends=True)
        Path(f"gsm-{name}.jsonl").write_text("".join(lines[:300]))
    assert main(["init", "--data", "gsm-train.jsonl", "--student", "Qwen/Qwen3-1.7B", "--teacher", "reference"]) == 0
    settings = load(Path("gsm-train.yaml"), [])
    settings.check()
    assert settings.problems.answer_pattern == "#### (.+)"
    assert settings.evaluate.problems.path == "gsm-test.jsonl"
    assert settings.cleanups[0].cleanup == "calculator_notes"
    assert settings.checker.name == "numeric"


def test_a_program_reads_all_that_was_decided_for_it(
    folder: Path, student_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = Path("apples.jsonl").read_text().splitlines(keepends=True)
    bad = '{"question": "How many?", "answer": "five or six", "solution": "x"}\n'
    Path("apples-train.jsonl").write_text("".join([*lines[:40], bad, "{broken\n"]))
    Path("apples-test.jsonl").write_text("".join([*lines[38:], "{broken\n"]))
    options = ["--student", str(student_dir), "--student-engine", "transformers", "--teacher", "reference", "--json"]
    assert main(["init", "run.yaml", "--data", "apples-train.jsonl", *options, "--checker", "numeric"]) == 0
    told = json.loads(capsys.readouterr().out)
    settings = load(Path("run.yaml"), [])
    assert settings.problems.on_bad_row == settings.evaluate.problems.on_bad_row == "skip"
    assert settings.problems.decontaminate.files
    assert (told["checker"], told["student"]) == ("numeric", {"engine": "transformers", "model": str(student_dir)})
    assert [(one["from"], one["why"], one["rows"]) for one in told["left_out"]] == [
        ("data", "cannot be read", 2),
        ("held_out", "cannot be read", 1),
    ]
    assert all("jsonl:" in one["first"] for one in told["left_out"])
    assert (told["held_out"]["path"], told["held_out"]["problems"]) == ("apples-test.jsonl", 22)
    assert "2 of 22 in held_out" in told["overlap"]

    rows = [json.loads(line) | {"extra": 1} for line in lines[:3]]
    Path("apples.jsonl").write_text("".join([*lines, *(json.dumps(row) + "\n" for row in rows), "{broken\n"]))
    split = ["--data", "apples.jsonl", "--held-out", "split", "--name", "cut", "--checker", "math"]
    assert main(["init", *options, *split]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["checker"], told["overlap"]) == ("math", None)
    assert told["held_out"]["path"] == "cut-heldout.jsonl"
    written = [len(Path(f"cut-{side}.jsonl").read_text().splitlines()) for side in ("train", "heldout")]
    assert written == [told["train"], told["held_out"]["problems"]]
    left_out = {(one["from"], one["why"]): one["rows"] for one in told["left_out"]}
    assert left_out["data", "has no question that can be read"] == 1
    assert sum(written) + sum(left_out.values()) == 64
    assert main(["init", "none.yaml", "--data", "apples-train.jsonl", *options, "--held-out", "none"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["held_out"], told["overlap"], len(told["left_out"])) == (None, None, 1)


def test_paths_are_shown_as_they_are(
    folder: Path, student_dir: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    odd = folder / "a[bold]b[" / "b]"
    odd.mkdir(parents=True)
    (folder / "apples.jsonl").rename(odd / "train.jsonl")
    lines = (odd / "train.jsonl").read_text().splitlines(keepends=True)
    (odd / "test.jsonl").write_text("".join(lines[:25]))
    (odd / "train.jsonl").write_text("".join(lines[24:]) + "{broken\n")
    Path("student[bold]").symlink_to(student_dir)
    options = ["--data", f"{odd}/train.jsonl", "--student", "student[bold]", "--teacher", "reference"]
    assert main(["init", f"{odd}/run.yaml", *options]) == 0
    shown = capsys.readouterr().out
    assert f"Wrote {odd}/run.yaml." in shown
    assert f"{odd}/test.jsonl: 25 problems" in shown
    assert "student[bold], engine" in shown
    monkeypatch.chdir(odd)
    assert main(["init", "other.yaml", *options[:2], "--student", str(student_dir), *options[4:], "--preview"]) == 0
    assert "foreseen from" in capsys.readouterr().out
