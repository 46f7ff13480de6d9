"""What Errata exports is what TRL trains on, as it is."""

from __future__ import annotations

import asyncio
from pathlib import Path

import torch
from datasets import load_dataset
from transformers import AutoModelForCausalLM, AutoTokenizer
from trl import DPOConfig, DPOTrainer

from pipeline.loading import load_settings
from pipeline.run import build

ROOT = Path(__file__).parents[2]


def test_the_recorded_gsm8k_data_set_trains_in_trl_for_two_steps(
    tmp_path: Path, shared_data: Path, student_dir: Path
) -> None:
    source = str(shared_data / "gsm8k" / "example_model_solutions.jsonl")
    problems, student = {"path": source, "limit": 20}, {"path": source}
    overrides = {"runs_dir": str(tmp_path), "problems": problems, "student": student}
    summary = asyncio.run(build(load_settings(ROOT / "configs" / "gsm8k_recorded.yaml", overrides)))
    folder = str(tmp_path / "gsm8k_recorded" / "dataset")
    rows = load_dataset(folder, cache_dir=str(tmp_path / "cache"))
    assert {split: len(part) for split, part in rows.items()} == summary.splits

    args = DPOConfig(
        output_dir=str(tmp_path / "out"),
        max_steps=2,
        per_device_train_batch_size=2,
        logging_steps=1,
        report_to="none",
        bf16=False,
        gradient_checkpointing=False,
        save_strategy="no",
        disable_tqdm=True,
    )
    model = AutoModelForCausalLM.from_pretrained(student_dir, dtype=torch.float32)
    tokenizer = AutoTokenizer.from_pretrained(student_dir)
    peer = DPOTrainer(model, args=args, train_dataset=rows["train"], processing_class=tokenizer)
    peer.train()
    losses = [line["loss"] for line in peer.state.log_history if "loss" in line]
    assert len(losses) == 2
    assert abs(losses[0] - 0.6931) < 1e-3
