"""OpenRLHF: the keys and forms that `openrlhf/datasets/` of release 0.11 (and 0.9.5 for KTO) reads."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from datasets import load_dataset
from transformers import AutoTokenizer

from tests.pipeline.exports.conftest import ROWS
from trainer.data import tokenize_rows

KEYS = {
    "pairs": ["prompt", "chosen", "rejected"],
    "sft": ["input", "output"],
    "unpaired": ["input", "output", "label"],
}


@pytest.mark.parametrize("kind", KEYS)
def test_rows_have_the_keys_of_its_loaders_and_no_others(kind: str, export: Callable[..., Any], tmp_path: Path) -> None:
    folder, exported = export("openrlhf", kind)
    rows = load_dataset("json", data_files=str(folder / "train.jsonl"), cache_dir=str(tmp_path / "c"))["train"]
    assert rows.column_names == KEYS[kind]
    assert len(rows) == exported.rows["train"]
    by_card = load_dataset(str(folder), cache_dir=str(tmp_path / "c"))
    assert {split: len(part) for split, part in by_card.items()} == exported.rows
    assert exported.columns_left_out == ["id", "teacher", "view", "edit_ratio"]


def test_message_lists_added_and_templated_give_prompt_and_answers(
    export: Callable[..., Any], student_dir: Path, tmp_path: Path
) -> None:
    folder, _ = export("openrlhf", "pairs")
    tokenizer = AutoTokenizer.from_pretrained(student_dir)
    for line, row in zip((folder / "train.jsonl").read_text().splitlines(), ROWS["train"], strict=True):
        data = json.loads(line)
        prompt = tokenizer.apply_chat_template(data["prompt"], tokenize=False, add_generation_prompt=True)
        (own,) = tokenize_rows([row], tokenizer)
        for side, ids in zip(("chosen", "rejected"), own.completions, strict=True):
            whole = tokenizer.apply_chat_template(data["prompt"] + data[side], tokenize=False)
            assert whole.startswith(prompt)
            assert tokenizer(whole, add_special_tokens=False)["input_ids"] == [*own.prompt, *ids]


def test_the_card_gives_the_command_for_each_form(export: Callable[..., Any]) -> None:
    card = (export("openrlhf", "sft")[0] / "README.md").read_text()
    assert "train_sft --data.input_key input --data.output_key output --data.apply_chat_template" in card
    assert "--eval.dataset PATH/validation.jsonl --eval.split train" in card
    assert "--data.input_template '{}'" in (export("openrlhf", "pairs", format="text")[0] / "README.md").read_text()
    assert "train_kto --input_key input" in (export("openrlhf", "unpaired")[0] / "README.md").read_text()
