"""DPOTrainer on the demo's student: parity with TRL, the same numbers for any packing, exact resume."""

from __future__ import annotations

import itertools
import logging
import random
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, TrainerCallback

from errata.demo import world
from trainer import DPOConfig, DPOTrainer
from trainer.errors import NonFiniteLoss, ReferenceMismatch, TrainingInputError


def make_rows(count: int, pairs: int = 1) -> list[dict[str, Any]]:
    """`count` prompts with `pairs` pairs each."""
    rng = random.Random(0)
    rows = []
    for story in itertools.islice((s for s in world.stories("trainer-test") if s.tricky), count):
        prompt = [{"role": "user", "content": story.question}]
        wrong: set[str] = set()
        while len(wrong) < pairs:
            wrong.add(world.solve(story, rng, wrong=1.0) if not wrong else world.solve(story, rng, wrong=0.6) + "0")
        for text in sorted(wrong):
            sides = {"chosen": world.solve(story), "rejected": text}
            rows.append({"prompt": prompt, **{n: [{"role": "assistant", "content": t}] for n, t in sides.items()}})
    return rows


def make_trainer(student: Path, out: Path, count: int = 32, pairs: int = 1, **options: Any) -> DPOTrainer:
    arguments = {
        "global_batch_pairs": 8,
        "learning_rate": 5e-5,
        "logging_steps": 1,
        "disable_tqdm": True,
        "save_strategy": "no",
        **options,
    }
    return DPOTrainer(
        str(student), args=DPOConfig(output_dir=str(out), **arguments), train_dataset=make_rows(count, pairs)
    )


def read_weights(trainer: DPOTrainer) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in trainer.model.state_dict().items()}


def read_log(trainer: Any, name: str) -> list[float]:
    return [line[name] for line in trainer.state.log_history if name in line]


def test_training_raises_the_margin_and_logs_trls_names_and_its_own(student_dir: Path, tmp_path: Path) -> None:
    trainer = make_trainer(student_dir, tmp_path, loss_type=["dpo", "sft"], loss_weights=[1, 0.2], num_train_epochs=3)
    trainer.train()
    first, last = trainer.state.log_history[0], trainer.state.log_history[-2]
    trl = {f"rewards/{name}" for name in ("chosen", "rejected", "margins", "accuracies")}
    own = {"logps/chosen_change", "displacement", "kl", "tokens_per_second", "unique_token_share", "loss/sft"}
    assert trl | {"logps/chosen", "logps/rejected"} | own <= set(first)
    assert any(name.startswith("margins/tokens_") for name in first)
    assert first["loss/dpo"] == pytest.approx(0.6931, abs=1e-3)
    assert first["loss"] == pytest.approx(first["loss/dpo"] + 0.2 * first["loss/sft"], abs=1e-5)
    assert 0 <= first["kl"] < 1e-6 < last["kl"]
    assert 0 < first["unique_token_share"] < 0.8
    assert last["rewards/margins"] > 0.1
    assert last["loss/dpo"] < first["loss/dpo"]


def test_the_first_losses_equal_trls(student_dir: Path, tmp_path: Path) -> None:
    from datasets import Dataset
    from trl import DPOConfig as PeerConfig
    from trl import DPOTrainer as PeerTrainer

    same = {
        "per_device_train_batch_size": 4,
        "max_steps": 6,
        "learning_rate": 5e-5,
        "lr_scheduler_type": "constant",
        "logging_steps": 1,
        "seed": 3,
        "report_to": "none",
        "disable_tqdm": True,
        "dataloader_pin_memory": False,
        "save_strategy": "no",
        "weight_decay": 0.0,
        "beta": 0.1,
        "train_sampling_strategy": "sequential",
    }
    ours = make_trainer(student_dir, tmp_path, **same, global_batch_pairs=None)
    ours.train()
    rows = Dataset.from_list(make_rows(32))
    options = {"precompute_ref_log_probs": True, "gradient_checkpointing": False, "bf16": False}
    peer_args = PeerConfig(output_dir=str(tmp_path / "peer"), **options, **same)
    model = AutoModelForCausalLM.from_pretrained(student_dir, dtype=torch.float32)
    tokenizer = AutoTokenizer.from_pretrained(student_dir)
    peer = PeerTrainer(model, args=peer_args, train_dataset=rows, processing_class=tokenizer)
    peer.train()
    for name in ("loss", "rewards/margins", "rewards/chosen", "logps/chosen", "logps/rejected"):
        mine, theirs = read_log(ours, name), read_log(peer, name)
        assert len(mine) == 6
        assert mine == pytest.approx(theirs, abs=1e-3), name


