"""Hostile ids, questions and answers from the data to the page: nothing acts, and nothing is written elsewhere."""

from __future__ import annotations

import json
import re
import unicodedata
from pathlib import Path
from typing import Any

import pytest

from errata.cli import main

ACTS = {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}
IDS = (
    *("../../../../escaped", "/etc/errata-escaped", "..", ".", "a/../../escaped", "~/escaped", "C:\\escaped"),
    *(
        "nul\0byte",
        "line\nerrata: all is well",
        "\x1b[2J\x1b]0;owned\x07",
        "\u202egpj.exe",
        "[red]",
        "[/]",
        "{{ 7 * 7 }}",
    ),
    *("<script>window.owned=1</script>", '"><img src=x onerror=window.owned=1>', "javascript:window.owned=1"),
    *(
        "=cmd|' /C calc'!A0",
        "%s%n{0.__class__}",
        "x" * 5000,
        "__proto__",
        "--help",
        "$(touch escaped)",
        "'; DROP TABLE",
    ),
)
DRESS = "<script>window.owned=1</script> [/] [link=http://127.0.0.1:9]x[/link] \x1b[31m\u202e ![](http://127.0.0.1:9/x)"
NAME = "hostile"
GRADE = ("--checker", "numeric")


def acting(shown: str) -> set[str]:
    """Characters in a text that steer a terminal, line ends apart."""
    return {mark for mark in shown if unicodedata.category(mark) in ACTS and mark != "\n"}


def number_in(body: dict[str, Any]) -> int:
    said = "\n".join(turn["content"] for turn in body["messages"])
    return int(re.findall(r"What is (\d+) \+", said)[0])


def err(body: dict[str, Any]) -> list[str]:
    """Two attempts of three are wrong."""
    number = number_in(body)
    wrong = (body.get("seed") or 0) % 3
    return [f"{DRESS}\nSo the sum of {number} and {number}:\n#### {2 * number + wrong}"]


def teach(body: dict[str, Any]) -> list[str]:
    """A control character in a solution would be a malformed reply; marks that turn the writing are not."""
    number, dress = number_in(body), DRESS.replace("\x1b", "\x9b")
    return [f"<diagnosis>{dress}</diagnosis>\n<solution>\n{dress}\nWell:\n#### {2 * number}\n</solution>"]


