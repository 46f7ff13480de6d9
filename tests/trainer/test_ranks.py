"""Two processes train as one: DDP, FSDP2, LoRA; stopped and resumed, on as many processes or on others."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file

from tests.trainer import ranks

ROOT = Path(__file__).parents[2]
FSDP = {"options": {"fsdp": True}}
LORA = {"lora": True, "options": {"max_steps": 10}}
AOT = {"loss_type": ["aot"], "loss_weights": None, "max_steps": 4}
"""A loss that compares the pairs of a step with one another."""
EVAL = {"options": {"max_steps": 4, "eval_strategy": "steps", "eval_steps": 2, "save_strategy": "no"}}
TEXTS = len({(row["prompt"], row[side]) for row in ranks.make_rows() for side in ("chosen", "rejected")})

pytestmark = pytest.mark.slow


def start(runs: list[dict[str, Any]], folder: Path, *more: str) -> subprocess.CompletedProcess[str]:
    """Trainings one after the other in two processes of this machine, with gloo."""
    folder.mkdir(exist_ok=True)
    file = folder / "runs.json"
    file.write_text(json.dumps(runs))
    launch = ["-m", "torch.distributed.run", "--standalone", "--nproc_per_node=2", *more]
    variables = {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT), "TORCH_DISABLE_SHARE_RDZV_TCP_STORE": "1"}
    return subprocess.run(
        [sys.executable, *launch, ranks.__file__, str(file)],
        capture_output=True,
        text=True,
        env={**os.environ, **variables},
        timeout=280,
    )


class Folders:
    """Where each training of a module writes, by name."""

    def __init__(self, root: Path, student: Path) -> None:
        self.root, self.student = root, student

    def run(self, name: str, *parts: dict[str, Any], resume: str | None = None) -> dict[str, Any]:
        """What ranks.py takes; `resume` names a training whose half is copied here first."""
        merged: dict[str, Any] = {"student": str(self.student), "out": str(self.root / name), "options": {}}
        for part in parts:
            merged = {**merged, **part, "options": {**merged["options"], **part.get("options", {})}}
        if resume is not None:
            half = f"checkpoint-{merged['options'].get('max_steps', ranks.STEPS) // 2}"
            merged["resume"] = str(shutil.copytree(self.root / resume / half, self.root / name / half))
        return merged

    def same(self, name: str, other: str) -> None:
        """Assert that two trainings had the same losses, and ended with the same weights."""
        for line, same in zip(self.read(name)["log"], self.read(other)["log"], strict=True):
            for metric in (key for key in line if key.startswith("eval_")):  # the reference is in single precision
                assert line[metric] == pytest.approx(same[metric], rel=1e-5, abs=1e-6), (name, line["step"])
            for loss in (key for key in line if key.startswith("loss/")):
                assert line[loss] == pytest.approx(same[loss], abs=1e-6), (name, line["step"])
            if "loss" in line:  # the library adds it up in single precision
                assert line["loss"] == pytest.approx(same["loss"], rel=1e-6), (name, line["step"])
        weights, others = (load_file(next((self.root / n).glob("*model.safetensors"))) for n in (name, other))
        assert weights.keys() == others.keys()
        for key, value in weights.items():
            assert float((value - others[key]).abs().max()) < 1e-6, (name, key)

    def read(self, name: str) -> dict[str, Any]:
        made: dict[str, Any] = json.loads((self.root / name / "log.json").read_text())
        return made


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Folders:
    """Trainings in one process, and in two."""
    made = Folders(tmp_path_factory.mktemp("ranks"), ROOT / "errata" / "demo" / "student")
    for name, parts in (("one", []), ("one lora", [LORA]), ("one aot", [{"options": AOT}]), ("one eval", [EVAL])):
        ranks.train(made.run(name, *parts))
    padded = {"options": {**AOT, "layout": "padded", "max_tokens_per_device": 800}}
    half = {"dtype": "float32", "options": {"bf16": True, "max_steps": 1, "save_strategy": "no"}}
    cache = {"options": {"reference_cache": str(made.root / "reference.sqlite")}}
    done = start(
        [
            made.run("ddp", cache),
            made.run("ddp lora", LORA),
            made.run("ddp aot", {"options": AOT}),
            made.run("ddp eval", EVAL),
            made.run("fsdp", FSDP, cache),
            made.run("fsdp lora", LORA, FSDP),
            made.run("fsdp aot", padded, FSDP),
            made.run("fsdp eval", EVAL, FSDP),
            made.run("fsdp bf16", half, FSDP),
        ],
        made.root,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert sqlite3.connect(made.root / "reference.sqlite").execute("SELECT count(*) FROM logps").fetchone() == (TEXTS,)
    return made


def test_the_work_was_uneven_and_now_and_then_a_process_had_none(folders: Folders) -> None:
    work = list(zip(*folders.read("ddp")["work"], strict=True))
    assert any(min(step) == 0 for step in work)
    assert any(0 < 1.5 * min(step) <= max(step) for step in work)


@pytest.mark.parametrize("kind", ["ddp", "fsdp"])
@pytest.mark.parametrize("what", ["", " lora", " aot", " eval"])
def test_two_processes_have_the_losses_and_the_weights_of_one(folders: Folders, kind: str, what: str) -> None:
    folders.same(f"{kind}{what}", f"one{what}")


def test_shards_in_bf16_begin_where_the_reference_is(folders: Folders) -> None:
    (first, *_) = folders.read("fsdp bf16")["log"]
    assert first["kl"] < 3e-4, "what is added up over the layers is not rounded, so packing hardly matters"
    assert first["loss/dpo"] == pytest.approx(0.6931, abs=0.01)


def test_checkpoints_of_shards_hold_half_of_everything_in_each_file(folders: Folders) -> None:
    sizes = [path.stat().st_size for path in sorted((folders.root / "fsdp" / "checkpoint-10" / "optimizer").iterdir())]
    assert len(sizes) == 2
    assert max(sizes) < 1.1 * min(sizes)


def test_two_processes_resume_what_one_process_or_another_kind_of_two_saved(folders: Folders) -> None:
    runs = [
        folders.run("one to ddp lora", LORA, resume="one lora"),
        folders.run("one to fsdp", FSDP, resume="one"),
        folders.run("ddp to fsdp", FSDP, resume="ddp"),
        folders.run("fsdp to ddp", resume="fsdp"),
    ]
    done = start(runs, folders.root / "others")
    assert done.returncode == 0, done.stderr[-3000:]
    for name in ("one to fsdp", "ddp to fsdp", "fsdp to ddp"):
        folders.same(name, "one")
    folders.same("one to ddp lora", "one lora")


@pytest.mark.parametrize("name", ["ddp", "fsdp", "fsdp lora"])
def test_one_process_resumes_what_two_saved(folders: Folders, name: str) -> None:
    parts = [LORA] if "lora" in name else []
    ranks.train(folders.run(f"{name} to one", *parts, resume=name))
    folders.same(f"{name} to one", "one lora" if "lora" in name else "one")


def test_after_one_of_two_processes_was_killed_torchrun_reaches_the_same(folders: Folders) -> None:
    """Once under DDP, then once under FSDP2, each time with both processes started anew from the newest checkpoint."""
    runs = [
        folders.run("killed ddp", {"kill": [1, 13, 0], "resume": "last"}),
        folders.run("killed fsdp", FSDP, {"kill": [1, 13, 1], "resume": "last"}),
    ]
    done = start(runs, folders.root / "killed", "--max_restarts=2")
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stderr.count("failed (exitcode: -9) local_rank: 1") == 2
    folders.same("killed ddp", "one")
    folders.same("killed fsdp", "one")