PACKINGS = [
    {"layout": "tree", "max_tokens_per_device": 100_000},
    {"layout": "tree", "max_tokens_per_device": 400},
    {"layout": "padded", "max_tokens_per_device": 1500},
    {"layout": "tree", "max_tokens_per_device": 700, "gradient_checkpointing": True},
    {"layout": "tree", "group_prompts": False, "train_sampling_strategy": "sequential"},
]
MIXTURES: list[dict[str, Any]] = [
    {"loss_type": ["dpo", "sft"], "loss_weights": [1.0, 0.2]},
    {"loss_type": ["kto"]},
    {"loss_type": ["aot"]},
    {"loss_type": ["tdpo2"]},
]


@pytest.mark.parametrize("mixture", MIXTURES, ids=lambda m: "+".join(m["loss_type"]))
def test_any_packing_trains_to_the_same_weights(student_dir: Path, tmp_path: Path, mixture: dict[str, Any]) -> None:
    runs = []
    for packing in PACKINGS:
        options = {"train_sampling_strategy": "sequential", "optim": "sgd", "learning_rate": 1e-2, "max_steps": 3}
        trainer = make_trainer(student_dir, tmp_path, count=12, pairs=2, **{**options, **mixture, **packing})
        trainer.train()
        runs.append((read_log(trainer, "loss"), read_weights(trainer)))
    losses, weights = runs[0]
    start = AutoModelForCausalLM.from_pretrained(student_dir).state_dict()
    for other, other_weights in runs[1:]:
        assert losses == pytest.approx(other, abs=1e-5)
        for name, value in weights.items():
            moved = (value - start[name]).norm()
            assert (value - other_weights[name]).norm() <= 1e-3 * moved + 1e-6, name


def test_a_budget_too_small_for_one_pair_names_the_row(student_dir: Path, tmp_path: Path) -> None:
    trainer = make_trainer(student_dir, tmp_path, max_tokens_per_device=30, layout="tree", loss_type="simpo")
    with pytest.raises(TrainingInputError, match=r"row \d+: \d+ tokens, more than max_tokens_per_device 30"):
        trainer.train()


def test_a_model_that_changed_since_the_reference_stops_the_run(student_dir: Path, tmp_path: Path) -> None:
    trainer = make_trainer(student_dir, tmp_path)
    with torch.no_grad():
        trainer.model.model.layers[0].mlp.down_proj.weight.mul_(1.5)
    with pytest.raises(ReferenceMismatch, match="nats a token"):
        trainer.train()


def test_a_loss_that_is_not_a_number_stops_the_run_and_names_rows(student_dir: Path, tmp_path: Path) -> None:
    trainer = make_trainer(student_dir, tmp_path, loss_type="simpo")
    with torch.no_grad():
        trainer.model.model.norm.weight.fill_(torch.nan)
    with pytest.raises(NonFiniteLoss, match=r"nan at step 0.*row \d+"):
        trainer.train()


def test_dropout_is_off(student_dir: Path, tmp_path: Path) -> None:
    model = AutoModelForCausalLM.from_pretrained(student_dir, attention_dropout=0.5)
    args = DPOConfig(output_dir=str(tmp_path), max_steps=1, save_strategy="no", disable_tqdm=True)
    tokenizer = AutoTokenizer.from_pretrained(student_dir)
    DPOTrainer(model, args=args, train_dataset=make_rows(8), processing_class=tokenizer).train()


