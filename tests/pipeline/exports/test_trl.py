"""TRL's trainers prepare the exported rows as they are, into the tokens that Errata's own trainer sees."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch
from datasets import load_dataset
from transformers import AutoModelForCausalLM, AutoTokenizer
from trl import DPOConfig, DPOTrainer, KTOConfig, KTOTrainer, SFTConfig, SFTTrainer

from pipeline.errors import ConfigError
from trainer.data import tokenize_rows

TRAINERS = {"pairs": (DPOTrainer, DPOConfig), "sft": (SFTTrainer, SFTConfig), "unpaired": (KTOTrainer, KTOConfig)}
FORMS = {"pairs": "preference", "sft": "supervised", "unpaired": "preference"}


def prepare(kind: str, rows: Any, student_dir: Path, tmp_path: Path) -> list[dict[str, Any]]:
    """The rows as the trainer of this kind has tokenised them."""
    trainer, config = TRAINERS[kind]
    args = config(
        output_dir=str(tmp_path / "out"),
        per_device_train_batch_size=2,
        report_to="none",
        bf16=False,
        gradient_checkpointing=False,
        disable_tqdm=True,
    )
    model = AutoModelForCausalLM.from_pretrained(student_dir, dtype=torch.float32)
    tokenizer = AutoTokenizer.from_pretrained(student_dir)
    return list(trainer(model, args=args, train_dataset=rows, processing_class=tokenizer).train_dataset)


@pytest.mark.parametrize("form", ["conversation", "text"])
@pytest.mark.parametrize("kind", TRAINERS)
def test_every_kind_loads_and_becomes_the_tokens_of_our_own_trainer(
    kind: str, form: str, export: Callable[..., Any], student_dir: Path, tmp_path: Path
) -> None:
    folder, exported = export("trl", kind, format=form)
    splits = load_dataset(str(folder), cache_dir=str(tmp_path / "cache"))
    assert {split: len(rows) for split, rows in splits.items()} == exported.rows
    rows = splits["train"]
    theirs = prepare(kind, rows, student_dir, tmp_path)
    ours = tokenize_rows(rows, AutoTokenizer.from_pretrained(student_dir), form=FORMS[kind])  # type: ignore[arg-type]
    assert len(theirs) == len(ours) == exported.rows["train"]
    for peer, own in zip(theirs, ours, strict=True):
        if kind == "sft":
            learned = [token for token in peer["labels"] if token != -100]
            assert (peer["input_ids"], learned) == ([*own.prompt, *own.completions[0]], [*own.completions[0]])
            continue
        names = ["chosen_ids", "rejected_ids"] if kind == "pairs" else ["completion_ids"]
        assert tuple(peer["prompt_ids"]) == own.prompt
        assert tuple(tuple(peer[name]) for name in names) == own.completions
        assert peer.get("label", True) == own.desirable


def test_neighbours_are_of_different_prompts_since_kto_pairs_them(export: Callable[..., Any], tmp_path: Path) -> None:
    folder, _ = export("trl", "unpaired")
    rows = load_dataset(str(folder), cache_dir=str(tmp_path / "cache"))["train"]
    prompts = [str(prompt) for prompt in rows["prompt"]]
    assert len(prompts) == 7
    assert all(a != b for a, b in pairwise(prompts))
    assert set(rows["label"][:3]) == {True, False}


def test_rankings_have_no_trainer_there(export: Callable[..., Any]) -> None:
    with pytest.raises(ConfigError, match="trl has no form for rankings; it takes pairs, sft, unpaired"):
        export("trl", "rankings")
