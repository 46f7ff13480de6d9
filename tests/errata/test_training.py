"""`errata train` and `errata sft` on a small run, through the command line."""

from __future__ import annotations

import gc
import json
import shutil
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet
import pytest
import yaml
from safetensors.torch import load_file

from errata.cli import main
from errata.config import ErrataSettings, TrainSettings
from errata.demo import story
from errata.training import runs_code


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo's run with 40 problems, built."""
    folder = tmp_path_factory.mktemp("runs")
    settings = story.make_settings(folder, [])
    story.write_problems(settings)
    values = yaml.safe_load((Path(story.__file__).parent / "demo.yaml").read_text())
    values |= {"runs_dir": str(folder)}
    values["pair"]["max_per_problem"] = 4
    values["problems"] |= {"path": str(settings.problems.path), "limit": 40}
    values["student"]["model"] = str(settings.student.model)  # type: ignore[union-attr]
    values["teachers"]["teacher"]["model"] = str(settings.teachers["teacher"].model)
    values["prompts"] = str(settings.prompts)
    values["evaluate"]["problems"]["path"] = str(settings.evaluate.problems.path)  # type: ignore[union-attr]
    file = folder / "run.yaml"
    file.write_text(yaml.safe_dump(values))
    assert main(["build", str(file)]) == 0
    return file


def read(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "training.json").read_text())  # type: ignore[no-any-return]


