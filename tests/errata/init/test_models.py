"""Students and teachers as people type them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from errata.init import models
from pipeline.engines import endpoint
from pipeline.errors import ConfigError

ROOT = Path(__file__).parents[3]
URL = "http://127.0.0.1:8000/v1"


def test_a_folder_a_hub_id_and_a_server_are_told_apart(student_dir: Path) -> None:
    assert models.make_student(str(student_dir)).engine == models.guess_engine()  # type: ignore[attr-defined]
    assert models.make_student("Qwen/Qwen3-1.7B", "vllm").local_model == "Qwen/Qwen3-1.7B"
    served = models.make_student(f"org/m:latest@{URL}", key="MY_KEY")
    assert served == endpoint.Settings(base_url=URL, model="org/m:latest", api_key_env="MY_KEY")


@pytest.mark.parametrize(
    ("told", "engine", "why"),
    [
        ("/nowhere", None, "there is no such folder"),
        ("typo", None, "neither a folder nor the id of a hub model"),
        ("", None, "a folder, a hub id"),
        (URL, None, "MODEL@ADDRESS"),
        (f"m@{URL}", "vllm", "is a server"),
        ("Qwen/Qwen3-1.7B", "vlm", "did you mean 'vllm'"),
        ("m@http://user:secret@host/v1", None, "must hold no key"),
    ],
)
def test_a_student_that_cannot_be_says_why(told: str, engine: str | None, why: str) -> None:
    with pytest.raises(ConfigError, match=why):
        models.make_student(told, engine)


def test_providers_are_those_of_the_documentation() -> None:
    shown = re.findall(r"```yaml\n(teachers:\n.*?)```", (ROOT / "docs" / "engines.md").read_text(), re.DOTALL)
    entries = [yaml.safe_load(text)["teachers"] for text in shown]
    documented = {name: entry for told in entries for name, entry in told.items() if entry["engine"] == "endpoint"}
    documented = {**{n: e for t in reversed(entries) for n, e in t.items() if e["engine"] == "endpoint"}}
    for name, preset in models.PRESETS.items():
        without = {key: value for key, value in preset.items() if not key.endswith("_price") or key in documented[name]}
        assert {"engine": "endpoint", **without} == documented[name], name


def test_teachers_are_providers_or_servers() -> None:
    assert models.make_teacher("deepseek")[1].model == "deepseek-chat"
    assert models.make_teacher("openai=gpt-9")[1].model == "gpt-9"
    name, engine = models.make_teacher(f"mine=m@{URL}")
    assert (name, engine.model, engine.base_url, engine.api_key_env) == ("mine", "m", URL, None)
    with pytest.raises(ConfigError, match="did you mean 'deepseek'"):
        models.make_teacher("deepsek")
    with pytest.raises(ConfigError, match="the name student is taken"):
        models.make_teacher(f"student=m@{URL}")


@pytest.mark.parametrize(
    "key", ["sk-abc123", "sk_live_51H8xYz0aBcDeFgHiJkLm", "AKIA1234567890ABCDEF", "hf_AbCdEf", "a b"]
)
def test_a_key_in_place_of_its_variable_is_refused_and_not_repeated(key: str) -> None:
    with pytest.raises(ConfigError) as refused:
        models.parse_variable(key)
    assert key not in str(refused.value)


def test_variables_are_taken_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    assert models.parse_variable("OPENAI_API_KEY") == "OPENAI_API_KEY"
    assert models.parse_variable("") is None
    monkeypatch.setenv("my_key", "x")
    assert models.parse_variable("my_key") == "my_key"
    engine = models.make_endpoint({"base_url": URL, "model": "m"}, "my_key")
    assert models.key_is_missing(engine) is None
    monkeypatch.delenv("my_key")
    assert models.key_is_missing(engine) == "my_key"


def test_small_models_get_room_and_rate_of_their_size(student_dir: Path) -> None:
    student = models.make_student(str(student_dir), "transformers")
    assert models.room_for_answers(student) == 256
    assert models.learning_rate(student.local_model) == models.SMALL_RATE
    assert models.room_for_answers(models.make_student("Qwen/Qwen3-1.7B")) == 1024
    assert models.learning_rate("Qwen/Qwen3-1.7B") == 1e-6


@pytest.mark.parametrize("text", ["[" * 100_000, "5", "{"])
def test_a_models_description_that_is_none_is_told_by_its_file(student_dir: Path, tmp_path: Path, text: str) -> None:
    student = models.make_student(str(student_dir), "transformers").model_copy(update={"model": str(tmp_path)})
    (tmp_path / "config.json").write_text(text)
    for read in (lambda: models.room_for_answers(student), lambda: models.learning_rate(str(tmp_path))):
        with pytest.raises(ConfigError, match=r"config\.json: "):
            read()


def test_a_server_on_this_machine_is_known_by_all_its_names() -> None:
    hosts = {"127.0.0.1:8": True, "a.localhost": True, "0.0.0.0": True, "host": False, "127.0.0.1.org": False}
    assert {host: models.is_local(models.make_student(f"m@http://{host}/v1")) for host in hosts} == hosts
