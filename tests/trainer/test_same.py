"""Going on with what was set anew, and not with another model, reference or adapter than a training began with."""

from __future__ import annotations

import json
import logging
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import LoraConfig
from transformers import AutoModelForCausalLM, AutoTokenizer

from tests.trainer.test_dpo import make_rows, read_log
from trainer import DPOConfig, DPOTrainer
from trainer.errors import TrainingInputError
from trainer.origin import describe_weights

OPTIONS: dict[str, Any] = {
    "global_batch_pairs": 8,
    "learning_rate": 5e-5,
    "logging_steps": 1,
    "disable_tqdm": True,
    "max_steps": 4,
    "save_steps": 2,
    "report_to": [],
}


def make_trainer(model: Any, out: Path, alpha: int | None = None, **options: Any) -> DPOTrainer:
    """On twelve pairs; with LoRA where an alpha is given."""
    lora = LoraConfig(r=4, lora_alpha=alpha, target_modules="all-linear", task_type="CAUSAL_LM") if alpha else None
    args = DPOConfig(output_dir=str(out), **{**OPTIONS, **options})
    rows = make_rows(12)
    return DPOTrainer(str(model), args=args, train_dataset=rows, eval_dataset=rows[:4], peft_config=lora)


def train(model: Any, out: Path, alpha: int | None = None, **options: Any) -> Path:
    """Returns its checkpoint after two steps."""
    make_trainer(model, out, alpha, **options).train()
    return out / "checkpoint-2"


def change(student: Path, folder: Path, *, tokens: int | None = None) -> Path:
    """Another model with the same tokenizer, a little off or with more tokens."""
    model = AutoModelForCausalLM.from_pretrained(student)
    if tokens is not None:
        model.resize_token_embeddings(tokens, mean_resizing=False)
    with torch.no_grad():
        for weight in model.parameters():
            weight.mul_(1.001)
    model.save_pretrained(folder)
    AutoTokenizer.from_pretrained(student).save_pretrained(folder)
    return folder


@pytest.mark.parametrize("schedule", ["linear", "constant_with_warmup"])
def test_what_is_set_anew_is_what_further_steps_are_made_with(
    student_dir: Path, tmp_path: Path, schedule: str, caplog: pytest.LogCaptureFixture
) -> None:
    begun = {"lr_scheduler_type": schedule, "warmup_steps": 1}
    other = {**begun, "learning_rate": 1e-3, "weight_decay": 0.3, "adam_beta2": 0.9, "loss_weights": [2.0]}
    last = train(student_dir, tmp_path / "one", **begun)
    expected = make_trainer(student_dir, tmp_path / "two", **other, save_strategy="no")
    expected.train()
    resumed = make_trainer(student_dir, tmp_path / "one", **other)
    with caplog.at_level(logging.WARNING):
        resumed.train(resume_from_checkpoint=str(last))
    assert read_log(resumed, "learning_rate")[2:] == read_log(expected, "learning_rate")[2:] != []
    assert [group["lr"] for group in resumed.optimizer.param_groups] == [
        group["lr"] for group in expected.optimizer.param_groups
    ]
    assert {group["weight_decay"] for group in resumed.optimizer.param_groups} == {0.3, 0.0}
    assert {group["betas"] for group in resumed.optimizer.param_groups} == {(0.9, 0.9)}
    assert "resumed with another learning_rate: 0.001 instead of 5e-05" in caplog.text
    for name in ("weight_decay", "adam_beta2", "loss_weights"):
        assert f"resumed with another {name}" in caplog.text


def test_a_training_that_is_made_longer_goes_on_at_the_rate_of_the_longer_one(
    student_dir: Path, tmp_path: Path
) -> None:
    train(student_dir, tmp_path)
    longer = make_trainer(student_dir, tmp_path, max_steps=6)
    longer.train(resume_from_checkpoint="last")
    assert read_log(longer, "learning_rate")[4:] == pytest.approx([5e-5 * 2 / 6, 5e-5 / 6])


