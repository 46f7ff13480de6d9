"""Every shipped configuration loads."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from errata.config import ErrataSettings, TrainSettings
from pipeline.errors import ConfigError
from pipeline.loading import load_settings

ROOT = Path(__file__).parents[2]
CONFIGS = sorted([*(ROOT / "configs").glob("*.yaml"), ROOT / "errata" / "demo" / "demo.yaml"])


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.name)
def test_a_shipped_configuration_loads(path: Path) -> None:
    settings = load_settings(path, cls=ErrataSettings)
    assert settings.run_dir.name == settings.name


SNIPPETS = re.findall(r"```yaml\n(.*?)```", (ROOT / "docs" / "engines.md").read_text(), re.DOTALL)


@pytest.mark.parametrize("snippet", SNIPPETS)
def test_a_snippet_of_the_documentation_is_all_that_changes(tmp_path: Path, snippet: str, monkeypatch) -> None:
    """The same run with another teacher or student: the snippet and nothing else; only a key is asked for."""
    sections = yaml.safe_load(snippet)
    (tmp_path / "p.jsonl").write_text('{"question": "1 + 1?", "answer": "2"}\n')
    run = {
        "name": "run",
        "problems": {"path": str(tmp_path / "p.jsonl")},
        "student": {"engine": "scripted", "replies": ["#### 2"]},
        "correct": {"rungs": [{"rung": "gold_guided", "teacher": t} for t in sections.get("teachers", {})]}
        if "teachers" in sections
        else {},
    }
    file = tmp_path / "config.yaml"
    file.write_text(yaml.safe_dump({**run, **sections}))
    settings = load_settings(file, cls=ErrataSettings)
    for teacher in settings.teachers.values():
        with pytest.raises(ConfigError, match=r"set the environment variable \w+_API_KEY"):
            teacher.check()
    for name in re.findall(r"\w+_API_KEY", snippet):
        monkeypatch.setenv(name, "x")
    for teacher in settings.teachers.values():
        teacher.check()


def test_four_providers_are_shown() -> None:
    assert len({line for snippet in SNIPPETS for line in re.findall(r"base_url: (\S+)", snippet)}) >= 4


@pytest.mark.parametrize(
    "arguments",
    [
        {"fsdp_config": {"hub_token": "x"}},
        {"push_to_hub_token": "x"},
        {"deepspeed": {"of": ["hf_abcdefghijklmnopqrst"]}},
        {"logging_dir": "s3://user:word@host/logs"},
    ],
)
def test_a_secret_among_the_arguments_of_training_is_refused_at_any_depth(arguments: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match=r"is a secret: set it in the environment"):
        TrainSettings(arguments=arguments)


def test_arguments_that_count_or_name_tokens_are_none() -> None:
    plain = {"pad_token": "<pad>", "include_num_input_tokens_seen": "all", "metric_for_best_model": "eval_loss"}
    assert TrainSettings(arguments={**plain, "fsdp_config": {"min_num_params": 1}}).arguments.keys() > plain.keys()