def test_tokens_that_both_sides_share_need_no_head(student_dir: Path, tmp_path: Path) -> None:
    options = {"train_sampling_strategy": "sequential", "optim": "sgd", "learning_rate": 1e-2, "max_steps": 3}
    whole = make_trainer(student_dir, tmp_path, **options)
    fewer = make_trainer(student_dir, tmp_path, **options, skip_shared=True)
    read = [sum(len(b.nodes_U) for step in t.get_train_dataloader() for b in step["batches"]) for t in (whole, fewer)]
    assert read[1] < read[0]
    for trainer in (whole, fewer):
        trainer.train()
    for name in ("loss", "rewards/margins"):
        assert read_log(whole, name) == pytest.approx(read_log(fewer, name), abs=1e-5)
    assert not read_log(fewer, "logps/chosen")
    for name, value in read_weights(whole).items():
        assert torch.allclose(value, fewer.model.state_dict()[name], atol=1e-6), name
    with pytest.raises(ValueError, match="skip_shared"):
        make_trainer(student_dir, tmp_path, skip_shared=True, loss_type=["dpo", "sft"])


class StopAt(TrainerCallback):
    """Interrupts training at the end of a step, as Ctrl-C would."""

    def __init__(self, step: int) -> None:
        self.step = step

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        if state.global_step == self.step:
            raise KeyboardInterrupt


@pytest.mark.parametrize("workers", [0, 1])
def test_interrupted_and_resumed_equals_uninterrupted(student_dir: Path, tmp_path: Path, workers: int) -> None:
    saving = {"save_strategy": "steps", "save_steps": 2, "num_train_epochs": 2, "dataloader_num_workers": workers}
    whole = make_trainer(student_dir, tmp_path / "whole", **saving)
    whole.train()
    broken = make_trainer(student_dir, tmp_path / "broken", **saving)
    broken.add_callback(StopAt(7))
    with pytest.raises(KeyboardInterrupt):
        broken.train()
    resumed = make_trainer(student_dir, tmp_path / "broken", **saving)
    resumed.train(resume_from_checkpoint=str(tmp_path / "broken" / "checkpoint-6"))
    assert resumed.state.global_step == whole.state.global_step == 8
    for name, value in read_weights(whole).items():
        assert torch.equal(value, resumed.model.state_dict()[name]), name


def test_each_epoch_has_an_order_of_its_own_and_all_pairs(student_dir: Path, tmp_path: Path) -> None:
    loader = make_trainer(student_dir, tmp_path, count=12, pairs=2).get_train_dataloader()
    orders = []
    for epoch in (0, 1, 0):
        loader.set_epoch(epoch)
        orders.append([where for step in loader for batch in step["batches"] for where in batch.wheres])
    assert orders[0] == orders[2] != orders[1]
    assert sorted(orders[0]) == sorted(orders[1])
    assert len(set(orders[0])) == 24


def test_evaluation_tells_the_loss_and_margins_of_other_rows(student_dir: Path, tmp_path: Path) -> None:
    args = DPOConfig(output_dir=str(tmp_path), max_steps=2, save_strategy="no", disable_tqdm=True, learning_rate=5e-5)
    rows = make_rows(24)
    trainer = DPOTrainer(str(student_dir), args=args, train_dataset=rows[:16], eval_dataset=rows[16:])
    before = trainer.evaluate()
    assert before["eval_loss"] == pytest.approx(0.6931, abs=1e-3)
    trainer.train()
    after = trainer.evaluate()
    assert after["eval_loss"] < before["eval_loss"]
    assert after["eval_rewards/margins"] > 0
    both = DPOTrainer(
        str(student_dir), args=args, train_dataset=rows[:16], eval_dataset={"a": rows[16:], "b": rows[:2]}
    ).evaluate()
    assert both["eval_a_loss"] == pytest.approx(before["eval_loss"], abs=1e-5)
    assert both["eval_b_loss"] == pytest.approx(0.6931, abs=1e-3)
    with pytest.raises(TrainingInputError, match="as eval_dataset"):
        trainer.evaluate(rows[:4])


