"""Training's curves, and what is said of displacement."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from errata.report.page import script_json
from errata.report.run_reading import RunFiles, Training, read_run
from errata.report.run_training import (
    describe_rewards,
    describe_training,
    finite_log,
    rewards_section,
    training_section,
)
from tests.errata.report.make_run import make_log, make_rewards, make_training
from tests.errata.report.test_audit_page import Read


def make_files(folder: Path, log: list[dict[str, float]], rewards: Any = None) -> RunFiles:
    """A folder with nothing but what training left."""
    (folder / "attempts.jsonl").write_text("")
    (folder / "policy").mkdir()
    (folder / "policy" / "training.json").write_text(json.dumps(make_training(log=log)))
    if rewards is not None:
        (folder / "rewards.json").write_text(rewards.model_dump_json())
    return read_run(folder)


def test_each_curve_has_the_values_of_the_log(tmp_path: Path) -> None:
    log = make_log()
    section = training_section(make_files(tmp_path, log))
    assert {key.removeprefix("run-train-") for key in section.figures} == {
        *("loss", "margin", "ranked", "change", "displacement", "kl", "norm", "rate")
    }
    curves = {trace["name"]: trace for trace in section.figures["run-train-margin"]["data"]}
    assert curves["margin"]["x"] == [5, 10, 15, 20, 25, 30]
    assert curves["margin"]["y"] == pytest.approx([0.1 * step for step in range(1, 7)])
    assert curves["margin, validation"]["y"] == [0.44]
    assert set(curves) == {"margin", "margin, validation", "chosen", "rejected"}
    assert [trace["name"] for trace in section.figures["run-train-loss"]["data"]] == ["train", "validation"]


def test_values_that_are_no_numbers_are_gaps_and_are_counted(tmp_path: Path) -> None:
    log = make_log()
    log[1]["loss"], log[2]["kl"] = math.nan, math.inf
    run = make_files(tmp_path, log)
    section = training_section(run)
    assert section.figures["run-train-loss"]["data"][0]["y"][1] is None
    script_json(section.figures)  # raises where a NaN is left
    assert "2 values of the log are no finite numbers" in Read(section.body).text
    assert run.training is not None
    assert [line.get("loss") for line in finite_log(run.training)][1] is None


def test_a_log_without_a_reference_shows_what_it_has(tmp_path: Path) -> None:
    log = [{"loss": 0.5, "step": 5}, {"loss": 0.4, "step": 10}, {"train_runtime": 1.0}]
    section = training_section(make_files(tmp_path, log))
    assert set(section.figures) == {"run-train-loss"}
    assert "The loss went from 0.500 to 0.400." in Read(section.body).text


def test_a_fall_of_the_chosen_texts_is_called_displacement() -> None:
    found = Training.model_validate(make_training(log=make_log(drift=-0.1)))
    assert "become less likely (−0.60 nats a text): the margin comes from rejected" in describe_training(found)
    assert describe_rewards(make_rewards(-1.0)).startswith("Displacement: the chosen texts have become less likely")
    assert "cannot be told" in describe_rewards(make_rewards(0.1))
    assert "learns to write them" in describe_rewards(make_rewards(0.5))


def test_rewards_of_training_pairs_and_without_answers_say_so(tmp_path: Path) -> None:
    rewards = make_rewards(split="train", divergence=None)
    text = Read(rewards_section(make_files(tmp_path, make_log(), rewards)).body).text
    assert "There is no validation pair" in text
    assert "KL to the reference" not in text