def test_training_writes_a_policy_and_tells_the_layout(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = config.parent / "demo"
    assert main(["train", str(config), "--json"]) == 0
    captured = capsys.readouterr()
    told = json.loads(captured.out)
    assert told["policy"] == str(run / "policy")
    assert "layout: prompt tries" in captured.err
    assert (config.parent / "reference.sqlite").is_file()
    assert read(run / "policy")["steps"] == told["steps"] > 0
    assert not list((run / "checkpoints").glob("*"))


def test_another_beta_finds_the_reference_known(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", str(config)]) == 0
    capsys.readouterr()
    assert main(["train", str(config), "--train.beta", "0.3"]) == 0
    known, total = (
        int(word) for word in _after(capsys.readouterr().err, "reference log-probs:").split() if word.isdigit()
    )
    assert known == total > 0


def _after(text: str, start: str) -> str:
    return text[text.index(start) + len(start) :].splitlines()[0]


def test_supervised_training_takes_each_chosen_text_once(config: Path, tmp_path: Path) -> None:
    run = config.parent / "demo"
    assert main(["sft", str(config), "--sft.learning_rate", "1e-4"]) == 0
    trained = read(run / "sft")
    assert 0 < trained["pairs"] < read(run / "policy")["pairs"]
    before = load_file(Path(story.__file__).parent / "student" / "model.safetensors")
    after = load_file(run / "sft" / "model.safetensors")
    assert any(not (after[name] == before[name].to(after[name].dtype)).all() for name in before if name in after)
    file = tmp_path / "texts.jsonl"
    file.write_text(json.dumps({"prompt": "2 + 2 =", "completion": " 4"}) + "\n")
    assert main(["sft", str(config), "--sft.data", str(file)]) == 0
    assert read(run / "sft")["pairs"] == 1


def test_pairs_of_other_runs_are_trained_on_too_and_none_twice(config: Path, tmp_path: Path) -> None:
    run = config.parent / "demo"
    one = read_rows(run)[0]
    other = tmp_path / "other" / "dataset"
    other.mkdir(parents=True)
    table = pa.Table.from_pylist([one, {**one, "id": "another"}])
    pa.parquet.write_table(table, other / "train-00000-of-00001.parquet")
    assert main(["train", str(config), "--train.also", f"[{other.parent}]"]) == 0
    assert read(run / "policy")["pairs"] == len(read_rows(run)) + 1


def read_rows(run: Path) -> list[dict[str, Any]]:
    return [row for file in (run / "dataset").glob("train-*") for row in pa.parquet.read_table(file).to_pylist()]


def test_the_reference_may_be_another_model_than_the_start(config: Path) -> None:
    teacher = Path(story.__file__).parent / "teacher"
    assert main(["train", str(config), "--train.reference", str(teacher), "--train.arguments.logging_steps", "1"]) == 0
    first = read(config.parent / "demo" / "policy")["log"][0]
    assert abs(first["logps/chosen_change"]) > 0.01, "another model, so it differs before the first update"


def test_the_log_goes_to_tensorboard_and_stays_with_the_run(config: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    options = ["--train.report_to", "[tensorboard]", "--train.beta", "0.2", "--train.arguments.logging_steps", "1"]
    assert main(["train", str(config), *options]) == 0
    (logs,) = (config.parent / "demo" / "logs" / "policy").glob("events.out.tfevents.*")
    events = EventAccumulator(str(logs))
    events.Reload()
    kept = read(config.parent / "demo" / "policy")["log"]
    shown = {event.step: event.value for event in events.Scalars("train/loss")}
    assert len(shown) >= 2
    assert shown == pytest.approx({line["step"]: line["loss"] for line in kept if "loss" in line})


def test_after_training_no_model_is_left_in_memory(config: Path) -> None:
    from transformers import PreTrainedModel

    before = {id(one) for one in gc.get_objects() if isinstance(one, PreTrainedModel)}
    assert main(["train", str(config), "--train.seed", "7"]) == 0
    assert not [one for one in gc.get_objects() if isinstance(one, PreTrainedModel) and id(one) not in before]


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--train.also", "[nowhere]"], "train.also: has no folder `dataset`"),
        (["--train.report_to", "[mlflow]"], "mlflow is not installed; pip install mlflow"),
        (["--train.reference", "./nowhere"], "neither a folder nor a model of the hub"),
        (["--train.loss_options.simpo.gamma", "1"], "not among the losses"),
        (["--train.arguments.warmup_stepz", "1"], "warmup_stepz"),
        (["--train.beta", "-1"], "beta"),
        (["--train.max_tokens", "20"], "more than max_tokens_per_device 20"),
        (["--train.max_length", "5"], "no example to train on"),
        (["--sft.data", "none.jsonl"], "no such file"),
        (["--sft.data", "/nowhere/at/all"], "no such file"),
    ],
)
def test_settings_that_cannot_be_are_told_with_exit_code_2(
    config: Path, options: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    command = "sft" if options[0].startswith("--sft") else "train"
    assert main([command, str(config), *options]) == 2
    assert told in capsys.readouterr().err


def test_the_guard_ends_with_3_and_the_same_command_says_what_to_change(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    guard = {"guard_chosen_drop": "0.0001", "guard_action": "stop", "logging_steps": "1"}
    options = [part for name, value in guard.items() for part in (f"--train.arguments.{name}", value)]
    options += ["--train.loss", '{"dpo": 1.0}', "--train.learning_rate", "1e-3", "--train.batch_pairs", "4"]
    assert main(["train", str(config), *options]) == 3
    assert "guard_chosen_drop" in capsys.readouterr().err
    assert list((config.parent / "demo" / "checkpoints").rglob("trainer_state.json"))
    assert main(["train", str(config), *options]) == 2
    assert "the guard stopped it there; set another guard_chosen_drop" in capsys.readouterr().err


def test_a_token_among_the_arguments_is_refused_since_settings_are_written_down() -> None:
    with pytest.raises(ValueError, match="hub_token is a secret"):
        TrainSettings(arguments={"hub_token": "hf_x"})
    assert TrainSettings(arguments={"average_tokens_across_devices": True}).arguments


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("a.jsonl", b'{"prompt": "a", "completion": "b"}\n{"prompt": "\xff"}\n', "a.jsonl: is not UTF-8"),
        ("b.jsonl", b'{"prompt": "a", "completion": "b"}\n' + b"[" * 100_000, "b.jsonl:2: malformed JSON"),
        ("c.jsonl", b'{"prompt": "a", "completion": "\\ud83d"}\n', "c.jsonl:1: holds half a character, '\\ud83d'"),
        ("d.parquet", b"PAR1PAR1", "d.parquet: is not a Parquet file"),
    ],
)
def test_texts_that_cannot_be_read_are_named_with_exit_code_2(
    config: Path, tmp_path: Path, name: str, content: bytes, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / name).write_bytes(content)
    assert main(["sft", str(config), "--sft.data", str(tmp_path / name)]) == 2
    assert told in capsys.readouterr().err


def test_a_folder_of_texts_whose_card_leads_out_of_it_is_refused(
    config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "private.jsonl").write_text('{"prompt": "a", "completion": "b"}\n')
    folder = tmp_path / "set"
    folder.mkdir()
    card = f"---\nconfigs:\n- config_name: default\n  data_files: {tmp_path}/private.jsonl\n---\n"
    (folder / "README.md").write_text(card)
    assert main(["sft", str(config), "--sft.data", str(folder)]) == 2
    assert "names data that are not in it" in capsys.readouterr().err


def test_pairs_of_others_that_cannot_be_trained_on_are_named_with_exit_code_2(
    config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one = read_rows(config.parent / "demo")[0]
    dataset = tmp_path / "other" / "dataset"
    dataset.mkdir(parents=True)
    file = dataset / "train-00000-of-00001.parquet"
    for row, told in (
        ({name: value for name, value in one.items() if name != "id"}, "field 'id': row 1 of the split 'train'"),
        ({**one, "id": 3}, "field 'id': row 1"),
        ({**one, "chosen": None}, "field 'chosen': row 1"),
        (None, f"{file}: is not a Parquet file"),
    ):
        if row is None:
            file.write_bytes(file.read_bytes()[:-9])
        else:
            pa.parquet.write_table(pa.Table.from_pylist([row]), file)
        for option in (["--train.also", f"[{dataset.parent}]"], ["--train.data", str(dataset.parent)]):
            assert main(["train", str(config), *option]) == 2
            assert told in capsys.readouterr().err
    file.unlink()
    file.symlink_to(next((config.parent / "demo" / "dataset").glob("train-*")))
    assert main(["train", str(config), "--train.data", str(dataset.parent)]) == 2
    assert "names data that are not in it" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("[1]", "must be an object, not list"),
        ("{", "cannot be read"),
        ("[" * 100_000, "cannot be read"),
        ('{"sources": 5}', "'sources' is not what `errata train` writes there"),
        ('{"sources": [5]}', "'sources' is not what"),
        ('{"beta": "0.1"}', "'beta' is not what"),
    ],
)
def test_a_record_that_training_did_not_write_is_named_with_exit_code_2(
    config: Path, tmp_path: Path, content: str, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    student = Path(shutil.copytree(Path(story.__file__).parent / "student", tmp_path / "student"))
    (student / "training.json").write_text(content)
    assert main(["evaluate", str(config), "--student.model", str(student)]) == 2
    said = capsys.readouterr().err
    assert f"{student}/training.json: " in said
    assert told in said


def test_only_the_students_own_code_is_run_where_it_is_trusted(config: Path, tmp_path: Path) -> None:
    student = Path(shutil.copytree(Path(story.__file__).parent / "student", tmp_path / "student"))
    (tmp_path / "link").symlink_to(student)
    (other := tmp_path / "other").mkdir()
    for trusted in (True, False):
        settings = load_settings(config, student, trusted)
        found = [runs_code(settings, str(model)) for model in (student, tmp_path / "link", other, "org/model")]
        assert found == [trusted, trusted, False, False]


def load_settings(config: Path, student: Path, trusted: bool) -> ErrataSettings:
    values = yaml.safe_load(config.read_text())
    values["student"] = {"engine": "transformers", "model": str(student), "trust_remote_code": trusted}
    return ErrataSettings(**values)