def test_another_model_may_be_the_reference(student_dir: Path, tmp_path: Path) -> None:
    guide = AutoModelForCausalLM.from_pretrained(student_dir)
    with torch.no_grad():
        guide.model.layers[0].mlp.down_proj.weight.mul_(1.2)
    args = DPOConfig(output_dir=str(tmp_path), max_steps=1, save_strategy="no", disable_tqdm=True, logging_steps=1)
    trainer = DPOTrainer(str(student_dir), guide, args, make_rows(8))
    trainer.train()
    assert abs(read_log(trainer, "loss")[0] - 0.6931) > 1e-3
    assert abs(read_log(trainer, "logps/chosen_change")[0]) > 1e-2
    with pytest.raises(TrainingInputError, match="as eval_dataset"):
        trainer.evaluate(make_rows(4))


def test_the_reference_may_follow_the_policy(student_dir: Path, tmp_path: Path) -> None:
    options = {"sync_ref_model": True, "ref_model_sync_steps": 2, "ref_model_mixup_alpha": 1.0, "learning_rate": 1e-3}
    trainer = make_trainer(student_dir, tmp_path, **options)
    trainer.train()
    changes = [abs(value) for value in read_log(trainer, "logps/chosen_change")]
    assert changes[0] < 1e-3 < changes[1]
    assert changes[2] < 1e-3 < changes[3]


def test_lora_trains_adapters_alone_against_the_base(student_dir: Path, tmp_path: Path) -> None:
    from peft import LoraConfig

    losses = {}
    for kind, more in {
        "stored": {},
        "live": {"loss_type": "tdpo1"},
        "checkpointed": {"gradient_checkpointing": True},
    }.items():
        options = {"global_batch_pairs": 8, "learning_rate": 1e-3, "logging_steps": 1, "save_strategy": "no", **more}
        args = DPOConfig(output_dir=str(tmp_path), disable_tqdm=True, num_train_epochs=2, **options)
        trainer = DPOTrainer(
            str(student_dir),
            args=args,
            train_dataset=make_rows(16),
            peft_config=LoraConfig(r=4, target_modules="all-linear", task_type="CAUSAL_LM"),
        )
        trainer.train()
        losses[kind] = read_log(trainer, "loss")
        trained = [name for name, p in trainer.model.named_parameters() if p.requires_grad]
        assert trained
        assert all("lora_" in name for name in trained)
    for values in losses.values():
        assert values[0] == pytest.approx(0.6931, abs=1e-3)
        assert values[-1] < values[0] - 0.01


