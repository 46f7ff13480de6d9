"""DPOTrainer on the demo's student: parity with TRL, the check at step 0, exact resume."""

from __future__ import annotations

import itertools
import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, TrainerCallback

from errata.demo import world
from trainer import DPOConfig, DPOTrainer
from trainer.data import collate, tokenize_rows
from trainer.errors import ReferenceMismatch, TrainingInputError
from trainer.layouts import LAYOUTS, pack_rows
from trainer.logprobs import completion_logps
from trainer.reference import reference_logps


def make_rows(count: int) -> list[dict[str, Any]]:
    rng = random.Random(0)
    rows = []
    for story in itertools.islice((s for s in world.stories("trainer-test") if s.tricky), count):
        turn = {"prompt": [{"role": "user", "content": story.question}]}
        sides = {"chosen": world.solve(story), "rejected": world.solve(story, rng, wrong=1.0)}
        rows.append({**turn, **{name: [{"role": "assistant", "content": t}] for name, t in sides.items()}})
    return rows


def make_trainer(student: Path, out: Path, count: int = 32, **options: Any) -> DPOTrainer:
    arguments = {
        "per_device_train_batch_size": 4,
        "gradient_accumulation_steps": 2,
        "learning_rate": 5e-5,
        "logging_steps": 1,
        "disable_tqdm": True,
        "dataloader_pin_memory": False,
        "save_strategy": "no",
        **options,
    }
    return DPOTrainer(str(student), DPOConfig(output_dir=str(out), **arguments), make_rows(count))


def read_weights(trainer: DPOTrainer) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in trainer.model.state_dict().items()}


def test_training_raises_the_margin_and_logs_trls_names(student_dir: Path, tmp_path: Path) -> None:
    trainer = make_trainer(student_dir, tmp_path, nll_weight=0.2, num_train_epochs=3)
    trainer.train()
    first, last = trainer.state.log_history[0], trainer.state.log_history[-2]
    names = ("chosen", "rejected", "margins", "accuracies")
    assert {f"rewards/{name}" for name in names} | {"logps/chosen", "logps/rejected"} <= set(first)
    assert abs(first["loss/dpo"] - 0.6931) < 1e-3
    assert last["rewards/margins"] > 0.1
    assert last["loss/dpo"] < first["loss/dpo"]


def test_the_first_losses_equal_trls(student_dir: Path, tmp_path: Path) -> None:
    from datasets import Dataset
    from trl import DPOConfig as PeerConfig
    from trl import DPOTrainer as PeerTrainer

    same = {
        "per_device_train_batch_size": 4,
        "max_steps": 4,
        "learning_rate": 5e-5,
        "lr_scheduler_type": "constant",
        "logging_steps": 1,
        "seed": 3,
        "report_to": "none",
        "disable_tqdm": True,
        "dataloader_pin_memory": False,
        "save_strategy": "no",
        "gradient_accumulation_steps": 1,
        "weight_decay": 0.0,
        "beta": 0.1,
    }
    ours = make_trainer(student_dir, tmp_path, **same)
    ours.train()
    rows = Dataset.from_list(make_rows(32))
    peer_args = PeerConfig(
        output_dir=str(tmp_path / "peer"),
        precompute_ref_log_probs=True,
        gradient_checkpointing=False,
        bf16=False,
        **same,
    )
    model = AutoModelForCausalLM.from_pretrained(student_dir, dtype=torch.float32)
    tokenizer = AutoTokenizer.from_pretrained(student_dir)
    peer = PeerTrainer(model, args=peer_args, train_dataset=rows, processing_class=tokenizer)
    peer.train()
    for name in ("loss", "rewards/margins", "logps/chosen", "logps/rejected"):
        mine = [line[name] for line in ours.state.log_history if name in line]
        theirs = [line[name] for line in peer.state.log_history if name in line]
        assert len(mine) == 4
        assert mine == pytest.approx(theirs, abs=2e-3), name


def test_log_probs_equal_those_of_one_text_at_a_time(student_dir: Path) -> None:
    model = AutoModelForCausalLM.from_pretrained(student_dir).eval()
    pairs = tokenize_rows(make_rows(6), AutoTokenizer.from_pretrained(student_dir))
    with torch.no_grad():
        together, counts = completion_logps(model, **collate(pairs, pad=0))
        for row, (pair, side) in enumerate([(p, s) for s in ("chosen", "rejected") for p in pairs]):
            completion = list(getattr(pair, side))
            ids = torch.tensor([list(pair.prompt) + completion])
            logps = model(ids).logits[0, len(pair.prompt) - 1 : -1].log_softmax(-1)
            alone = logps.gather(-1, torch.tensor(completion)[:, None]).sum()
            assert torch.isclose(together[row], alone, atol=1e-3)
            assert counts[row] == len(completion)


CASES = (("padded", 9), ("padded", 2), ("tree", 9), ("tree", 2))