def responses(folder: Path) -> str:
    """A file of answers to be graded."""
    rows = [
        {"id": id, "question": DRESS, "answer": "7", "response": f"{DRESS}\n#### {7 + n % 2}"}
        for n, id in enumerate(IDS)
    ]
    (folder / "responses.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(folder / "responses.jsonl")


@pytest.fixture
def config(tmp_path: Path, serve: Any) -> str:
    """A run whose every text is hostile."""

    def write(name: str, numbers: range) -> str:
        rows = [
            {"id": id, "question": f"What is {n} + {n}? {DRESS}", "answer": str(2 * n), "topic": f"{DRESS} {n % 2}"}
            for n, id in zip(numbers, IDS, strict=False)
        ]
        (tmp_path / name).write_text("".join(json.dumps(row) + "\n" for row in rows))
        return str(tmp_path / name)

    columns = {"id": "id", "extras": ["topic"]}
    settings = {
        "name": NAME,
        "runs_dir": str(tmp_path / "runs"),
        "problems": {"path": write("train.jsonl", range(100, 100 + len(IDS))), **columns},
        "student": {"engine": "endpoint", "base_url": serve(err).url, "model": "[/]m"},
        "teachers": {"[/]\u202et": {"engine": "endpoint", "base_url": serve(teach).url, "model": "t"}},
        "correct": {"rungs": [{"rung": "gold_guided", "teacher": "[/]\u202et"}]},
        "sample": {"n": 3},
        "filters": [],
        "evaluate": {
            "problems": {"path": write("heldout.jsonl", range(500, 512)), **columns},
            "held_out": {"ids": False, "min_share": 1.0, "quoted": False},
            "by": ["topic"],
        },
    }
    (tmp_path / "run.yaml").write_text(json.dumps(settings))
    return str(tmp_path / "run.yaml")


def run(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> str:
    """The output of a command that succeeds, or what one that fails with this exit code says; nothing in it acts."""
    ended = main(arguments)
    told = capsys.readouterr()
    assert ended == code, told.err
    assert acting(told.out) == acting(told.err) == set()
    return told.err if code else told.out


def test_nothing_hostile_acts_or_is_written_elsewhere_whatever_the_command(
    config: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    folder = tmp_path / "runs" / NAME
    run(capsys, "build", config, "--check", "--data")
    told = json.loads(run(capsys, "build", config, "--json"))
    assert told["problems"] == len(IDS)
    assert told["kept"] > len(IDS)
    run(capsys, "build", config)
    run(capsys, "evaluate", config)
    json.loads(run(capsys, "evaluate", config, "--json"))
    run(capsys, "audit", str(folder), "--html", str(tmp_path / "audit.html"))
    json.loads(run(capsys, "audit", str(folder), "--json"))
    for target in ("trl", "llama_factory", "jsonl"):
        run(capsys, "export", str(folder), "--to", target, "--out", str(tmp_path / target))
    json.loads(run(capsys, "report", str(folder), "--json"))
    run(capsys, "clean", str(folder), "--out", str(tmp_path / "clean"), "--html", str(tmp_path / "clean.html"))
    run(capsys, "teachers", config)
    json.loads(run(capsys, "teachers", config, "--json"))
    run(capsys, "grade", responses(tmp_path), *GRADE, "--out", str(tmp_path / "grades.jsonl"))

    names = {path.name for path in tmp_path.rglob("*")}
    assert not any("escaped" in name or "owned" in name for name in names)
    assert list(work.iterdir()) == []
    assert not Path("/etc/errata-escaped").exists()
    given = {"train.jsonl", "heldout.jsonl", "responses.jsonl", "run.yaml", "work"}
    made = {"runs", "audit.html", "trl", "llama_factory", "jsonl", "clean", "clean.html", "grades.jsonl"}
    assert {path.name for path in tmp_path.iterdir()} == given | made
    ids = {json.loads(line)["problem_id"] for line in (folder / "attempts.jsonl").read_text().splitlines()}
    assert ids == set(IDS)


def test_what_fails_says_so_without_acting(
    config: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], serve: Any
) -> None:
    refuses = serve(lambda body: (400, {"error": {"message": DRESS}}))
    settings = json.loads(Path(config).read_text())
    settings["teachers"] = {"[/]\u202et": {"engine": "endpoint", "base_url": refuses.url, "model": DRESS}}
    settings["correct"] = {"rungs": ["own_correct"]}
    (tmp_path / "run.yaml").write_text(json.dumps(settings))
    out, rows = str(tmp_path / "out"), responses(tmp_path)
    run(capsys, "teachers", config, code=2)
    run(capsys, "teachers", config, "--json", code=2)
    (tmp_path / "train.jsonl").write_text(json.dumps({"id": DRESS, "question": DRESS}) + "\n")
    assert "\\x1b[31m" in run(capsys, "build", config, "--problems.answer", DRESS, code=2)
    assert "\\x1b[31m" in run(capsys, "grade", rows, "--checker", DRESS, "--out", out, code=2)
    assert "\\x1b[31m" in run(capsys, "grade", rows, *GRADE, "--response", DRESS, "--out", out, code=2)
    for command in (("report",), ("audit",), ("clean", "--out", out), ("export", "--to", "trl", "--out", out)):
        name, *options = command
        assert "\\x1b[31m" in run(capsys, name, str(tmp_path / DRESS), *options, code=2)


@pytest.mark.slow
def test_the_pages_of_such_a_run_do_nothing_in_a_browser(
    config: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], browser: Any
) -> None:
    folder = tmp_path / "runs" / NAME
    run(capsys, "build", config)
    run(capsys, "evaluate", config)
    run(capsys, "audit", str(folder), "--html", str(tmp_path / "audit.html"))
    run(capsys, "report", str(folder))
    for page in (folder / "report.html", tmp_path / "audit.html"):
        browser.open(page)
        browser.run("document.querySelectorAll('main details').forEach(d => { d.open = true; })")
        browser.run("document.querySelectorAll('.rows a').length && document.querySelector('.rows a').click()")
        browser.run("new Promise(done => setTimeout(done, 300))")
        assert browser.run("window.owned === undefined")
        assert browser.run("document.querySelectorAll('img, iframe, object, embed, script[src], link').length") == 0
        links = browser.run("[...document.querySelectorAll('a')].map(a => a.getAttribute('href'))")
        assert all(link.startswith("#") for link in links)
        assert browser.run(r"/[\u202a-\u202e\u2066-\u2069\u0000\u001b]/.test(document.body.textContent)") is False
        assert browser.errors == []
        assert browser.addresses == [page.resolve().as_uri()]