def test_the_guard_warns_or_stops(student_dir: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    options = {"guard_chosen_drop": 1.0, "learning_rate": 2e-3, "num_train_epochs": 3}
    warned = make_trainer(student_dir, tmp_path, **options)
    with caplog.at_level(logging.WARNING, logger="trainer"):
        warned.train()
    assert warned.state.global_step == 12
    assert "fell by" in caplog.text
    stopped = make_trainer(student_dir, tmp_path, **options, guard_action="stop")
    stopped.train()
    assert stopped.state.global_step < 12


def test_bf16_and_other_optimisers_of_the_library_work(student_dir: Path, tmp_path: Path) -> None:
    trainer = make_trainer(
        student_dir, tmp_path, bf16=True, use_cpu=True, optim="adafactor", num_train_epochs=2, learning_rate=1e-4
    )
    trainer.train()
    losses = read_log(trainer, "loss")
    assert losses[0] == pytest.approx(0.6931, abs=0.02)
    assert losses[-1] < losses[0]


@pytest.mark.slow
def test_a_compiled_model_learns_the_same(student_dir: Path, tmp_path: Path) -> None:
    losses = []
    for compiled in (False, True):
        trainer = make_trainer(student_dir, tmp_path, max_steps=3, learning_rate=1e-3, torch_compile=compiled)
        trainer.train()
        losses.append(read_log(trainer, "loss"))
    assert losses[0] == pytest.approx(losses[1], abs=1e-4)


def test_an_adapter_on_the_head_is_not_passed_over(
    student_dir: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    from peft import LoraConfig

    args = DPOConfig(output_dir=str(tmp_path), disable_tqdm=True, max_steps=6, save_strategy="no", learning_rate=1e-2)
    model = AutoModelForCausalLM.from_pretrained(student_dir)
    model.lm_head.weight = torch.nn.Parameter(model.lm_head.weight.clone())  # untied
    model.config.tie_word_embeddings = False
    trainer = DPOTrainer(
        model,
        args=args,
        train_dataset=make_rows(16),
        processing_class=AutoTokenizer.from_pretrained(student_dir),
        peft_config=LoraConfig(r=4, target_modules=["lm_head"], task_type="CAUSAL_LM"),
    )
    assert "its head is not a plain matrix: full logits are used" in caplog.text
    trainer.train()
    learned = [p for name, p in trainer.model.named_parameters() if "lora_B" in name]
    assert learned
    assert all(float(p.abs().sum()) > 0 for p in learned)


def test_data_that_a_loss_cannot_take_is_refused(student_dir: Path, tmp_path: Path) -> None:
    (row,) = make_rows(1)
    ranking = {
        "prompt": row["prompt"],
        "completions": [row["chosen"], row["rejected"], [{"role": "assistant", "content": "5"}]],
    }
    single = {"prompt": row["prompt"], "completion": row["chosen"], "label": True}
    for rows, loss, told in (
        ([ranking], "dpo", "3 completions; loss dpo takes pairs"),
        ([single], "dpo", "needs pairs"),
        ([{**row, "margin": 1.0}], "ipo", "does not take"),
        ([{**row, "weight": -1.0}], "dpo", "weight is -1.0"),
        ([{**row, "margin": "high"}], "dpo", "margin is 'high'"),
        ([row], "kto", "only one prompt"),
        ([{**single, "label": "false"}], "kto", "label is 'false'"),
    ):
        args = DPOConfig(output_dir=str(tmp_path), loss_type=loss)
        with pytest.raises(TrainingInputError, match=told):
            DPOTrainer(str(student_dir), args=args, train_dataset=rows)


def test_rankings_and_labelled_texts_train(student_dir: Path, tmp_path: Path) -> None:
    ranked, single = [], []
    for row in make_rows(16):
        worse = [{"role": "assistant", "content": row["rejected"][0]["content"] + "1"}]
        ranked.append({"prompt": row["prompt"], "completions": [row["chosen"], row["rejected"], worse]})
        single.append({"prompt": row["prompt"], "completion": row["chosen"], "label": True})
        single.append({"prompt": row["prompt"], "completion": row["rejected"], "label": False})
    for rows, loss, start in ((ranked, "plackett_luce", 1.7918), (single, "kto", 0.5), (single, "bco", 0.6931)):
        options = {"global_batch_pairs": 8, "learning_rate": 2e-4, "logging_steps": 1, "save_strategy": "no"}
        args = DPOConfig(output_dir=str(tmp_path), loss_type=loss, disable_tqdm=True, num_train_epochs=3, **options)
        trainer = DPOTrainer(str(student_dir), args=args, train_dataset=rows)
        trainer.train()
        losses = read_log(trainer, "loss")
        assert losses[0] == pytest.approx(start, abs=1e-3)
        assert losses[-1] < losses[0] - 0.01, loss


def test_weights_and_margins_of_the_data_reach_the_loss(student_dir: Path, tmp_path: Path) -> None:
    rows = make_rows(8)
    changed = [{**row, "weight": 2.0 * (i % 2), "margin": 0.5} for i, row in enumerate(rows)]
    args = DPOConfig(output_dir=str(tmp_path), max_steps=1, save_strategy="no", disable_tqdm=True, logging_steps=1)
    trainer = DPOTrainer(str(student_dir), args=args, train_dataset=changed)
    trainer.train()
    expected = torch.nn.functional.softplus(torch.tensor(0.5))  # -log σ(-margin), the mean of weights 0 and 2 is 1
    assert read_log(trainer, "loss")[0] == pytest.approx(float(expected), abs=1e-3)
