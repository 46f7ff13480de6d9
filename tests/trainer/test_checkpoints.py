"""Checkpoints: whole or passed over, without pickles, and only resumed by the training that they are of."""

from __future__ import annotations

import errno
import json
import os
import pickle
import random
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.distributed.checkpoint.api import CheckpointException
from transformers import AutoModelForCausalLM

from tests.trainer.test_dpo import make_trainer, read_weights
from trainer import DPOTrainer
from trainer.checkpoints import find_flaw, newest_checkpoint
from trainer.disk import find_refusal, told_of
from trainer.errors import NotSaved, TrainingInputError
from trainer.random_state import put_random_state, take_random_state

OPTIONS: dict[str, Any] = {"count": 12, "max_steps": 4, "save_strategy": "steps", "save_steps": 2, "warmup_steps": 2}
"""Two updates an epoch, so checkpoint-2 lies between epochs and checkpoint-4 at the end."""


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, student_dir: Path) -> DPOTrainer:
    trainer = make_trainer(student_dir, tmp_path_factory.mktemp("trained"), **OPTIONS)
    trainer.train()
    return trainer


@pytest.fixture
def output(trained: DPOTrainer, tmp_path: Path) -> Path:
    """A copy of its output folder, with two checkpoints."""
    return Path(shutil.copytree(trained.args.output_dir, tmp_path / "out"))


def assert_same(trainer: DPOTrainer, other: DPOTrainer) -> None:
    for name, value in read_weights(trainer).items():
        assert torch.equal(value, other.model.state_dict()[name]), name


def test_a_checkpoint_holds_safetensors_and_json_and_resuming_unpickles_nothing(
    trained: DPOTrainer, output: Path, student_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kinds = {path.suffix for path in output.rglob("*") if path.is_file()}
    assert kinds == {".safetensors", ".json", ".jinja"}

    def refuse(*_: Any, **__: Any) -> Any:
        raise AssertionError("something is unpickled")

    resumed = make_trainer(student_dir, output, **OPTIONS)
    for module, name in ((torch, "load"), (pickle, "load"), (pickle, "loads"), (pickle, "Unpickler")):
        monkeypatch.setattr(module, name, refuse)
    resumed.train(resume_from_checkpoint=str(output / "checkpoint-2"))
    assert_same(resumed, trained)


def test_a_checkpoint_of_one_process_is_a_models_folder(trained: DPOTrainer) -> None:
    model = AutoModelForCausalLM.from_pretrained(Path(trained.args.output_dir) / "checkpoint-4")
    for name, value in model.state_dict().items():
        assert torch.equal(value, trained.model.state_dict()[name]), name


def test_one_that_was_cut_anywhere_is_passed_over_and_told(output: Path, caplog: pytest.LogCaptureFixture) -> None:
    whole, before = output / "checkpoint-4", output / "checkpoint-2"
    assert newest_checkpoint(output) == whole
    for file in [path for path in whole.rglob("*") if path.is_file()]:
        content = file.read_bytes()
        for cut in (None, b"", content[:-2], content[: len(content) // 2]):
            file.unlink(missing_ok=True)
            if cut is not None:
                file.write_bytes(cut)
            assert newest_checkpoint(output) == before, file
            assert f"{whole} is passed over" in caplog.text
            caplog.clear()
        file.write_bytes(content)
    assert find_flaw(whole) is None


@pytest.mark.parametrize(
    ("listed", "told"),
    [('{"../../x": 1}', "lies outside"), ('{"/etc/passwd": 1}', "lies outside"), ("[]", "cannot be read")],
)
def test_a_list_of_files_from_elsewhere_is_no_reason_to_look_there(output: Path, listed: str, told: str) -> None:
    (output / "checkpoint-4" / "files.json").write_text(listed)
    assert told in str(find_flaw(output / "checkpoint-4"))


def test_what_an_earlier_process_left_half_written_is_removed(output: Path, student_dir: Path) -> None:
    left = output / ".checkpoint-3.tmp" / "optimizer"
    left.mkdir(parents=True)
    resumed = make_trainer(student_dir, output, **OPTIONS)
    resumed.train(resume_from_checkpoint=str(output / "checkpoint-2"))
    assert not left.parent.exists()
    assert find_flaw(output / "checkpoint-4") is None


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"global_batch_pairs": 6}, "global_batch_pairs was 8, now 6"),
        ({"count": 11}, "examples was 12, now 11; data was"),
        ({"seed": 7}, "seed was 42, now 7"),
        ({"group_prompts": False}, "group_prompts was True"),
    ],
)
def test_another_order_of_the_data_cannot_be_resumed(
    output: Path, student_dir: Path, tmp_path: Path, changed: dict[str, Any], told: str
) -> None:
    other = make_trainer(student_dir, tmp_path / "other", **{**OPTIONS, **changed})
    with pytest.raises(TrainingInputError, match=told):
        other.train(resume_from_checkpoint=str(output / "checkpoint-2"))


def test_what_is_no_checkpoint_is_refused(output: Path, student_dir: Path, tmp_path: Path) -> None:
    trainer = make_trainer(student_dir, tmp_path / "none", **OPTIONS)
    with pytest.raises(TrainingInputError, match=r"cannot be resumed: it has no files\.json"):
        trainer.train(resume_from_checkpoint=str(student_dir))
    with pytest.raises(TrainingInputError, match="there is no such folder"):
        trainer.train(resume_from_checkpoint=str(output / "checkpoint-9"))
    with pytest.raises(TrainingInputError, match="holds no whole checkpoint"):
        trainer.train(resume_from_checkpoint=True)


