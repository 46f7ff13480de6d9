"""Folders of models are somebody else's: nothing in them is unpickled or run."""

from __future__ import annotations

import json
import os
import pickle
import shutil
from pathlib import Path

import pytest
import torch

from trainer import DPOConfig, DPOTrainer
from trainer.errors import TrainingInputError
from trainer.loading import load_model, load_tokenizer


class Payload:
    """Writes a file when it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, (f"touch {self.mark}",)


def copy_model(student: Path, folder: Path) -> Path:
    shutil.copytree(student, folder)
    (folder / "model.safetensors").unlink()
    return folder


def test_pickled_weights_are_not_loaded(student_dir: Path, tmp_path: Path) -> None:
    folder, mark = copy_model(student_dir, tmp_path / "model"), tmp_path / "run"
    (folder / "pytorch_model.bin").write_bytes(pickle.dumps(Payload(mark)))
    with pytest.raises(TrainingInputError, match="save them as safetensors"):
        load_model(str(folder), torch.float32)
    (folder / "adapter_config.json").write_text(json.dumps({"peft_type": "LORA", "base_model_name_or_path": "x"}))
    (folder / "adapter_model.bin").write_bytes(pickle.dumps(Payload(mark)))
    with pytest.raises(TrainingInputError, match=r"no adapter_model\.safetensors"):
        load_model(str(folder), torch.float32)
    assert not mark.exists()


@pytest.mark.parametrize("trusted", [False, True])
def test_code_of_a_folder_runs_only_where_that_is_asked_for(student_dir: Path, tmp_path: Path, trusted: bool) -> None:
    folder, mark = tmp_path / "model", tmp_path / "run"
    shutil.copytree(student_dir, folder)
    config = json.loads((folder / "config.json").read_text())
    config |= {"model_type": "own", "auto_map": {"AutoConfig": "own.OwnConfig", "AutoModelForCausalLM": "own.Own"}}
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "own.py").write_text(f"import pathlib\npathlib.Path({str(mark)!r}).touch()\nraise ValueError('stop')\n")
    with pytest.raises(TrainingInputError):
        load_model(str(folder), torch.float32, trust_remote_code=trusted)
    assert mark.exists() == trusted


def test_what_the_model_may_run_a_reference_may_not(student_dir: Path, tmp_path: Path) -> None:
    folder, mark = tmp_path / "reference", tmp_path / "run"
    shutil.copytree(student_dir, folder)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"model_type": "own", "auto_map": {"AutoConfig": "own.C"}}))
    (folder / "own.py").write_text(f"import pathlib\npathlib.Path({str(mark)!r}).touch()\nraise ValueError('stop')\n")
    rows = [{"prompt": "2 + 2 =", "chosen": " 4", "rejected": " 5"}]
    for trusted in (False, True):
        args = DPOConfig(output_dir=str(tmp_path / "out"), save_strategy="no", report_to=[])
        given = {"trust_remote_code": True, "trust_reference_code": trusted}
        with pytest.raises(TrainingInputError, match="reference cannot be loaded"):
            DPOTrainer(str(student_dir), str(folder), args, rows, **given)
        assert mark.exists() == trusted


def test_a_folder_without_a_tokenizer_is_told(tmp_path: Path) -> None:
    with pytest.raises(TrainingInputError, match="cannot be loaded"):
        load_tokenizer(str(tmp_path))
