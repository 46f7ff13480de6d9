"""Rows become token ids: the boundary where sampling had it, one end token, nothing cut."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from transformers import AutoTokenizer

from trainer.data import collate, tokenize_rows
from trainer.errors import TrainingInputError


@pytest.fixture(scope="module")
def tokenizer(student_dir: Path) -> Any:
    return AutoTokenizer.from_pretrained(student_dir)


def make_row(chosen: str = "4 * 2 = 8\n#### 8", rejected: str = "4 + 2 = 6\n#### 6", **more: Any) -> dict[str, Any]:
    turn = {"prompt": [{"role": "user", "content": "Tom has 4 pears. Then the number doubles."}]}
    sides = {"chosen": chosen, "rejected": rejected}
    return {**turn, **{name: [{"role": "assistant", "content": text}] for name, text in sides.items()}, **more}


def test_a_conversation_is_split_where_the_model_starts_to_write(tokenizer: Any) -> None:
    (pair,) = tokenize_rows([make_row()], tokenizer)
    assert tokenizer.decode(pair.prompt).endswith("<|end|><|assistant|>")
    assert tokenizer.decode(pair.chosen) == "4 * 2 = 8\n#### 8<|end|>"
    assert pair.chosen.count(tokenizer.eos_token_id) == pair.rejected.count(tokenizer.eos_token_id) == 1


def test_strings_are_taken_as_they_are_and_end_once(tokenizer: Any) -> None:
    row = {"prompt": "4 * 2 =", "chosen": " 8", "rejected": " 6<|end|>"}
    (pair,) = tokenize_rows([row], tokenizer)
    assert tokenizer.decode(pair.prompt + pair.chosen) == "4 * 2 = 8<|end|>"
    assert tokenizer.decode(pair.rejected) == " 6<|end|>"


def test_a_template_with_text_behind_the_end_token_keeps_only_the_end(tokenizer: Any, student_dir: Path) -> None:
    other = AutoTokenizer.from_pretrained(student_dir)
    other.chat_template = other.chat_template.replace("<|end|>{%- endfor", "<|end|>{{ '\\n' }}{%- endfor")
    (pair,) = tokenize_rows([make_row()], other)
    assert other.decode(pair.chosen).endswith("#### 8<|end|>")


@pytest.mark.parametrize(
    ("row", "told"),
    [
        (make_row(chosen=" "), "row 0 .id 7.: chosen is empty"),
        (make_row(chosen="same", rejected="same"), "identical"),
        ({"prompt": "p", "chosen": "c"}, "no rejected"),
        ({"prompt": "p", "chosen": "a<|end|>b", "rejected": "c"}, "behind the end token"),
    ],
)
def test_rows_that_cannot_be_trained_on_are_named(tokenizer: Any, row: dict[str, Any], told: str) -> None:
    with pytest.raises(TrainingInputError, match=told):
        tokenize_rows([{**row, "id": 7}], tokenizer)


def test_long_pairs_are_dropped_and_counted_or_an_error_but_never_cut(tokenizer: Any, caplog: Any) -> None:
    rows = [make_row(), make_row(rejected="1 + 1 = 2\n" * 40)]
    (kept,) = tokenize_rows(rows, tokenizer, max_length=100)
    assert kept == tokenize_rows(rows[:1], tokenizer)[0]
    assert "1 of 2 pairs are longer" in caplog.text
    with pytest.raises(TrainingInputError, match=r"row 1: .* more than max_length 100"):
        tokenize_rows(rows, tokenizer, max_length=100, overlong="error")
    with pytest.raises(TrainingInputError, match="no pair to train on"):
        tokenize_rows(rows, tokenizer, max_length=5)


def test_a_batch_scores_completions_only(tokenizer: Any) -> None:
    pairs = tokenize_rows([make_row(), make_row(chosen="8\n#### 8")], tokenizer)
    batch = collate(pairs, pad=0)
    for row, (pair, side) in enumerate([(p, s) for s in ("chosen", "rejected") for p in pairs]):
        completion = getattr(pair, side)
        scored = batch["input_ids"][row][batch["completion_mask"][row].bool()]
        assert tuple(scored.tolist()) == completion
        assert batch["attention_mask"][row].sum() == len(pair.prompt) + len(completion)
