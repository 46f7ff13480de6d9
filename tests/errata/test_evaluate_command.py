"""`errata evaluate` through the command line, on a small run of the demo world."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from errata.cli import main
from errata.demo import story
from errata.records import PairCredit, Rewards
from pipeline.measures.records import Evaluation


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo's run with 40 problems and 30 held-out ones, built and trained."""
    folder = tmp_path_factory.mktemp("runs")
    settings = story.make_settings(folder, ["--problems.limit", "40", "--pair.max_per_problem", "4"])
    story.write_problems(settings)
    told = settings.model_dump(mode="json")
    told["evaluate"]["problems"]["limit"] = 30
    told["evaluate"] |= {"second_turn": {}, "samples": 2}
    file = folder / "run.yaml"
    file.write_text(yaml.safe_dump(told))
    assert main(["build", str(file)]) == 0
    return file


def test_before_training_the_student_is_measured_alone(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate", str(config)]) == 0
    out = capsys.readouterr().out
    assert "30 held-out problems" in out
    assert "`errata train` makes one" in out
    assert not (config.parent / "demo" / "rewards.json").exists()


def test_after_training_models_second_turns_and_rewards_are_told(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = config.parent / "demo"
    assert main(["train", str(config)]) == 0
    capsys.readouterr()
    teacher = Path(story.__file__).parent / "teacher"
    assert main(["evaluate", str(config), "--model", f"teacher={teacher}"]) == 0
    out = capsys.readouterr().out
    for said in ("before", "after", "teacher", "pass@2", "maj@2", "Asked to check", "Implicit reward"):
        assert said in out
    made = Evaluation.model_validate_json((run / "evaluation.json").read_bytes())
    assert list(made.models) == ["before", "after", "teacher"]
    assert list(made.held_out.changes) == ["after", "teacher"]
    rewards = Rewards.model_validate_json((run / "rewards.json").read_bytes())
    credits = [PairCredit.model_validate_json(line) for line in (run / "rewards.jsonl").read_text().splitlines()]
    assert 0 < rewards.pairs <= len(credits)
    assert main(["evaluate", str(config), "--json"]) == 0
    told: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert list(told["models"]) == ["before", "after"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--model", "teacher"], "give NAME=MODEL"),
        (["--model", "before=x"], "the name is taken"),
        (["--model", "other=./nowhere"], "nowhere"),
        (["--evaluate.samples", "1", "--evaluate.k", "[2]"], "not between 1 and samples"),
    ],
)
def test_bad_models_and_settings_are_told_with_exit_code_2(
    config: Path, options: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["evaluate", str(config), *options]) == 2
    assert said in capsys.readouterr().err


def test_a_held_out_problem_that_was_trained_on_ends_with_2(
    config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    told = yaml.safe_load(config.read_text())
    told["evaluate"]["problems"] = {**told["problems"], "limit": 3}
    (tmp_path / "leaky.yaml").write_text(yaml.safe_dump(told))
    assert main(["evaluate", str(tmp_path / "leaky.yaml")]) == 2
    assert "Evaluation problems that were trained on: 3 of 3" in capsys.readouterr().err
