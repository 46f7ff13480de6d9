"""The documents say what is so: their commands and options exist, their settings load, their links lead somewhere.

Every command is run by test_docs_runs.py, or marked as needing a GPU or a key (docs_commands.py).
"""

from __future__ import annotations

import ast
import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from errata.config import ErrataSettings
from pipeline.loading import load_settings
from tests.docs_commands import (
    DOCUMENTS,
    MARKS,
    ROOT,
    Block,
    all_blocks,
    check_command,
    missing,
    read_blocks,
    run_script,
    words_of,
)

README, CHINESE = ROOT / "README.md", ROOT / "README.zh-CN.md"
TESTED = ("extending.md", "engines.md")
"""Documents whose settings another test takes: tests/pipeline/test_extending.py, tests/errata/test_configs.py."""
ids = str


# --- what there is ---


@pytest.mark.parametrize("file", DOCUMENTS, ids=lambda file: file.name)
def test_every_block_is_of_a_known_kind_and_every_mark_is_one(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    blocks = read_blocks(file)
    assert len(blocks) == text.count("\n```") // 2
    assert sum(block.mark is not None for block in blocks) == text.count("<!--")
    for block in blocks:
        assert block.mark in (None, *MARKS), block
        if block.kind == "commands":
            assert all(
                any(word in line for line in block.commands) for word in block.words if block.mark != "elsewhere"
            )
        if block.kind == "text":  # nobody runs it
            assert not re.search(r"^(errata|python|torchrun) ", block.text, re.MULTILINE), block
        if block.mark == "elsewhere":
            (test,) = block.words
            told = (ROOT / test).read_text(encoding="utf-8")
            assert all(words_of(command)[1] in told for command in block.commands if command.startswith("errata"))


@pytest.mark.parametrize("file", DOCUMENTS, ids=lambda file: file.name)
def test_links_lead_somewhere(file: Path) -> None:
    for image, text, target in re.findall(r"(!?)\[([^\]]*)\]\(([^)#\s]+)[^)]*\)", file.read_text(encoding="utf-8")):
        if "://" not in target and not (image and text.startswith("To be made")):
            assert (file.parent / target).is_file(), f"{file.name}: {target}"


def test_the_index_names_every_document() -> None:
    linked = set(re.findall(r"\]\((\w+\.md)\)", (ROOT / "docs" / "README.md").read_text(encoding="utf-8")))
    assert linked == {file.name for file in (ROOT / "docs").glob("*.md")} - {"README.md"}


def test_make_demo_is_the_demo() -> None:
    shown = run_script("make -n demo", ROOT)
    assert "errata demo" in shown.stdout


def test_the_chinese_readme_keeps_step() -> None:
    ours, theirs = read_blocks(README), read_blocks(CHINESE)
    assert [block.language for block in ours] == [block.language for block in theirs]
    for our, their in zip(ours, theirs, strict=True):
        assert (our.mark, our.words) == (their.mark, their.words)
        if our.kind == "commands":
            assert list(map(words_of, our.commands)) == list(map(words_of, their.commands))
        elif our.kind == "yaml":
            assert yaml.safe_load(our.text) == yaml.safe_load(their.text)
        elif our.kind == "python":
            assert ast.dump(ast.parse(our.text)) == ast.dump(ast.parse(their.text))
        elif "━" in our.text:
            assert our.text == their.text
    links = [re.findall(r"\]\(([^)]+)\)", file.read_text(encoding="utf-8")) for file in (README, CHINESE)]
    assert links[0][0] == CHINESE.name
    assert links[1][0] == README.name
    assert sorted(links[0][1:]) == sorted(links[1][1:])
    numbers = [re.findall(r"\d[\d,.]*%", file.read_text(encoding="utf-8")) for file in (README, CHINESE)]
    assert sorted(numbers[0]) == sorted(numbers[1])


FOREIGN = (
    *("No module named", "Your setup doesn't support", "unexpected keyword", "HTTP 4", "runs/"),
    *("file is not a database", "database is locked"),
)
"""What Python, SQLite and other libraries say."""


def test_the_messages_of_the_troubleshooting_are_those_of_the_code() -> None:
    """Of each, a run of words as long as two fifths of it stands in the code; the rest is what is filled in."""
    files = (path for name in ("errata", "pipeline", "trainer") for path in (ROOT / name).rglob("*.py"))
    code = "".join(path.read_text(encoding="utf-8") for path in files)
    joined = " ".join(re.findall(r"[A-Za-z_]+", re.sub(r'"\s*\n\s*f?r?"', "", code)))
    text = (ROOT / "docs" / "troubleshooting.md").read_text(encoding="utf-8")
    cells = re.findall(r"^\| ([^|]*`[^|]*) \|", text, re.MULTILINE)
    told = [part for cell in cells for part in re.findall(r"`([^`]+)`", cell) if " " in part]
    assert len(told) > 50
    for message in told:
        words = re.findall(r"[A-Za-z_]+", message)
        size = max(2, len(words) * 2 // 5)
        runs = (" ".join(words[start : start + size]) for start in range(len(words) - size + 1))
        assert any(run in joined for run in runs) or any(text in message for text in FOREIGN), message


def test_a_line_that_was_never_shown_is_found() -> None:
    assert missing("Trained on 628 pairs in 20 steps, 4 s.\n", "Trained on 7 pairs in 1 steps, 112.5 s.") == []
    assert missing("│ audit │ clean │\n", "┃ audit    ┃ clean    ┃") == []
    assert missing("│ audit │ clean │\n", "┃ audit    ┃ marker    ┃") == ["audit clean"]


# --- settings ---

BASE: dict[str, Any] = {
    "name": "fragment",
    "problems": {"path": "train.jsonl"},
    "student": {"engine": "transformers", "model": "my-student"},
    "evaluate": {"problems": {"path": "data/test.jsonl"}},
    "train": {"model": "my-student"},
}
SERVER = {"engine": "endpoint", "base_url": "http://127.0.0.1:1/v1", "model": "m"}
SETTINGS = [block for block in all_blocks("yaml") if block.file.name not in TESTED and "…" not in block.text]


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder in which the files that settings name are there, keys are set, and something answers to vLLM's name."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data").mkdir()
    for name in ("train.jsonl", "test.jsonl", *(f"data/{n}.jsonl" for n in ("train", "test", "validation", "edge"))):
        (tmp_path / name).write_text('{"question": "Q", "answer": "1"}\n')
    for name in ("data/other.jsonl", "prompts.jsonl"):
        shutil.copyfile(tmp_path / "train.jsonl", tmp_path / name)
    for name in ("my-student", "runs/my-run/policy"):
        shutil.copytree(ROOT / "errata" / "demo" / "student", tmp_path / name)
    for name in set(re.findall(r"[A-Z][A-Z_]*_KEY", " ".join(block.text for block in SETTINGS))):
        monkeypatch.setenv(name, "x")
    there = tmp_path / "packages" / "vllm-0.dist-info"
    there.mkdir(parents=True)
    (there / "METADATA").write_text("Metadata-Version: 2.1\nName: vllm\nVersion: 0\n")
    (there / "top_level.txt").write_text("vllm\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "packages"))
    return tmp_path


@pytest.mark.parametrize("block", SETTINGS, ids=ids)
def test_printed_settings_load(block: Block, files: Path) -> None:
    """A whole file as it stands; a fragment with a base for what it leaves out. Nothing is asked."""
    sections = yaml.safe_load(block.text)
    whole = "name" in sections
    used = set(re.findall(r"(?:teacher|restyle): (\w+)", block.text)) - set(sections.get("teachers", {}))
    teachers = {"teachers": dict.fromkeys(sorted(used), SERVER)} if used else {}
    file = files / "settings.yaml"
    file.write_text(block.text if whole else yaml.safe_dump(BASE | teachers | sections, allow_unicode=True))
    settings = load_settings(file, cls=ErrataSettings)
    if "topic" in str(sections.get("pair")):  # a column, which the fragment before names
        settings = settings.model_copy(
            update={"problems": settings.problems.model_copy(update={"extras": (settings.pair.select.topic,)})}
        )
    settings.check()
    if settings.ablate.axes:
        from errata.ablation_cells import plan_cells

        assert plan_cells(settings)
    if "train" in sections:
        from errata.training import make_arguments

        fit = settings.train
        fit = fit.model_copy(update={"arguments": fit.arguments | {"use_cpu": True}})
        make_arguments(settings.model_copy(update={"train": fit}), fit, files / "out")


def test_printed_json_is_json() -> None:
    for block in all_blocks("json"):
        if "…" not in block.text:
            json.loads(block.text)


def test_the_figures_of_memory_are_what_their_formula_prints(capsys: pytest.CaptureFixture[str]) -> None:
    blocks = read_blocks(ROOT / "docs" / "gpu.md")
    at = next(number for number, block in enumerate(blocks) if block.kind == "python")
    exec(blocks[at].text, {})
    assert capsys.readouterr().out == blocks[at + 1].text


# --- commands ---


@pytest.fixture(scope="module")
def configs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The documents' whole configurations under their names; CONFIG is the README's."""
    folder = tmp_path_factory.mktemp("configs")
    for block in all_blocks("yaml"):
        if block.text.startswith("name: "):
            (folder / f"{yaml.safe_load(block.text)['name']}.yaml").write_text(block.text)
        elif block.text.startswith("ablate:") and not (folder / "ablate.yaml").exists():
            (folder / "ablate.yaml").write_text(block.text)
    for block in all_blocks("json"):
        if block.text.startswith('{"version"'):
            (folder / "fsdp.json").write_text(block.text)
    shutil.copyfile(folder / "my-run.yaml", folder / "CONFIG")
    return folder


COMMANDS = [(block, command) for block in all_blocks("commands") for command in block.commands]


@pytest.mark.parametrize(("block", "command"), COMMANDS, ids=lambda value: str(value).partition("  ")[0][:60])
def test_a_printed_command_and_its_options_exist(
    block: Block, command: str, configs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(configs)
    check_command(command, configs)
