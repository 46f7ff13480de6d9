"""docs/data_format.md names every field of every record, and none that does not exist."""

from __future__ import annotations

import inspect
import json
import re
import typing
from pathlib import Path

import pyarrow.parquet
import pytest
from pydantic import BaseModel

from errata import records
from pipeline import cleaning
from pipeline.answer_format.form import Detected
from pipeline.clean import Cleaned
from pipeline.config import ExportSettings
from pipeline.export import export_pairs
from pipeline.measures.records import AnswerRow, Evaluation
from pipeline.shortcuts.records import Audit
from pipeline.summary import Summary
from pipeline.types import Attempt, Correction, Finding, Pair

FORMAT = (Path(__file__).parent.parent / "docs" / "data_format.md").read_text(encoding="utf-8")
FILES: dict[str, type[BaseModel]] = {
    "attempts.jsonl": Attempt,
    "corrections.jsonl": Correction,
    "pairs.jsonl": Pair,
    "findings.jsonl": Finding,
    "format.json": Detected,
    "summary.json": Summary,
    "audit.json": Audit,
    "clean.json": Cleaned,
    "changes.jsonl": cleaning.Change,
    "evaluation.json": Evaluation,
    "answers.jsonl": AnswerRow,
    "rewards.json": records.Rewards,
    "rewards.jsonl": records.PairCredit,
    "loop.json": records.Loop,
    "ablation.json": records.Ablation,
}


def parts_of(record: type[BaseModel]) -> dict[type[BaseModel], None]:
    """A record and all that it is made of."""
    found = {record: None}
    for field in record.model_fields.values():
        waiting = [field.annotation]
        while waiting:
            one = waiting.pop()
            waiting += typing.get_args(one)
            if inspect.isclass(one) and issubclass(one, BaseModel) and one not in found:
                found |= parts_of(one)
    return found


RECORDS = {part: None for record in FILES.values() for part in parts_of(record)}


def heading_of(record: type[BaseModel]) -> str:
    return "changes.jsonl: Change" if record is cleaning.Change else record.__name__


def table_under(heading: str) -> list[str]:
    """The first column of the table under a heading, or behind a paragraph that begins with it."""
    section = FORMAT.partition(f"\n{heading}")[2].partition("\n| ")[2]
    rows = re.findall(r"^\| `(\w+)` \|", f"| {section.partition(chr(10) * 2)[0]}", re.MULTILINE)
    assert rows, heading
    return rows


@pytest.mark.parametrize("record", RECORDS, ids=heading_of)
def test_every_field_of_a_record_is_named(record: type[BaseModel]) -> None:
    fields = [field.alias or name for name, field in record.model_fields.items()]
    assert table_under(f"### {heading_of(record)}\n") == fields


def test_no_record_is_described_that_is_none() -> None:
    assert sorted(re.findall(r"^### (.+)$", FORMAT, re.MULTILINE)) == sorted(map(heading_of, RECORDS))


def test_every_file_is_told_of() -> None:
    assert all(f"`{file}`" in FORMAT for file in FILES)


def test_the_columns_of_the_data_set_are_those_that_are_written(tmp_path: Path) -> None:
    from pipeline.placed import Placed
    from pipeline.types import Message

    prompt = (Message(role="user", content="Q"),)
    known = dict.fromkeys(("problem_id", "mistake_id", "settings", "answer", "rejected_answer"), "x")
    pair = Pair(id="p", prompt=prompt, rejected="a", chosen="b", **known)
    export_pairs([(pair, Placed(offsets=(0,), pass_rate=0.5, topic=None))], tmp_path / "dataset", ExportSettings(), [])
    (file,) = (tmp_path / "dataset").glob("*.parquet")
    assert table_under("## dataset/ and control.jsonl") == pyarrow.parquet.read_schema(file).names


def test_the_files_that_are_no_records_have_the_keys_that_are_told(tmp_path: Path, student_dir: Path) -> None:
    """A small run: its student is right, wrong and unreadable, its teacher objects, one row is bad."""
    from errata.cli import main

    rows = [{"question": f"What is {i} + {i}?", "answer": str(2 * i)} for i in range(1, 5)]
    lines = [*map(json.dumps, rows), '{"question": "What is 9?"}', *map(json.dumps, [{**rows[0], "answer": "7"}])]
    (tmp_path / "p.jsonl").write_text("\n".join(lines) + "\n")
    (tmp_path / "test.jsonl").write_text('{"question": "What is 3 + 3?"}\n')
    script = {"engine": "scripted", "replies": ["<attempt_right>it is right</attempt_right>"]}
    config = {
        "name": "run",
        "runs_dir": str(tmp_path / "runs"),
        "problems": {
            "path": str(tmp_path / "p.jsonl"),
            "on_bad_row": "skip",
            "decontaminate": {"files": [str(tmp_path / "test.jsonl")]},
        },
        "student": {"engine": "scripted", "replies": ["no idea", "#### 4", "#### 1000", "#### 1001"]},
        "teachers": {"t": script},
        "sample": {"n": 4},
        "correct": {"rungs": ["own_correct", {"rung": "revise", "teacher": "t"}]},
        "train": {"model": str(student_dir)},
    }
    (tmp_path / "run.yaml").write_text(json.dumps(config))
    for command in ("build", "train"):
        assert main([command, str(tmp_path / "run.yaml"), "--json"]) == 0
    folder = tmp_path / "runs" / "run"

    def keys(name: str) -> list[list[str]]:
        return [list(json.loads(line)) for line in (folder / f"{name}.jsonl").read_text().splitlines()]

    for name in ("unknown", "objections"):
        assert keys(name), name
        assert all(told == table_under(f"`{name}.jsonl`") for told in keys(name)), name
    assert {key for told in keys("left_out") for key in told} == set(table_under("`left_out.jsonl`"))
    assert list(json.loads((folder / "policy" / "training.json").read_text())) == table_under("## training.json")
    written = {path.name for path in folder.iterdir()} - {"checkpoints"}
    listed = FORMAT.partition("## The folder of a run")[2].partition("\n\nAbove the runs")[0]
    assert written <= set(re.findall(r"`([\w.]+)/?`", listed)), written
