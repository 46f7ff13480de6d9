"""Plain files: every kind, with all that is known of a row, in types that do not depend on the first rows."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from datasets import load_dataset
from transformers import AutoTokenizer

from pipeline.kinds import KINDS
from trainer.data import tokenize_rows
from trainer.sources import read_rows


@pytest.mark.parametrize("form", ["conversation", "text"])
@pytest.mark.parametrize("kind", KINDS)
def test_jsonl_and_parquet_load_as_the_same_rows_and_our_trainer_reads_them(
    kind: str, form: str, export: Callable[..., Any], student_dir: Path, tmp_path: Path
) -> None:
    loaded = {}
    for to in ("jsonl", "parquet"):
        folder, exported = export(to, kind, format=form)
        splits = load_dataset(str(folder), cache_dir=str(tmp_path / "cache"))
        assert {split: len(rows) for split, rows in splits.items()} == exported.rows
        loaded[to] = splits["train"]
    assert loaded["jsonl"].features == loaded["parquet"].features
    assert loaded["jsonl"].to_list() == loaded["parquet"].to_list()
    lines = read_rows(str(tmp_path / f"jsonl-{kind}" / "train.jsonl"))
    tokenizer = AutoTokenizer.from_pretrained(student_dir)
    task = "supervised" if kind == "sft" else "preference"
    examples = tokenize_rows(lines, tokenizer, form=task)  # type: ignore[arg-type]  # mypy reads a plain string
    assert [example.completions for example in examples] == [
        example.completions
        for example in tokenize_rows(loaded["parquet"], tokenizer, form=task)  # type: ignore[arg-type]
    ]


def test_a_column_that_is_null_for_long_keeps_its_type(export: Callable[..., Any], tmp_path: Path) -> None:
    folder, _ = export("jsonl", "pairs")
    first = json.loads((folder / "train.jsonl").read_text().splitlines()[0])
    blank = json.dumps(first | {"teacher": None, "edit_ratio": None}) + "\n"
    path = folder / "train.jsonl"
    path.write_text(
        blank * (12_000_000 // len(blank)) + path.read_text()
    )  # more than the block that types are read from
    rows = load_dataset(str(folder), cache_dir=str(tmp_path / "cache"))["train"]
    assert (rows[-1]["teacher"], rows[-4]["edit_ratio"]) == ("big", 0.6)


def test_texts_of_a_conversation_are_joined_as_a_runs_own_text_form(export: Callable[..., Any]) -> None:
    folder, _ = export("jsonl", "pairs", format="text")
    last = json.loads((folder / "train.jsonl").read_text().splitlines()[-1])
    assert last["prompt"] == "Answer briefly.\n\nWhat is 2 + 2?\n\n#### 5\n\nCheck your answer.\n"
    assert (last["chosen"], last["rejected"]) == ("It is 4.\n#### 4", "#### 5")
