"""The commands of the documents, run as they are printed, each document's in order in a folder of its own.

The documents' configuration is the README's. Environment variables put its student and its teacher on this machine:
the demo's student, and a server that knows the solutions. The tutorial runs as it stands, from an empty folder.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import re
import shutil
from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from errata.demo import world
from tests.conftest import Server
from tests.docs_commands import DOCUMENTS, ROOT, Block, missing, read_blocks, run_command, run_script

README, TUTORIAL, GPU = ROOT / "README.md", ROOT / "docs" / "tutorial.md", ROOT / "docs" / "gpu.md"
STUDENT = ROOT / "errata" / "demo" / "student"
APART = (README, ROOT / "README.zh-CN.md", TUTORIAL)
OTHERS = [
    file
    for file in DOCUMENTS
    if file not in APART
    and any(block.kind == "commands" and any(map(block.is_run, block.commands)) for block in read_blocks(file))
]
pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
QUICK = {
    "STUDENT__ENGINE": "transformers",
    "STUDENT__MODEL": "my-student",
    "TRAIN__MODEL": "my-student",
    "SFT__MODEL": "my-student",
    "SAMPLE__PARAMS__MAX_TOKENS": "96",
    "EVALUATE__PARAMS__MAX_TOKENS": "96",
    "EVALUATE__SAMPLES": "1",
}


def write_rows(file: Path, rows: list[dict[str, Any]]) -> None:
    file.parent.mkdir(exist_ok=True)
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))


def write_files(folder: Path) -> dict[str, str]:
    """The files that the documents name; returns the solution of each question."""
    rng, stories = random.Random(0), list(islice(world.stories("docs"), 40))
    rows = [{"question": story.question, "answer": world.solve(story)} for story in stories]
    pairs = [
        {"prompt": s.question, "chosen": world.solve(s), "rejected": world.solve(s, rng, 1.0)}
        for s in stories
        if s.tricky
    ]
    write_rows(folder / "data" / "train.jsonl", rows[:24])
    write_rows(folder / "data" / "test.jsonl", rows[24:])
    for name in ("pairs.jsonl", "own.jsonl"):
        write_rows(folder / name, pairs)
    told = [
        {"id": number, "question": s.question, "answer": world.answer_of(world.solve(s)), "response": world.solve(s)}
        for number, s in enumerate(stories)
    ]
    write_rows(folder / "answers.jsonl", told)
    for name in ("my-student", "my-model", "M"):
        shutil.copytree(STUDENT, folder / name)
    for block in read_blocks(README):
        if block.kind == "yaml":
            (folder / "my-run.yaml").write_text(block.text)
            (folder / "CONFIG").write_text(block.text)
    return {row["question"]: row["answer"] for row in rows}


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with the documents' files, and the student and the teacher of the README on this machine."""
    folder = tmp_path_factory.mktemp("machine") / "work"
    folder.mkdir()
    solutions = write_files(folder)

    def answer(body: Mapping[str, Any]) -> list[str]:
        asked = body["messages"][-1]["content"]
        solution = next((text for question, text in solutions.items() if question in asked), "#### 42")
        return [f"<diagnosis>a step is wrong</diagnosis>\n<solution>\n{solution}\n</solution>"] * body.get("n", 1)

    server = Server(answer)
    server.models[0]["id"] = "deepseek-chat"
    with pytest.MonkeyPatch.context() as patch:
        variables = QUICK | {"TEACHERS__DEEPSEEK__BASE_URL": server.url}
        for name, value in variables.items():
            patch.setenv(f"ERRATA_{name}", value)
        for name, value in {"DEEPSEEK_API_KEY": "x", "HF_HUB_OFFLINE": "1", "COLUMNS": "120"}.items():
            patch.setenv(name, value)
        yield folder
    server.close()


def run_block(block: Block, folder: Path, names: dict[str, Any]) -> None:
    """Run the commands, or the Python, of a block in `folder`, which is the working directory."""
    if block.kind == "python":
        exec(compile(block.text, str(block), "exec"), names)
        return
    for command in filter(block.is_run, block.commands):
        allowed = (0, 4) if "--require-" in command else (0,)  # 4: what is required does not hold here
        assert run_command(command, folder) in allowed, f"{block}: {command}"


def run_document(file: Path, folder: Path) -> None:
    names: dict[str, Any] = {"rows": [json.loads(line) for line in (folder / "pairs.jsonl").open()]}
    for block in read_blocks(file):
        if block.kind == "commands" or (block.kind == "python" and file.name != "extending.md"):
            run_block(block, folder, names)


@pytest.fixture(scope="module")
def done(machine: Path) -> Path:
    """The folder after the README's commands and Python."""
    with contextlib.chdir(machine):
        run_document(README, machine)
    return machine


def test_the_commands_of_the_readme_run(done: Path) -> None:
    for made in ("other.yaml", "runs/my-run/report.html", "runs/my-loop/loop.json", "export/dataset_info.json"):
        assert (done / made).is_file(), made
    assert (done / "grades.jsonl").read_text().count('"verdict": "correct"') == 40
    assert json.loads((done / "runs" / "my-run" / "ablation.json").read_text())["cells"]


@pytest.mark.parametrize("file", OTHERS, ids=lambda file: file.name)
def test_the_commands_of_a_document_run(
    file: Path, done: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(done, tmp_path / "work")
    monkeypatch.chdir(tmp_path / "work")
    run_document(file, tmp_path / "work")


def test_the_tutorial_runs_from_an_empty_folder_and_shows_what_is_printed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in os.environ if name.startswith("ERRATA_")]:
        monkeypatch.delenv(name)
    for name, value in {"COLUMNS": "104", "OMP_NUM_THREADS": "1"}.items():
        monkeypatch.setenv(name, value)
    parts, blocks = [], read_blocks(TUTORIAL)
    for number, block in enumerate(blocks):
        if block.kind in ("commands", "python"):
            assert block.mark is None
            body = block.text if block.kind == "commands" else f"python - <<'PYTHON'\n{block.text}PYTHON\n"
            parts.append(f"echo '@@@ {number}'\n{body}")
    shown = run_script("exec 2>&1\n" + "".join(parts), tmp_path)
    assert shown.returncode == 0, shown.stdout[-3000:]
    outputs = dict(re.findall(r"^@@@ (\d+)\n(.*?)(?=^@@@ |\Z)", shown.stdout, re.MULTILINE | re.DOTALL))
    for number, block in enumerate(blocks):
        if block.kind == "text":
            assert missing(block.text, outputs[str(number - 1)]) == [], block
    told = json.loads((tmp_path / "runs" / "my-loop" / "loop.json").read_text())
    assert told["total"]["significant"]
    assert told["total"]["gain"]["value"] > 0.3
