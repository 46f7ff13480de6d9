"""`python -m trainer`, torchrun on two ranks, supervised training, and where rows come from."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, AutoTokenizer

from trainer import SFTConfig, SFTTrainer
from trainer.__main__ import main
from trainer.errors import TrainingInputError
from trainer.sources import read_rows


def make_pairs(count: int) -> list[dict[str, str]]:
    """Doubling, right and wrong, two pairs a prompt."""
    return [
        {
            "id": f"p{i}",
            "prompt": f"Tom has {7 + i // 2} pears. Then the number doubles.\n",
            "chosen": f"{7 + i // 2} * 2 = {14 + 2 * (i // 2)}\n#### {14 + 2 * (i // 2)}",
            "rejected": f"{7 + i // 2} + {2 + i % 2} = {9 + i // 2 + i % 2}\n#### {9 + i // 2 + i % 2}",
        }
        for i in range(count)
    ]


def write_lines(path: Path, rows: list[Any]) -> str:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


def test_sft_lowers_the_nll_of_what_it_learns(student_dir: Path, tmp_path: Path) -> None:
    rows = [{"prompt": row["prompt"], "completion": row["chosen"]} for row in make_pairs(16)]
    args = SFTConfig(
        output_dir=str(tmp_path),
        learning_rate=1e-3,
        num_train_epochs=3,
        global_batch_pairs=8,
        logging_steps=1,
        save_strategy="no",
        disable_tqdm=True,
    )
    trainer = SFTTrainer(str(student_dir), args, rows[:12], rows[12:])
    before = trainer.evaluate()
    trainer.train()
    after = trainer.evaluate()
    assert after["eval_nll"] < before["eval_nll"]
    log = [line["nll"] for line in trainer.state.log_history if "nll" in line]
    assert log[-1] < log[0]
    model, tokenizer = AutoModelForCausalLM.from_pretrained(student_dir), AutoTokenizer.from_pretrained(student_dir)
    total, count = 0.0, 0
    for row in rows[12:]:  # eval_nll is the mean over tokens of the model's own loss
        start, text = (tokenizer(row[name], add_special_tokens=False)["input_ids"] for name in ("prompt", "completion"))
        ids = torch.tensor([start + text + [tokenizer.eos_token_id]])
        labels = ids.clone()
        labels[0, : len(start)] = -100
        total += model(input_ids=ids, labels=labels).loss.item() * (len(text) + 1)
        count += len(text) + 1
    assert before["eval_nll"] == pytest.approx(total / count, abs=1e-4)


def test_rows_come_from_json_lines_and_tables(tmp_path: Path) -> None:
    import pandas as pd

    rows = make_pairs(3)
    frame = pd.DataFrame(rows)
    frame.to_csv(tmp_path / "rows.csv", index=False)
    frame.to_parquet(tmp_path / "rows.parquet")
    for source in (write_lines(tmp_path / "rows.jsonl", rows), f"{tmp_path}/rows.csv", f"{tmp_path}/rows.parquet"):
        assert [dict(row) for row in read_rows(source)] == rows
    for name, content, told in (
        ("a.jsonl", '{"a": 1}\n{"b": \n', r"a.jsonl:2: not JSON"),
        ("b.jsonl", "[1]\n", r"b.jsonl:1: a row must be an object, not list"),
        ("c.txt", "x", r"c.txt: unknown kind of file"),
    ):
        (tmp_path / name).write_text(content)
        with pytest.raises(TrainingInputError, match=told):
            read_rows(str(tmp_path / name))
    with pytest.raises(TrainingInputError, match="no such file"):
        read_rows(str(tmp_path / "none.jsonl"))


def options(student: Path, data: str, out: Path, **more: Any) -> list[str]:
    given = {
        "model": student,
        "dataset": data,
        "output_dir": out,
        "global_batch_pairs": 8,
        "max_tokens_per_device": 300,
        "learning_rate": 1e-2,
        "optim": "sgd",
        "lr_scheduler_type": "constant",
        "logging_steps": 1,
        "save_strategy": "no",
        "disable_tqdm": True,
        "use_cpu": True,
        **more,
    }
    return [
        str(part)
        for name, value in given.items()
        for part in (f"--{name}", *(value if isinstance(value, list) else [value]))
    ]


def test_the_command_line_trains_and_says_what_is_wrong(
    student_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = write_lines(tmp_path / "pairs.jsonl", make_pairs(16))
    mixed = {"loss_type": ["dpo", "sft"], "loss_weights": [1, 0.2], "max_steps": 2}
    assert main(["dpo", *options(student_dir, data, tmp_path / "out", **mixed)]) == 0
    assert (tmp_path / "out" / "model.safetensors").is_file()
    assert main(["sft", *options(student_dir, data, tmp_path / "sft", max_steps=1)]) == 0
    lora = {"lora_r": 4, "max_steps": 1, "loss_options": '{"dpo": {"label_smoothing": 0.1}}'}
    assert main(["dpo", *options(student_dir, data, tmp_path / "lora", **lora)]) == 0
    assert (tmp_path / "lora" / "adapter_model.safetensors").is_file()
    assert main(["dpo", *options(student_dir, data, tmp_path / "x", loss_type="dppo")]) == 2
    assert "unknown loss 'dppo'" in capsys.readouterr().err
    assert main(["dpo", *options(student_dir, str(tmp_path / "none.jsonl"), tmp_path / "x")]) == 2
    assert "no such file" in capsys.readouterr().err
    assert main([]) == 2
    assert main(["--help"]) == 0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def torchrun(*arguments: Any) -> subprocess.CompletedProcess[str]:
    """Two processes on this machine, with gloo."""
    launch = [sys.executable, "-m", "torch.distributed.run", "--nproc_per_node=2", f"--master_port={free_port()}"]
    return subprocess.run(
        [*launch, *map(str, arguments)],
        capture_output=True,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        timeout=280,
    )


@pytest.mark.slow
@pytest.mark.parametrize("loss", [["dpo", "sft"], ["aot"]], ids="+".join)
def test_two_ranks_train_to_the_weights_of_one(student_dir: Path, tmp_path: Path, loss: list[str]) -> None:
    data = write_lines(tmp_path / "pairs.jsonl", make_pairs(19))  # the last step has fewer pairs than the others
    more: dict[str, Any] = {"loss_type": loss, "max_steps": 3, "train_sampling_strategy": "sequential"}
    assert main(["dpo", *options(student_dir, data, tmp_path / "one", **more)]) == 0
    done = torchrun("--module", "trainer", "dpo", *options(student_dir, data, tmp_path / "two", **more))
    assert done.returncode == 0, done.stderr[-3000:]
    one, two = (load_file(tmp_path / name / "model.safetensors") for name in ("one", "two"))
    start = load_file(student_dir / "model.safetensors")
    assert one.keys() == two.keys()
    moved = sum(float((one[name] - start[name].to(one[name].dtype)).norm()) for name in one if name in start)
    assert moved > 1e-3
    for name, value in one.items():
        assert torch.allclose(value.float(), two[name].float(), atol=1e-5), name


@pytest.mark.slow
def test_sharded_gradients_equal_those_of_the_whole_model(student_dir: Path) -> None:
    done = torchrun(Path(__file__).parent / "fsdp2_gradients.py", student_dir)
    assert done.returncode == 0, done.stderr[-3000:]