@pytest.mark.parametrize(
    ("file", "change", "told"),
    [
        ("state.json", lambda told: told.pop("order"), r"'order' is missing.*; take an earlier checkpoint"),
        ("state.json", lambda told: told.update(format=1), "has format 1; this version reads 2"),
        ("state.json", lambda told: told.update(schedule=3), "'schedule' is missing, or not as"),
        ("state.json", lambda told: told["optimizer"]["groups"].pop(), "groups of weights are not those"),
        ("state.json", lambda told: told["optimizer"].pop("values"), "'optimizer' is missing, or not as"),
        ("state.json", lambda told: told.update(random=[]), "'random' is missing, or not as"),
        ("trainer_state.json", lambda told: told.update(strange=1), "has 'strange', which transformers does not know"),
    ],
)
def test_json_of_another_kind_is_told_and_no_bug(
    output: Path, student_dir: Path, file: str, change: Any, told: str
) -> None:
    folder = output / "checkpoint-2"
    content = json.loads((folder / file).read_text())
    change(content)
    (folder / file).write_text(json.dumps(content))
    sizes = {str(path.relative_to(folder)): path.stat().st_size for path in folder.rglob("*") if path.is_file()}
    del sizes["files.json"]
    (folder / "files.json").write_text(json.dumps(sizes))
    with pytest.raises(TrainingInputError, match=told):
        make_trainer(student_dir, output, **OPTIONS).train(resume_from_checkpoint=str(folder))


def test_a_training_that_has_made_all_its_steps_makes_no_further_one(
    trained: DPOTrainer, student_dir: Path, tmp_path: Path
) -> None:
    odd = {**OPTIONS, "max_steps": 3}  # which ends in the middle of an epoch
    whole = make_trainer(student_dir, tmp_path, **odd)
    whole.train()
    again = make_trainer(student_dir, tmp_path, **odd)
    again.train(resume_from_checkpoint=True)
    assert again.state.global_step == 3
    assert_same(again, whole)


@pytest.mark.parametrize("optim", ["adafactor", "rmsprop"])
def test_other_optimizers_resume_exactly(student_dir: Path, tmp_path: Path, optim: str) -> None:
    options = {**OPTIONS, "optim": optim, "learning_rate": 1e-3}
    whole = make_trainer(student_dir, tmp_path, **options)
    whole.train()
    resumed = make_trainer(student_dir, tmp_path, **options)
    resumed.train(resume_from_checkpoint=str(tmp_path / "checkpoint-2"))
    assert_same(resumed, whole)


def test_ctrl_c_in_the_middle_of_a_checkpoint_is_ctrl_c_and_leaves_nothing(
    student_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(handle: int) -> None:
        raise KeyboardInterrupt

    trainer = make_trainer(student_dir, tmp_path, **OPTIONS)
    monkeypatch.setattr(os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        trainer.train()
    assert not list(tmp_path.iterdir())


class Strange(torch.optim.SGD):
    def step(self, closure: Any = None) -> Any:
        for group in self.param_groups:
            self.state[group["params"][0]]["set"] = {1, 2}
        return super().step(closure)


def test_an_optimizer_that_keeps_what_json_cannot_is_refused(student_dir: Path, tmp_path: Path) -> None:
    trainer = make_trainer(student_dir, tmp_path, **OPTIONS)
    trainer.optimizer = Strange(trainer.model.parameters(), lr=1e-3)
    with pytest.raises(TrainingInputError, match=r"state 'set' is a set, which a checkpoint cannot keep"):
        trainer.train()
    assert not list(tmp_path.glob("*checkpoint*"))


def test_random_numbers_go_on_as_they_would_have() -> None:
    def draw() -> list[float]:
        return [random.random(), random.gauss(0, 1), float(np.random.rand()), float(torch.rand(()))]

    random.gauss(0, 1)  # keeps a second value for the next call
    state = json.loads(json.dumps(take_random_state()))
    expected = draw()
    draw()
    put_random_state(state)
    assert draw() == expected


def test_a_model_replaces_another_one_and_leaves_no_pickle(trained: DPOTrainer, tmp_path: Path) -> None:
    for name in ("model-00001-of-00002.safetensors", "model.safetensors.index.json", "notes.txt"):
        (tmp_path / name).write_text("{}")
    trained.save_model(str(tmp_path))
    names = {path.name for path in tmp_path.iterdir()}
    assert {"model.safetensors", "config.json", "tokenizer.json", "notes.txt"} <= names
    assert not [name for name in names if name.startswith(".") or "-of-" in name or "index" in name or ".bin" in name]
    AutoModelForCausalLM.from_pretrained(tmp_path)


def test_a_full_disk_is_recognised_wherever_it_hides() -> None:
    full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    assert find_refusal(full) == "no space left"
    assert find_refusal(CheckpointException("x", {1: (full, None)})) == "no space left"  # type: ignore[dict-item]
    assert find_refusal(RuntimeError("Error while serializing: I/O error: No space left on device (os error 28)"))
    assert find_refusal(OSError(errno.ENOENT, "no such file")) is None
    with pytest.raises(NotSaved, match="the model was not written: no space left; wait"):
        _write(full)
    with pytest.raises(KeyError):
        _write(KeyError("x"))


def _write(error: Exception) -> None:
    with told_of("the model", lambda: "wait"):
        raise error
