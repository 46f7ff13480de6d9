"""`python -m trainer`, supervised training, and where rows come from."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from trainer import SFTConfig, SFTTrainer
from trainer.__main__ import PrintableFormatter, main
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
        ("d.jsonl", b'{"a": 1}\n\n{"a": "\xff"}\n', r"d.jsonl:3: not UTF-8: invalid start byte at byte 7"),
        ("e.jsonl", '{"a": "\\ud83d\\ude00"}\n{"a": "\\ud83d"}\n', r"e.jsonl:2: holds half a character, '\\ud83d'"),
        ("f.jsonl", "[" * 100_000, r"f.jsonl:1: .*nested too deeply"),
        ("g.parquet", "PAR1PAR1", r"g.parquet: cannot be read"),
        ("h.csv", b"a,b\n\xff\xfe,2\n", r"h.csv: cannot be read"),
    ):
        (tmp_path / name).write_bytes(content if isinstance(content, bytes) else content.encode())
        with pytest.raises(TrainingInputError, match=told):
            read_rows(str(tmp_path / name))
    for name in ("none.jsonl", "none", "none.parquet"):
        with pytest.raises(TrainingInputError, match="no such file"):
            read_rows(str(tmp_path / name))


def test_a_folder_whose_card_or_links_lead_out_of_it_is_refused(tmp_path: Path) -> None:
    rows, names = make_pairs(2), ("good", "card", "address", "link")
    good, card, address, link = (tmp_path / name for name in names)
    for folder in (good, card, address, link):
        folder.mkdir()
    file = write_lines(good / "train.jsonl", rows)
    for folder, named in ((card, file), (address, "https://127.0.0.1:9/train.jsonl")):
        (folder / "README.md").write_text(f"---\nconfigs:\n- config_name: default\n  data_files: {named}\n---\n")
    (link / "train.jsonl").symlink_to(file)
    assert [dict(row) for row in read_rows(str(good))] == rows
    for folder in (card, link):
        with pytest.raises(TrainingInputError, match="names data that are not in it"):
            read_rows(str(folder))
    with pytest.raises(TrainingInputError, match=r"not in it|cannot be read"):
        read_rows(str(address))


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


def test_a_guard_that_stops_ends_with_3_and_says_how_to_go_on(
    student_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data, out = write_lines(tmp_path / "pairs.jsonl", make_pairs(16)), tmp_path / "out"
    breaking = {"optim": "adamw_torch", "learning_rate": 0.05, "max_steps": 6}
    guard = {"guard_chosen_drop": 1.0, "guard_action": "stop"}
    assert main(["dpo", *options(student_dir, data, out, **breaking, **guard)]) == 3
    told = capsys.readouterr().err
    assert "of 6 by the guard" in told
    assert f"{out}/checkpoint-" in told
    assert "another --guard_chosen_drop" in told
    assert not (out / "model.safetensors").exists()
    assert main(["dpo", *options(student_dir, data, out, **breaking, **guard), "--resume", "last"]) == 2
    assert "the guard stopped it there; set another guard_chosen_drop" in capsys.readouterr().err
    assert main(["dpo", *options(student_dir, data, out, **breaking), "--resume", "last"]) == 0
    assert (out / "model.safetensors").is_file()


def test_what_the_guard_stops_after_the_last_step_is_done(student_dir: Path, tmp_path: Path) -> None:
    data, out = write_lines(tmp_path / "pairs.jsonl", make_pairs(16)), tmp_path / "out"
    more = {"optim": "adamw_torch", "learning_rate": 0.05, "max_steps": 2, "guard_chosen_drop": 1.0}
    command = ["dpo", *options(student_dir, data, out, **more, guard_action="stop"), "--resume", "last"]
    assert main(command) == 0
    assert (out / "checkpoint-2").is_dir(), "the guard asked for it"
    assert main(command) == 0


def test_resume_last_takes_what_is_there_and_begins_where_nothing_is(
    student_dir: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    data, out = write_lines(tmp_path / "pairs.jsonl", make_pairs(16)), tmp_path / "out"
    again = ["--resume", "last", "--fsdp"]  # which says nothing to a single process
    saving = {"save_strategy": "steps", "save_steps": 2}
    caplog.set_level("INFO")
    assert main(["dpo", *options(student_dir, data, out, **saving, max_steps=2), *again]) == 0
    assert "weights of" not in caplog.text
    assert main(["dpo", *options(student_dir, data, out, **saving, max_steps=4), *again]) == 0
    assert f"weights of {out}/checkpoint-2" in caplog.text
    assert json.loads((out / "checkpoint-4" / "trainer_state.json").read_text())["global_step"] == 4


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"save_on_each_node": True}, "storage that all machines share"),
        ({"resume": "nowhere"}, "nowhere cannot be resumed: there is no such folder"),
    ],
)
def test_what_cannot_be_saved_or_resumed_ends_with_2(
    student_dir: Path, tmp_path: Path, given: dict[str, Any], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    data = write_lines(tmp_path / "pairs.jsonl", make_pairs(4))
    assert main(["dpo", *options(student_dir, data, tmp_path / "out", max_steps=1, **given)]) == 2
    assert told in capsys.readouterr().err


def test_names_of_others_do_not_act_on_the_terminal(
    student_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    hostile = "\x1b[2J\u202egpj"
    data = write_lines(tmp_path / "pairs.jsonl", [{**make_pairs(1)[0], "id": hostile, "chosen": " "}])
    assert main(["dpo", *options(student_dir, data, tmp_path / "out")]) == 2
    told = capsys.readouterr().err
    assert r"row 0 (id \x1b[2J\u202egpj): chosen is empty" in told
    assert "\x1b[2J" not in told
    record = logging.LogRecord("trainer", logging.INFO, "", 0, "layout of %s 👩‍🚀\n", (hostile,), None)
    assert PrintableFormatter("%(message)s").format(record) == "layout of \\x1b[2J\\u202egpj 👩‍🚀\n"


def test_rows_to_evaluate_on_that_are_never_looked_at_are_told_of(
    student_dir: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    data = write_lines(tmp_path / "pairs.jsonl", make_pairs(4))
    given = options(student_dir, data, tmp_path / "out", max_steps=1, eval_dataset=data)
    assert main(["dpo", *given]) == 0
    assert "eval_dataset is never looked at: give --eval_strategy steps" in caplog.text
    caplog.clear()
    assert main(["dpo", *given, "--eval_strategy", "steps", "--eval_steps", "1"]) == 0
    assert "never looked at" not in caplog.text


def test_a_folder_that_cannot_be_written_ends_with_2(
    student_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = write_lines(tmp_path / "pairs.jsonl", make_pairs(4))
    assert main(["dpo", *options(student_dir, data, tmp_path / "pairs.jsonl" / "out", max_steps=1)]) == 2
    assert "Not a directory" in capsys.readouterr().err