def test_a_plateaus_rate_goes_on_from_the_one_before(student_dir: Path, tmp_path: Path) -> None:
    plateau = {"lr_scheduler_type": "reduce_lr_on_plateau", "eval_strategy": "steps", "eval_steps": 1}
    plateau |= {"metric_for_best_model": "loss", "lr_scheduler_kwargs": {"patience": 0, "threshold": 10.0}}
    last = train(student_dir, tmp_path, **plateau)
    resumed = make_trainer(student_dir, tmp_path, **plateau)
    resumed.train(resume_from_checkpoint=str(last))
    kept = json.loads((last / "state.json").read_text())["optimizer"]["groups"][0]["settings"]["lr"]
    assert 0 < kept < 5e-5
    assert read_log(resumed, "learning_rate")[2] == pytest.approx(kept)


def test_a_checkpoint_with_another_reference_is_refused(student_dir: Path, tmp_path: Path) -> None:
    last, other = train(student_dir, tmp_path / "one"), change(student_dir, tmp_path / "other")
    told = rf"the reference was {student_dir} \(\w+\), now {other} \(\w+\)"
    with pytest.raises(TrainingInputError, match=told):
        make_trainer(other, tmp_path / "one").train(resume_from_checkpoint=str(last))


def test_without_a_reference_any_model_of_its_shape_will_do(student_dir: Path, tmp_path: Path) -> None:
    free = {"loss_type": ["simpo"]}
    last, other = train(student_dir, tmp_path / "one", **free), change(student_dir, tmp_path / "other")
    make_trainer(other, tmp_path / "one", **free).train(resume_from_checkpoint=str(last))
    wider = change(student_dir, tmp_path / "wider", tokens=600)
    with pytest.raises(TrainingInputError, match="does not fit this training"):
        make_trainer(wider, tmp_path / "one", **free).train(resume_from_checkpoint=str(last))


def test_adapters_go_on_with_their_own_base_and_settings_alone(student_dir: Path, tmp_path: Path) -> None:
    last, other = train(student_dir, tmp_path / "one", 8), change(student_dir, tmp_path / "other")
    for model, alpha, told in (
        (student_dir, 64, r"adapter default\.lora_alpha was 8, now 64"),
        (other, 8, f"the model under the adapters was {student_dir} .* now {other}"),
        (student_dir, None, "it is of adapters, and none are trained now"),
    ):
        with pytest.raises(TrainingInputError, match=told):
            make_trainer(model, tmp_path / "one", alpha).train(resume_from_checkpoint=str(last))
    moved = Path(shutil.copytree(student_dir, tmp_path / "moved"))
    again = make_trainer(moved, tmp_path / "one", 8)
    again.train(resume_from_checkpoint=str(last))
    assert again.state.global_step == 4


def test_the_digest_of_weights_sees_any_training_and_no_other_precision(student_dir: Path, tmp_path: Path) -> None:
    model = AutoModelForCausalLM.from_pretrained(student_dir)
    whole = describe_weights(model)["digest"]
    assert describe_weights(model.double())["digest"] == whole
    trainer = make_trainer(student_dir, tmp_path, max_steps=2, learning_rate=1e-6, save_strategy="no")
    trainer.train()  # the first update of a warm-up-less linear schedule is at the full rate
    assert describe_weights(trainer.model)["digest"] != whole


@pytest.mark.parametrize("alpha", [None, 8])
def test_the_best_of_checkpoints_without_an_optimizer_is_found_again(
    student_dir: Path, tmp_path: Path, alpha: int | None
) -> None:
    best = {"save_only_model": True, "load_best_model_at_end": True, "eval_strategy": "steps", "eval_steps": 2}
    trainer = make_trainer(student_dir, tmp_path, alpha, **best, learning_rate=0.05, metric_for_best_model="eval_loss")
    trainer.train()
    losses = read_log(trainer, "eval_loss")
    assert trainer.state.best_model_checkpoint is not None
    assert trainer.evaluate()["eval_loss"] == pytest.approx(min(losses), rel=1e-3)
    assert max(losses) > 1.1 * min(losses)