def test_the_reference_does_not_depend_on_its_batches_or_layout(student_dir: Path) -> None:
    model = AutoModelForCausalLM.from_pretrained(student_dir).eval()
    pairs = tokenize_rows(make_rows(9), AutoTokenizer.from_pretrained(student_dir))
    first, *others = (reference_logps(model, pairs, LAYOUTS[name](0), batch_size=size) for name, size in CASES)
    for other in others:
        assert torch.allclose(first, other, atol=1e-3)


def test_a_model_that_changed_since_the_reference_stops_the_run(student_dir: Path, tmp_path: Path) -> None:
    trainer = make_trainer(student_dir, tmp_path)
    with torch.no_grad():
        trainer.model.model.layers[0].mlp.down_proj.weight.mul_(1.5)
    with pytest.raises(ReferenceMismatch, match="ln 2"):
        trainer.train()


def test_dropout_is_off(student_dir: Path, tmp_path: Path) -> None:
    model = AutoModelForCausalLM.from_pretrained(student_dir, attention_dropout=0.5)
    args = DPOConfig(output_dir=str(tmp_path), max_steps=1, save_strategy="no", disable_tqdm=True)
    tokenizer = AutoTokenizer.from_pretrained(student_dir)
    DPOTrainer(model, args, make_rows(8), processing_class=tokenizer).train()


def test_batch_8_equals_batch_1_accumulated_8_times(student_dir: Path, tmp_path: Path) -> None:
    weights = []
    for size, accumulate in ((8, 1), (1, 8)):
        options = {"per_device_train_batch_size": size, "gradient_accumulation_steps": accumulate, "max_steps": 2}
        trainer = make_trainer(student_dir, tmp_path, **options, optim="sgd", learning_rate=1e-2)
        trainer.train()
        weights.append(read_weights(trainer))
    for name, whole in weights[0].items():
        assert torch.allclose(whole, weights[1][name], atol=2e-6), name


def test_both_layouts_train_to_the_same_weights_and_log_the_same_losses(student_dir: Path, tmp_path: Path) -> None:
    runs = []
    for layout in LAYOUTS:
        trainer = make_trainer(student_dir, tmp_path, layout=layout, max_steps=4, optim="sgd", learning_rate=1e-2)
        trainer.train()
        runs.append(([line["loss"] for line in trainer.state.log_history if "loss" in line], read_weights(trainer)))
    (padded, padded_weights), (tree, tree_weights) = runs
    assert padded == pytest.approx(tree, abs=1e-4)
    for name, value in padded_weights.items():
        assert torch.allclose(value, tree_weights[name], atol=1e-5), name


def test_pairs_that_share_a_prompt_and_texts_share_their_tokens(student_dir: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(student_dir)
    model = AutoModelForCausalLM.from_pretrained(student_dir).eval()
    first, second = tokenize_rows(make_rows(2), tokenizer)
    twin = replace(first, rejected=(*first.rejected[:-3], *first.chosen[-3:]))
    group = [first, second, twin]
    batches = {name: LAYOUTS[name](0).collate(group) for name in LAYOUTS}
    used = int((batches["tree"]["tokens_BT"] != 0).sum())
    assert used < 0.6 * int(batches["padded"]["attention_mask"].sum())
    with torch.no_grad():
        (padded, counts), (tree, same) = (LAYOUTS[name](0).logps(model, batch) for name, batch in batches.items())
    assert torch.allclose(padded, tree, atol=1e-3)
    assert torch.equal(counts, same)


def test_rows_are_filled_first_fit_and_never_beyond_their_width() -> None:
    assert pack_rows([3, 9, 4, 5, 1], 10) == [[1, 4], [3, 2], [0]]
    with pytest.raises(TrainingInputError, match="12 tokens does not fit"):
        pack_rows([12], 10)


class StopAt(TrainerCallback):
    """Interrupts training at the end of a step, as Ctrl-C would."""

    def __init__(self, step: int) -> None:
        self.step = step

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        if state.global_step == self.step:
            raise KeyboardInterrupt


def test_interrupted_and_resumed_equals_uninterrupted(student_dir: Path, tmp_path: Path) -> None:
    saving = {"save_strategy": "steps", "save_steps": 2, "num_train_epochs": 2}
    whole = make_trainer(student_dir, tmp_path / "whole", **saving)
    whole.train()
    broken = make_trainer(student_dir, tmp_path / "broken", **saving)
    broken.add_callback(StopAt(5))
    with pytest.raises(KeyboardInterrupt):
        broken.train()
    resumed = make_trainer(student_dir, tmp_path / "broken", **saving)
    resumed.train(resume_from_checkpoint=str(tmp_path / "broken" / "checkpoint-4"))
    assert resumed.state.global_step == whole.state.global_step == 8
    for name, value in read_weights(whole).items():
        assert torch.equal(value, resumed.model.state_dict()[name]), name


def test_settings_that_make_no_sense_are_refused(tmp_path: Path) -> None:
    for wrong in ({"beta": 0.0}, {"nll_weight": -1.0}, {"overlong": "cut"}, {"layout": "flat"}):
        with pytest.raises(ValueError, match=next(iter(wrong))):
            DPOConfig(output_dir=str(tmp_path), **wrong)
