"""What docs/extending.md prints works as it is printed."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.engines.scripted import Settings as Scripted
from pipeline.prompts import Prompts
from pipeline.rungs import gold_guided, revise
from pipeline.rungs.base import Needs
from pipeline.types import Problem

ROOT = Path(__file__).parents[2]
DOCUMENT = (ROOT / "docs" / "extending.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```", DOCUMENT, re.DOTALL | re.MULTILINE)


def block(language: str, word: str) -> str:
    (found,) = [text for kind, text in BLOCKS if kind == language and word in text]
    return found


def errata(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The command line, from a copy of the sources that has the document's files."""
    command = [sys.executable, "-m", "errata", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=120)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout with the document's two rungs, its prompt, and a run that uses them."""
    import shutil

    folder = tmp_path / "checkout"
    for name in ("errata", "pipeline", "trainer", "prompts"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("*.safetensors", "__pycache__"))
    (folder / "pipeline" / "rungs" / "hinted.py").write_text(block("python", 'Literal["hinted"]'))
    (folder / "pipeline" / "rungs" / "borrowed.py").write_text(block("python", 'Literal["borrowed"]'))
    (folder / "prompts" / "hinted.jinja").write_text(block("jinja", "Hint:"))
    (folder / "my_script.py").write_text(
        "def student(messages, index): return 'So it is 5.\\n#### 5'\n"
        "def reply(messages, index):\n"
        "    assert 'Hint: count twice' in messages[0].content\n"
        "    assert 'attempt_right' not in messages[0].content\n"
        "    return '<solution>2 + 2 = 4\\n#### 4</solution>'\n"
    )
    row = {"question": "What is 2 + 2?", "answer": "4", "hint": "count twice", "solution": ""}
    (folder / "train.jsonl").write_text(json.dumps(row) + "\n")
    write_config(folder)
    return folder


def write_config(folder: Path, **changes: object) -> None:
    config = {
        "name": "run",
        "problems": {"path": "train.jsonl", "extras": ["hint", "solution"]},
        "student": {"engine": "scripted", "function": "my_script:student"},
        "teachers": {"deepseek": {"engine": "scripted", "function": "my_script:reply"}},
        "correct": {"rungs": ["borrowed", {"rung": "hinted", "teacher": "deepseek"}]},
        "sample": {"n": 1},
    }
    (folder / "run.yaml").write_text(json.dumps(config | changes))


def test_the_documents_rungs_build_a_pair(checkout: Path) -> None:
    assert errata(checkout, "build", "run.yaml", "--check").returncode == 0
    made = errata(checkout, "build", "run.yaml", "--json")
    assert made.returncode == 0, made.stderr
    told = json.loads(made.stdout)
    assert (told["kept"], told["corrections"], told["tries"]) == (1, {"hinted": 1}, {"borrowed": 1, "hinted": 1})


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (
            {"problems": {"path": "train.jsonl", "extras": ["solution"]}},
            "'hint' is not among problems.extras (solution)",
        ),
        ({"correct": {"rungs": [{"rung": "hintd", "teacher": "deepseek"}]}}, "did you mean 'hinted'"),
        ({"correct": {"rungs": [{"rung": "hinted", "teacher": "deepsek"}]}}, "did you mean 'deepseek'"),
        (
            {"correct": {"rungs": [{"rung": "hinted", "teacher": "deepseek", "prompt": "hint"}]}},
            "correct.rungs.0 (hinted)",
        ),
    ],
)
def test_typical_slips_are_told_by_field_with_exit_code_2(checkout: Path, change: dict[str, object], told: str) -> None:
    write_config(checkout, **change)
    result = errata(checkout, "build", "run.yaml", "--check")
    assert result.returncode == 2, result
    assert told in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ('Literal["hinted"] = "hinted"', 'Literal["hint"] = "hint"', 'Literal["hinted"] = "hinted"'),
        ("class Settings(TeacherRung)", "class Rung(TeacherRung)", "must define a class Settings"),
        ("def values(", "def values((", "hinted.py:2"),
        ("from pipeline.teaching", "from pipeline.taching", "No module named"),
    ],
)
def test_a_broken_file_is_named(checkout: Path, before: str, after: str, told: str) -> None:
    file = checkout / "pipeline" / "rungs" / "hinted.py"
    file.write_text(file.read_text().replace(before, after))
    result = errata(checkout, "build", "run.yaml", "--check")
    assert result.returncode == 2, result.stderr
    assert "pipeline/rungs/hinted.py" in result.stderr
    assert told in result.stderr
    assert "Traceback" not in result.stderr


def test_a_templates_slips_are_found_in_branches_that_are_not_taken(checkout: Path) -> None:
    prompt = checkout / "prompts" / "hinted.jinja"
    for wrong, told in (
        ("{% if hint == 'x' %}{{ qestion }}{% endif %}", "no 'qestion'"),
        ("{{ 1 // 0 }}", "ZeroDivision"),
    ):
        prompt.write_text(block("jinja", "Hint:") + wrong)
        result = errata(checkout, "build", "run.yaml", "--check")
        assert (result.returncode, told in result.stderr) == (2, True), result.stderr


def test_the_chinese_prompts_ask_for_what_is_read() -> None:
    prompts = Prompts(ROOT / "configs" / "prompts_zh")
    example = Problem(id="p", question="二加二是多少？", answer="4", rationale="R")
    engine = Scripted(replies=("x",))
    for rung in (
        revise.Settings(teacher="t"),
        gold_guided.Settings(teacher="t"),
        gold_guided.Settings(teacher="t", reply="json"),
    ):
        rung.check(Needs(prompts, example, engine, {"t": engine}))


def test_a_filter_and_a_feature_of_ones_own_are_used_by_the_audit(checkout: Path) -> None:
    (checkout / "pipeline" / "filters" / "shouting.py").write_text(block("python", 'Literal["shouting"]'))
    features = checkout / "pipeline" / "shortcuts" / "features"
    (features / "questions.py").write_text(block("python", 'Literal["questions"]'))
    words = "apples pears nuts eggs boxes cards coins pens".split()
    texts = [f"We count the {words[i % 8]} and the {words[i // 8]}." for i in range(64)]
    rows = [
        {"prompt": f"How many in {i}?", "chosen": f"What is asked? {text}", "rejected": text}
        for i, text in enumerate(texts)
    ]
    rows[0]["chosen"] = rows[0]["chosen"].upper()
    (checkout / "pairs.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    write_config(checkout, audit={"features": ["questions"]}, filters=["shouting"])
    result = errata(checkout, "audit", "pairs.jsonl", "--config", "run.yaml", "--json")
    assert result.returncode == 0, result.stderr
    told = json.loads(result.stdout)
    assert told["leaks_by_rule"] == {"shouting": 1}
    assert [(f["kind"], f["feature"], f["chosen"]) for f in told["features"]] == [("questions", "a question", 64)]
